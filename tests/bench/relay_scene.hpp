#pragma once

#include <cstdint>
#include <vector>

#include "base/endpoint.hpp"
#include "noise/message.hpp"
#include "wg/secret_keys.hpp"

/// The peers, places and sessions of the benchmarks of the relay. All follow from numbers, and the
/// same numbers give the same in every program. The receiver index of a session's data names the
/// peer that it is for, so that a forwarder without any table can send it there.
namespace bench {

/// Where the point, or another forwarder, listens, in a network of its own.
[[nodiscard]] base::IpAddress relay_address();
/// All peers have this port, each behind an address of its own in 198.18.0.0/15 (RFC 2544).
inline constexpr std::uint16_t relayed_port = 51820;
inline constexpr std::uint32_t first_relayed_address = 0xc6120000;  // 198.18.0.0
inline constexpr std::uint32_t max_relayed_peers = 1U << 17U;

/// \param peer below `max_relayed_peers`
[[nodiscard]] base::Endpoint place_of_relayed(std::uint32_t peer);
/// Not drawn at random: of benchmarks alone.
[[nodiscard]] wg::PrivateKey key_of_relayed(std::uint32_t peer);

inline constexpr unsigned session_bits = 32 - 17;
inline constexpr std::uint32_t index_spread = 0x9e3779b1;  // odd: a permutation of all numbers
inline constexpr std::uint32_t index_gather = 0x0e8b2f51;
static_assert(index_spread * index_gather == 1);

/// The index of data for `to` in its session number `session`, which is below 2^15. Consecutive
/// numbers give indices that look drawn at random, as they are in life.
[[nodiscard]] constexpr noise::SessionIndex index_for(std::uint32_t to, std::uint32_t session) {
  return ((to << session_bits) | session) * index_spread;
}
/// The peer that data with this index is for.
[[nodiscard]] constexpr std::uint32_t target_of(noise::SessionIndex index) {
  return (index * index_gather) >> session_bits;
}

/// That session's number.
[[nodiscard]] constexpr std::uint32_t session_of(noise::SessionIndex index) {
  return (index * index_gather) & ((1U << session_bits) - 1);
}

/// What `from` sends under `index` is for `to`.
struct RelayedWay {
  std::uint32_t from;
  std::uint32_t to;
  noise::SessionIndex index;
};
/// Ways between `peers` peers, an even number: each has as many partners as it takes to make about
/// `count` ways, which go in both directions.
[[nodiscard]] std::vector<RelayedWay> relayed_ways(std::uint32_t peers, std::uint32_t count);

}  // namespace bench
