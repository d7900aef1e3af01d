#include "dnsd/host/reached_at.hpp"

#include <algorithm>
#include <vector>

namespace dnsd {
namespace {

using base::AddressScope;

/// The addresses of that family and scope that this host has outside its tunnels, in order.
std::vector<base::IpAddress> addresses_of(const HostAddresses& host, base::Family family,
                                          AddressScope scope) {
  const auto& tunnels = host.wireguard_interfaces;
  std::vector<base::IpAddress> result;
  for (const base::InterfaceAddress& one : host.addresses) {
    const bool is_tunnel =
        std::find(tunnels.begin(), tunnels.end(), one.interface) != tunnels.end();
    if (!is_tunnel && one.address.family() == family && one.address.scope() == scope)
      result.push_back(one.address);
  }
  std::sort(result.begin(), result.end());
  return result;
}

/// The global addresses of that family of the name servers, in their order.
std::vector<base::IpAddress> addresses_of(std::span<const NameServer> name_servers,
                                          base::Family family) {
  std::vector<base::IpAddress> result;
  for (const NameServer& server : name_servers) {
    for (const base::IpAddress& address : server.addresses) {
      if (address.family() == family && address.scope() == AddressScope::global)
        result.push_back(address);
    }
  }
  return result;
}

}  // namespace

std::optional<base::Endpoint> reached_at(const base::Endpoint& listen, const HostAddresses& host,
                                         std::span<const NameServer> name_servers) {
  const base::Family family = listen.address.family();
  const bool is_bound = !listen.address.is_unspecified();
  if (is_bound && listen.address.scope() == AddressScope::global) return listen;
  if (is_bound && listen.address.scope() == AddressScope::never) return std::nullopt;
  const auto global = addresses_of(host, family, AddressScope::global);
  const auto named = addresses_of(name_servers, family);
  if (global.empty()) {
    // Without any address of the family here, a name server's belongs to another host.
    const bool may_be_translated = is_bound || host.addresses.empty() ||
                                   !addresses_of(host, family, AddressScope::private_use).empty();
    if (may_be_translated && !named.empty()) return base::Endpoint{named.front(), listen.port};
  }
  if (is_bound) return listen;
  if (global.empty()) return std::nullopt;
  const auto own = std::find_first_of(named.begin(), named.end(), global.begin(), global.end());
  return base::Endpoint{own == named.end() ? global.front() : *own, listen.port};
}

}  // namespace dnsd
