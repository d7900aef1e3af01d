#include "dnsd/listen/listener_plan.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dnsd {
namespace {

base::Prefix single(const base::IpAddress& address) {
  return *base::Prefix::make(address, address.is_ipv4() ? 32 : 128);
}

bool is_ipv6_link_local(const base::IpAddress& address) {
  return !address.is_ipv4() && address.is_link_local();
}

bool is_wireguard(const base::InterfaceAddress& entry, const HostAddresses& host) {
  const auto& names = host.wireguard_interfaces;
  return std::find(names.begin(), names.end(), entry.interface) != names.end();
}

/// Where the host has this address; a WireGuard interface is preferred. \return nullptr: nowhere.
const base::InterfaceAddress* find_address(const base::IpAddress& address,
                                           const HostAddresses& host) {
  const base::InterfaceAddress* found = nullptr;
  for (const auto& entry : host.addresses) {
    if (entry.address != address) continue;
    if (is_wireguard(entry, host)) return &entry;
    if (found == nullptr) found = &entry;
  }
  return found;
}

/// A listener on one address that the host has. One rule for UDP and TCP: the socket itself is tied
/// to the WireGuard interface, and the kernel delivers nothing else to it. The address alone would
/// not do: Linux accepts a packet for any of its addresses on any of its interfaces.
PlannedListener plan_address(const ListenAddress& wanted, const base::InterfaceAddress& entry,
                             const HostAddresses& host, PlannedListener::Origin origin) {
  PlannedListener result{.address = {.endpoint = {entry.address, wanted.endpoint.port}},
                         .view = wanted.view,
                         .origin = origin};
  if (is_ipv6_link_local(entry.address)) result.address.scope = entry.interface_index;
  if (wanted.view == View::private_view && is_wireguard(entry, host)) {
    result.address.device = entry.interface;
    result.address.device_index = entry.interface_index;
  }
  return result;
}

PlannedListener plan_named_address(const ListenAddress& wanted, const HostAddresses& host) {
  constexpr auto origin = PlannedListener::Origin::address;
  const base::IpAddress& address = wanted.endpoint.address;
  if (const auto* entry = find_address(address, host)) {
    return plan_address(wanted, *entry, host, origin);
  }
  // Not an address of an interface, but perhaps one that can be bound (127.0.0.2, a route of type
  // local). A private listener must know its interface first.
  const bool absent =
      is_ipv6_link_local(address) || (wanted.view == View::private_view && !address.is_loopback());
  return {.address = {.endpoint = wanted.endpoint},
          .view = wanted.view,
          .origin = origin,
          .absent = absent};
}

}  // namespace

bool is_exposed(const BindAddress& address) {
  const base::IpAddress& at = address.endpoint.address;
  return address.device.empty() && at.scope() != base::AddressScope::private_use &&
         !at.is_loopback() && !at.is_link_local();
}

std::optional<std::string> exposure_warning(const PlannedListener& plan) {
  if (plan.view == View::public_view || plan.absent || !is_exposed(plan.address))
    return std::nullopt;
  const base::Endpoint& at = plan.address.endpoint;
  return fmt::format(
      "private listener on {}: everybody who reaches {} sees the private view, at the rate of "
      "rate-limit; listen on an address of a WireGuard interface, or on a private one",
      at.to_string(), at.address.is_unspecified() ? "this host" : "this public address");
}

std::vector<PlannedListener> plan_listeners(std::span<const ListenAddress> wanted,
                                            const HostAddresses& host,
                                            const std::set<base::Endpoint>& refused) {
  std::vector<PlannedListener> result;
  const auto add = [&result](PlannedListener listener) {
    const auto is_same_place = [&](const PlannedListener& other) {
      return other.address.endpoint == listener.address.endpoint &&
             other.address.scope == listener.address.scope;
    };
    if (std::none_of(result.begin(), result.end(), is_same_place)) {
      result.push_back(std::move(listener));
    }
  };
  // Named addresses go first: they win over the same address as one of many.
  for (const auto& listener : wanted) {
    if (!listener.endpoint.address.is_unspecified()) add(plan_named_address(listener, host));
  }
  for (const auto& listener : wanted) {
    if (!listener.endpoint.address.is_unspecified()) continue;
    if (!refused.contains(listener.endpoint)) {
      add({.address = {.endpoint = listener.endpoint},
           .view = listener.view,
           .origin = PlannedListener::Origin::wildcard});
      continue;
    }
    for (const auto& entry : host.addresses) {
      if (entry.address.family() != listener.endpoint.address.family()) continue;
      add(plan_address(listener, entry, host, PlannedListener::Origin::one_of_many));
    }
  }
  return result;
}

std::vector<BindAddress> plan_shortcuts(const BindAddress& wildcard, const HostAddresses& host,
                                        std::span<const PlannedListener> planned) {
  std::vector<BindAddress> result;
  for (const auto& entry : host.addresses) {
    if (entry.address.family() != wildcard.endpoint.address.family()) continue;
    const BindAddress address{.endpoint = {entry.address, wildcard.endpoint.port}};
    const auto is_there = [&](const BindAddress& other) { return other == address; };
    const auto is_place = [&](const PlannedListener& other) {
      return other.address.endpoint == address.endpoint;
    };
    if (is_ipv6_link_local(entry.address) || result.size() == max_shortcuts ||
        std::any_of(result.begin(), result.end(), is_there) ||
        std::any_of(planned.begin(), planned.end(), is_place))
      continue;
    result.push_back(address);
  }
  return result;
}

LoopGuard make_loop_guard(std::span<const BindAddress> bound, const HostAddresses& host) {
  static const base::Prefix loopback = *base::Prefix::parse("127.0.0.0/8");
  std::set<OwnPlace> places;
  for (const BindAddress& one : bound) {
    const base::Endpoint& at = one.endpoint;
    if (!at.address.is_unspecified()) {
      places.insert({.addresses = single(at.address), .port = at.port, .scope = one.scope});
      continue;
    }
    for (const auto& entry : host.addresses) {
      if (entry.address.family() != at.address.family()) continue;
      // Every address of 127.0.0.0/8 is this host's, whichever of them an interface has.
      const bool is_local_net = loopback.contains(entry.address);
      places.insert({.addresses = is_local_net ? loopback : single(entry.address),
                     .port = at.port,
                     .scope = is_ipv6_link_local(entry.address) ? entry.interface_index : 0});
    }
  }
  return LoopGuard({places.begin(), places.end()});
}

}  // namespace dnsd
