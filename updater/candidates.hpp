#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "wg/device.hpp"

namespace updater {

/// Why an endpoint is never set (design §4.6), as a clause for the log; nullopt: it may be. Refused
/// are: what nobody publishes, this host's own addresses, a family that this host has no address
/// of, and what would send the tunnel into itself.
[[nodiscard]] std::optional<std::string> refuse_endpoint(
    const base::Endpoint& endpoint, const wg::Device& device,
    std::span<const base::InterfaceAddress> host);

/// The peer's own address inside the tunnel: its first host route of a family of which the device
/// has an address itself; nullopt: nothing can be sent to the peer alone.
[[nodiscard]] std::optional<base::IpAddress> find_tunnel_address(
    const wg::DevicePeer& peer, const wg::Device& device,
    std::span<const base::InterfaceAddress> host);

}  // namespace updater
