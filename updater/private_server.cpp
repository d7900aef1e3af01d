#include "updater/private_server.hpp"

#include <algorithm>

#include "dns/server_address.hpp"
#include "updater/candidates.hpp"

namespace updater {

std::optional<base::Endpoint> find_private_server(const wg::Device& device,
                                                  const std::set<wg::PublicKey>& hubs,
                                                  std::span<const base::InterfaceAddress> host) {
  for (const wg::DevicePeer& peer : device.peers) {
    if (hubs.count(peer.public_key) == 0) continue;
    const auto address = find_tunnel_address(peer, device, host);
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
