#pragma once

#include <cstddef>

#include "base/bytes.hpp"

/// Hashes for tables whose keys strangers choose: peer keys and query names. Keyed with a secret of
/// this process, so that nobody outside can choose keys that collide; the values mean nothing in
/// another process and must not leave this one.
///
/// The function is NH (Black, Halevi, Krawczyk, Krovetz, Rogaway: "UMAC", CRYPTO 1999, §4) over
/// 64-bit words: for two different inputs of up to `hash_octets` octets that were chosen without
/// seeing hash values, the 128-bit sums are equal with a probability of at most 2^-64, whatever the
/// inputs are. One multiplication per 16 octets, each independent of the others: about 10 ns for a
/// key and 30 ns for a name of 90 octets (one shared core). In SipHash each step depends on the one
/// before. Any thread may call.
namespace base {

/// Longer input is hashed too, but reuses the secret and loses the bound.
inline constexpr std::size_t hash_octets = 256;

[[nodiscard]] std::size_t keyed_hash(Bytes bytes) noexcept;

/// The same for octets that are compared with ASCII letters in any case (RFC 4343): equal to
/// keyed_hash of the lower-case form.
[[nodiscard]] std::size_t keyed_hash_lower(Bytes bytes) noexcept;

}  // namespace base
