#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

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

/// From where a peer's candidates come.
struct CandidateSources {
  std::vector<base::Endpoint> near_lan;     ///< on a link of this host, and they answer there
  std::vector<base::Endpoint> published;    ///< what DNS says
  std::optional<base::Endpoint> last_good;  ///< what worked last
  std::vector<base::Endpoint> far_lan;      ///< on its own network, wherever that is
};

inline constexpr std::size_t max_candidates = 8;

/// The order in which they are tried: same network, observed IPv6, observed IPv4, last-known-good,
/// other network; each once, at most max_candidates.
[[nodiscard]] std::vector<base::Endpoint> order_candidates(const CandidateSources& sources);

/// Whether both lists have an address in common: then both peers are behind one NAT.
[[nodiscard]] bool share_address(std::span<const base::Endpoint> one,
                                 std::span<const base::Endpoint> other);

}  // namespace updater
