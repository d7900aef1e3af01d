#pragma once

#include <cstddef>

/// The header of every message and the bits of its second 16-bit word: RFC 1035 §4.1.1, for CD RFC
/// 4035 §3.1.6.
namespace dns {

inline constexpr std::size_t header_octets = 12;

inline constexpr unsigned flag_response = 0x8000;
inline constexpr unsigned flag_authoritative = 0x0400;
inline constexpr unsigned flag_truncated = 0x0200;
inline constexpr unsigned flag_recursion_desired = 0x0100;
inline constexpr unsigned flag_checking_disabled = 0x0010;
inline constexpr unsigned opcode_shift = 11;
inline constexpr unsigned opcode_mask = 0x0f;

}  // namespace dns
