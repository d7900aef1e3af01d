#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "wg/device.hpp"

namespace updater {

/// Why an endpoint is never set (doc/protocol.md §4.5), as a clause for the log; nullopt: it may be
/// set. These are refused: addresses that are never published, this host's own, those of a family
/// that this host has no address of, and those that would send the tunnel into itself. \param host
/// this host's addresses.
[[nodiscard]] std::optional<std::string> refuse_endpoint(
    const base::Endpoint& endpoint, const wg::Device& device,
    std::span<const base::InterfaceAddress> host);

/// One place that an attempt tries: an endpoint of the peer, or a hub that passes packets on to it.
struct Candidate {
  base::Endpoint endpoint;
  std::optional<wg::PublicKey> relay = {};  ///< the hub; none: the endpoint is the peer's

  friend bool operator==(const Candidate&, const Candidate&) = default;
};

/// Where hubs that pass packets on stand among a peer's candidates.
enum class RelayPlace : std::uint8_t {
  none,
  after,  ///< behind the published endpoints and those on this network
  first,
  only,  ///< no direct way can succeed
};

/// Where a peer's candidates come from. "Own network" is the peer's.
struct CandidateSources {
  std::vector<base::Endpoint> near_lan;     ///< own network, on a link of this host; answers there
  std::vector<base::Endpoint> published;    ///< in DNS
  std::optional<base::Endpoint> last_good;  ///< the last one that worked
  std::vector<base::Endpoint> far_lan;      ///< own network, anywhere else
};

inline constexpr std::size_t max_candidates = 8;

/// The candidates in the order in which they are tried: near_lan, published IPv6, published IPv4,
/// last_good, far_lan. Each one once, at most max_candidates.
[[nodiscard]] std::vector<base::Endpoint> order_candidates(const CandidateSources& sources);

/// Whether the lists have an address in common. Two peers seen at one address are behind one NAT.
[[nodiscard]] bool share_address(std::span<const base::Endpoint> one,
                                 std::span<const base::Endpoint> other);

}  // namespace updater
