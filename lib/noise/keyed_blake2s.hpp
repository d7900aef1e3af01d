#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace noise {

using Mac = std::array<std::uint8_t, 16>;
inline constexpr std::size_t mac_octets = std::tuple_size_v<Mac>;

/// Mac(key, input) of WireGuard: keyed BLAKE2s with 16 octets of output (RFC 7693), for many inputs
/// under one key. The key's own block is absorbed once. Written here instead of taken from OpenSSL,
/// because checking the first mac is all the work that a flood of forged initiations causes:
/// OpenSSL absorbs the key again and prepares a context for each, which takes twice the time. No
/// branch and no index depends on a secret; wiped when destroyed.
class KeyedBlake2s {
 public:
  /// \param key 1 to 32 octets.
  explicit KeyedBlake2s(base::Bytes key);
  KeyedBlake2s(const KeyedBlake2s&) = default;
  KeyedBlake2s& operator=(const KeyedBlake2s&) = default;
  ~KeyedBlake2s();

  [[nodiscard]] Mac operator()(base::Bytes input) const;

  using State = std::array<std::uint32_t, 8>;
  /// Behind the key's block; of a key that is no secret (mac_search.hpp).
  [[nodiscard]] const State& state() const { return keyed_; }

 private:
  static constexpr std::size_t block_octets = 64;
  using Block = std::array<std::uint8_t, block_octets>;

  static void compress(State& state, base::Bytes block, std::uint64_t octets_so_far, bool is_last);

  Block key_block_{};  // for an empty input, whose last block it is
  State unkeyed_{};
  State keyed_{};  // behind the key's block
};

}  // namespace noise
