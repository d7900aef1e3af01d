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

}  // namespace updater
