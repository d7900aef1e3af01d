#include "updater/tunnel/tunnel_address.hpp"

#include <algorithm>

#include "dns/server_address.hpp"

namespace updater {

std::optional<base::IpAddress> find_tunnel_address(std::span<const base::Prefix> allowed_ips,
                                                   const wg::Device& device,
                                                   std::span<const base::InterfaceAddress> host) {
  for (const base::Prefix& prefix : allowed_ips) {
    if (!prefix.is_host()) continue;
    const bool has_own = std::any_of(host.begin(), host.end(), [&](const auto& own) {
      return own.interface == device.name && own.is_up &&
             own.address.family() == prefix.address().family() &&
             own.address.scope() != base::AddressScope::never;
    });
    if (has_own) return prefix.address();
  }
  return std::nullopt;
}

std::optional<base::Endpoint> find_private_server(const wg::Device& device,
                                                  const std::set<wg::PublicKey>& hubs,
                                                  std::span<const base::InterfaceAddress> host) {
  for (const wg::DevicePeer& peer : device.peers) {
    if (hubs.count(peer.public_key) == 0) continue;
    const auto address = find_tunnel_address(peer.allowed_ips, device, host);
    if (!address) continue;
    const auto rivals = std::count_if(
        peer.allowed_ips.begin(), peer.allowed_ips.end(), [&](const base::Prefix& prefix) {
          return prefix.is_host() && prefix.address().family() == address->family();
        });
    if (rivals == 1) return base::Endpoint{*address, dns::dns_port};
  }
  return std::nullopt;
}

}  // namespace updater
