#include "noise/mac_search.hpp"

#include <algorithm>
#include <cstring>

#include "noise/blake2s_rounds.hpp"
#include "noise/keyed_blake2s.hpp"
#include "noise/mac_checker.hpp"

namespace noise {
namespace {

constexpr std::size_t mac_lanes = 4;
/// One word of each of four states: a register of SSE2 and NEON, which every processor of their
/// kinds has.
using Lanes [[gnu::vector_size(4 * mac_lanes)]] = std::uint32_t;
using Group = std::array<const MacState*, mac_lanes>;

/// The part of the message that mac1 covers, read once.
struct Covered {
  static constexpr std::size_t most = 2;  // 116 octets of an initiation, 60 of a response

  explicit Covered(base::Bytes octets) : size(octets.size()) {
    for (; count < most && (count == 0 || !octets.empty()); ++count) {
      std::array<std::uint8_t, 64> block{};
      const std::size_t part = std::min(octets.size(), block.size());
      std::copy_n(octets.begin(), part, block.begin());
      octets = octets.subspan(part);
      blocks[count] = blake2s::read_block(block);
    }
  }

  std::size_t size;
  std::size_t count = 0;
  std::array<blake2s::Block, most> blocks{};
};

/// One bit for each.
std::uint32_t matching(const Group& group, const Covered& covered,
                       const std::array<std::uint32_t, 4>& mac) {
  std::array<Lanes, 8> state;
  for (std::size_t word = 0; word < state.size(); ++word) {
    for (std::size_t lane = 0; lane < mac_lanes; ++lane) state[word][lane] = (*group[lane])[word];
  }
  constexpr std::uint64_t key_block = 64;
  for (std::size_t i = 0; i < covered.count; ++i) {
    const bool is_last = i + 1 == covered.count;
    blake2s::compress(state, covered.blocks[i], key_block + (is_last ? covered.size : 64 * (i + 1)),
                      is_last);
  }
  Lanes difference = state[0] ^ mac[0];
  for (std::size_t word = 1; word < mac.size(); ++word) difference |= state[word] ^ mac[word];
  std::uint32_t result = 0;
  for (std::size_t lane = 0; lane < mac_lanes; ++lane)
    result |= static_cast<std::uint32_t>(difference[lane] == 0) << lane;
  return result;
}

}  // namespace

MacState mac1_state(const wg::PublicKey& receiver) {
  return mac1_of(receiver).state();
}

std::optional<std::size_t> find_receiver(std::span<const MacState* const> receivers,
                                         const Macs& macs) {
  const Covered covered(macs.before_mac1);
  std::array<std::uint32_t, 4> mac{};
  std::memcpy(mac.data(), macs.mac1.data(), std::min(macs.mac1.size(), sizeof mac));
  for (std::uint32_t& word : mac) word = blake2s::little_endian(word);
  for (std::size_t begin = 0; begin < receivers.size(); begin += mac_lanes) {
    const auto some = receivers.subspan(begin, std::min(mac_lanes, receivers.size() - begin));
    Group group;
    group.fill(some[0]);
    std::copy(some.begin(), some.end(), group.begin());
    const std::uint32_t found = matching(group, covered, mac);
    if (found != 0) return begin + static_cast<std::size_t>(__builtin_ctz(found));
  }
  return std::nullopt;
}

}  // namespace noise
