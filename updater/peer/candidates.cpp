#include "updater/peer/candidates.hpp"

#include <algorithm>

namespace updater {
namespace {

/// Whether packets of that family can leave the host outside the tunnel itself.
bool has_family(base::Family family, const wg::Device& device,
                std::span<const base::InterfaceAddress> host) {
  return std::any_of(host.begin(), host.end(), [&](const base::InterfaceAddress& own) {
    return own.is_up && own.interface != device.name && own.address.family() == family &&
           own.address.scope() != base::AddressScope::never;
  });
}

/// The allowed-ips that would route packets to `address` into the tunnel; nullopt: none. With a
/// firewall mark, WireGuard's own packets avoid the tunnel's default route (wg-quick(8)), be it one
/// route or two halves.
std::optional<base::Prefix> find_loop(const base::IpAddress& address, const wg::Device& device) {
  for (const wg::DevicePeer& peer : device.peers) {
    for (const base::Prefix& prefix : peer.allowed_ips) {
      if (device.firewall_mark != 0 && prefix.length() <= 1) continue;
      if (prefix.contains(address)) return prefix;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> refuse_endpoint(const base::Endpoint& endpoint, const wg::Device& device,
                                           std::span<const base::InterfaceAddress> host) {
  const base::IpAddress& address = endpoint.address;
  if (base::to_number(endpoint.port) == 0) return "port 0 is nobody's";
  if (address.scope() == base::AddressScope::never) return "such an address is never published";
  if (const auto prefix = find_loop(address, device))
    return "it lies inside the allowed-ips " + prefix->to_string() + " of the tunnel itself";
  const bool is_own = std::any_of(host.begin(), host.end(),
                                  [&](const auto& own) { return own.address == address; });
  if (is_own) return "it is this host's own address";
  if (!has_family(address.family(), device, host))
    return address.is_ipv4() ? "this host has no IPv4 address" : "this host has no IPv6 address";
  return std::nullopt;
}

std::vector<base::Endpoint> order_candidates(const CandidateSources& sources) {
  std::vector<base::Endpoint> published = sources.published;
  std::stable_partition(published.begin(), published.end(),
                        [](const auto& endpoint) { return !endpoint.address.is_ipv4(); });
  std::vector<base::Endpoint> ordered;
  const auto append = [&](std::span<const base::Endpoint> endpoints) {
    for (const base::Endpoint& endpoint : endpoints) {
      if (ordered.size() < max_candidates &&
          std::find(ordered.begin(), ordered.end(), endpoint) == ordered.end())
        ordered.push_back(endpoint);
    }
  };
  append(sources.near_lan);
  append(published);
  if (sources.last_good) append({&*sources.last_good, 1});
  append(sources.far_lan);
  return ordered;
}

bool share_address(std::span<const base::Endpoint> one, std::span<const base::Endpoint> other) {
  return std::any_of(one.begin(), one.end(), [&](const base::Endpoint& endpoint) {
    return std::any_of(other.begin(), other.end(), [&](const base::Endpoint& candidate) {
      return candidate.address == endpoint.address;
    });
  });
}

}  // namespace updater
