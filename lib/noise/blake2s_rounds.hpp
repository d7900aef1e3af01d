#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

/// The compression function of BLAKE2s (RFC 7693 §3.2), for one state or for several side by side:
/// a Word is a number, or a vector of them. Always inlined, so that it is compiled for the
/// instruction set of its caller.
namespace noise::blake2s {

/// RFC 7693 §2.6.
inline constexpr std::array<std::uint32_t, 8> initial = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
/// RFC 7693 §2.7: which word of the block each step of a round takes.
inline constexpr std::array<std::array<std::size_t, 16>, 10> schedule = {{
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

using Block = std::array<std::uint32_t, 16>;

[[nodiscard]] inline std::uint32_t little_endian(std::uint32_t word) {
  return std::endian::native == std::endian::little ? word : __builtin_bswap32(word);
}

[[nodiscard]] inline Block read_block(std::span<const std::uint8_t, 64> octets) {
  Block block;
  std::memcpy(block.data(), octets.data(), sizeof block);
  for (std::uint32_t& word : block) word = little_endian(word);
  return block;
}

template <unsigned count, typename Word>
[[gnu::always_inline]] inline void turn_right(Word& word) {
  word = (word >> count) | (word << (32 - count));
}

/// RFC 7693 §3.1.
template <typename Word>
[[gnu::always_inline]] inline void mix(Word& a, Word& b, Word& c, Word& d, std::uint32_t x,
                                       std::uint32_t y) {
  a += b + x;
  d ^= a;
  turn_right<16>(d);
  c += d;
  b ^= c;
  turn_right<12>(b);
  a += b + y;
  d ^= a;
  turn_right<8>(d);
  c += d;
  b ^= c;
  turn_right<7>(b);
}

template <std::size_t number, typename Word>
[[gnu::always_inline]] inline void do_round(std::array<Word, 16>& v, const Block& m) {
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
template <typename Word, std::size_t... numbers>
[[gnu::always_inline]] inline void do_rounds(std::array<Word, 16>& v, const Block& m,
                                             std::index_sequence<numbers...> /*all*/) {
  (do_round<numbers>(v, m), ...);
}

template <typename Word>
[[gnu::always_inline]] inline void compress(std::array<Word, 8>& state, const Block& block,
                                            std::uint64_t octets_so_far, bool is_last) {
  std::array<Word, 16> v;
  for (std::size_t i = 0; i < 8; ++i) {
    v[i] = state[i];
    v[i + 8] = Word{} + initial[i];
  }
  v[12] ^= static_cast<std::uint32_t>(octets_so_far);
  v[13] ^= static_cast<std::uint32_t>(octets_so_far >> 32U);
  if (is_last) v[14] = ~v[14];
  do_rounds(v, block, std::make_index_sequence<schedule.size()>{});
  for (std::size_t i = 0; i < 8; ++i) state[i] ^= v[i] ^ v[i + 8];
}

}  // namespace noise::blake2s
