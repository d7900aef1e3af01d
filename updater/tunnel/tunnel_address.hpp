#pragma once

#include <optional>
#include <set>
#include <span>

#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "wg/device.hpp"

namespace updater {

/// The peer's own address inside the tunnel: its first host route of a family of which the device
/// has an address itself; nullopt: nothing can be sent to the peer alone.
[[nodiscard]] std::optional<base::IpAddress> find_tunnel_address(
    const wg::DevicePeer& peer, const wg::Device& device,
    std::span<const base::InterfaceAddress> host);

/// Where the private view of the zone is asked, and this host's announcements go: port 53 at the
/// hub's own address inside the tunnel, which is the only host route of its family in the hub's
/// allowed-ips. \param host to prefer the family in which the device can ask.
/// \return nullopt: no hub has such an address, or one has several of a family.
[[nodiscard]] std::optional<base::Endpoint> find_private_server(
    const wg::Device& device, const std::set<wg::PublicKey>& hubs,
    std::span<const base::InterfaceAddress> host);

}  // namespace updater
