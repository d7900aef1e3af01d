#include "noise/keyed_blake2s.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace noise {
namespace {

using Words16 = std::array<std::uint32_t, 16>;

/// RFC 7693 §2.6.
constexpr std::array<std::uint32_t, 8> initial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
/// RFC 7693 §2.7: which word of the block each step of a round takes.
constexpr std::array<std::array<std::size_t, 16>, 10> schedule = {{
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4},
    {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13},
    {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11},
    {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5},
    {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
}};

/// RFC 7693 §3.1.
inline void mix(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d,
                std::uint32_t x, std::uint32_t y) {
  a += b + x;
  d = std::rotr(d ^ a, 16);
  c += d;
  b = std::rotr(b ^ c, 12);
  a += b + y;
  d = std::rotr(d ^ a, 8);
  c += d;
  b = std::rotr(b ^ c, 7);
}

template <std::size_t number>
inline void do_round(Words16& v, const Words16& m) {
  constexpr const auto& s = schedule[number];
  mix(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
  mix(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
  mix(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
  mix(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
  mix(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
  mix(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
  mix(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
  mix(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
}

/// Unrolled: the words that a step takes are known to the compiler.
template <std::size_t... numbers>
inline void do_rounds(Words16& v, const Words16& m, std::index_sequence<numbers...> /*all*/) {
  (do_round<numbers>(v, m), ...);
}

std::uint32_t little_endian(std::uint32_t word) {
  return std::endian::native == std::endian::little ? word : __builtin_bswap32(word);
}

}  // namespace

KeyedBlake2s::KeyedBlake2s(base::Bytes key) : unkeyed_(initial) {
  assert(!key.empty() && key.size() <= 32);
  std::copy(key.begin(), key.end(), key_block_.begin());
  // RFC 7693 §2.5: depth and fanout 1, the lengths of key and output.
  unkeyed_[0] ^= 0x01010000U ^ (static_cast<std::uint32_t>(key.size()) << 8U) ^
                 static_cast<std::uint32_t>(std::tuple_size_v<Mac>);
  keyed_ = unkeyed_;
  compress(keyed_, key_block_, block_octets, false);
}

KeyedBlake2s::~KeyedBlake2s() {
  OPENSSL_cleanse(key_block_.data(), key_block_.size());
  OPENSSL_cleanse(keyed_.data(), sizeof keyed_);
}

Mac KeyedBlake2s::operator()(base::Bytes input) const {
  State state = keyed_;
  std::uint64_t octets = block_octets;
  for (; input.size() > block_octets; input = input.subspan(block_octets))
    compress(state, input.first(block_octets), octets += block_octets, false);
  if (input.empty()) {
    state = unkeyed_;
    compress(state, key_block_, block_octets, true);
  } else {
    Block last{};
    std::copy(input.begin(), input.end(), last.begin());
    compress(state, last, octets + input.size(), true);
  }
  Mac result{};
  for (std::uint32_t& word : state) word = little_endian(word);
  std::memcpy(result.data(), state.data(), result.size());
  return result;
}

/// RFC 7693 §3.2.
void KeyedBlake2s::compress(State& state, base::Bytes block, std::uint64_t octets_so_far,
                            bool is_last) {
  assert(block.size() == block_octets);
  Words16 m;
  std::memcpy(m.data(), block.data(), block_octets);
  for (std::uint32_t& word : m) word = little_endian(word);
  Words16 v;
  std::copy(state.begin(), state.end(), v.begin());
  std::copy(initial.begin(), initial.end(), v.begin() + 8);
  v[12] ^= static_cast<std::uint32_t>(octets_so_far);
  v[13] ^= static_cast<std::uint32_t>(octets_so_far >> 32U);
  if (is_last) v[14] = ~v[14];
  do_rounds(v, m, std::make_index_sequence<schedule.size()>{});
  for (std::size_t i = 0; i < state.size(); ++i) state[i] ^= v[i] ^ v[i + 8];
}

}  // namespace noise
