#pragma once

#include <optional>
#include <set>
#include <span>

#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "wg/device.hpp"

namespace updater {

/// A peer's own address inside the tunnel: the first host route (/32, /128) of its allowed-ips, of
/// a family in which the device itself has an address. nullopt: there is none, so nothing can be
/// sent to the peer.
[[nodiscard]] std::optional<base::IpAddress> find_tunnel_address(
    std::span<const base::Prefix> allowed_ips, const wg::Device& device,
    std::span<const base::InterfaceAddress> host);

/// The server of the private view, where this host's announcements go, too: port 53 at the hub's
/// own address inside the tunnel. That is the only host route of its family in the hub's
/// allowed-ips. \param host this host's addresses: the device has to have one of that family.
/// \return nullopt: no hub has such an address; a hub with several of the family has none.
[[nodiscard]] std::optional<base::Endpoint> find_private_server(
    const wg::Device& device, const std::set<wg::PublicKey>& hubs,
    std::span<const base::InterfaceAddress> host);

}  // namespace updater
