#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"

namespace base {

/// The three text forms of 32 octets that WireGuard and our names use. Decoders are strict: exact
/// length, one text for one value (spare bits must be zero, RFC 4648 §3.5), otherwise nullopt.
using Octets32 = std::array<std::uint8_t, 32>;

inline constexpr std::size_t base32_length = 52;         ///< characters, without padding
inline constexpr std::size_t padded_base32_length = 56;  ///< with four '='

/// RFC 4648 §6, lower case, no padding: 52 characters.
[[nodiscard]] std::array<char, base32_length> to_base32(const Octets32& octets);
/// \param text 52 characters in any case, or 56 with exactly four '=' at the end.
[[nodiscard]] std::optional<Octets32> parse_base32(std::string_view text);

/// RFC 4648 §4, with padding: 44 characters.
[[nodiscard]] std::string to_base64(const Octets32& octets);
[[nodiscard]] std::optional<Octets32> parse_base64(std::string_view text);

/// 64 characters, lower case. Parsing takes either case.
[[nodiscard]] std::string to_hex(Bytes octets);
[[nodiscard]] std::optional<Octets32> parse_hex(std::string_view text);

/// ASCII only, whatever the locale says: DNS names are compared this way (RFC 4343 §3).
[[nodiscard]] constexpr std::uint8_t to_lower(std::uint8_t c) {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c | 0x20U) : c;
}

/// The same for eight octets at once, in either byte order. Adding to the low seven bits cannot
/// carry into the neighbour.
[[nodiscard]] constexpr std::uint64_t to_lower(std::uint64_t octets) {
  constexpr std::uint64_t ones = 0x0101010101010101U;
  const std::uint64_t low_bits = octets & (ones * 0x7f);
  const std::uint64_t at_least_a = low_bits + ones * (0x80 - 'A');
  const std::uint64_t above_z = low_bits + ones * (0x80 - 'Z' - 1);
  const std::uint64_t is_upper = (at_least_a & ~above_z & ~octets) & (ones * 0x80);
  return octets | (is_upper >> 2U);
}

/// Octets that are compared with ASCII letters in any case.
[[nodiscard]] bool equals_ignoring_case(Bytes a, Bytes b);
[[nodiscard]] inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return equals_ignoring_case(as_bytes(a), as_bytes(b));
}

}  // namespace base
