#pragma once

#include <bit>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "wg/public_key.hpp"

namespace wg {

/// Finds the keys of a list that grows, by position: 8 to 32 octets per key beside the list itself.
/// A plain value with one owner; not thread-safe.
class KeyIndex {
 public:
  /// \param key_at position → key, for all positions that were added.
  template <typename KeyAt>
  [[nodiscard]] std::optional<std::uint32_t> find(const PublicKey& key, KeyAt key_at) const {
    if (slots_.empty()) return std::nullopt;
    for (std::size_t slot = first_slot(key); slots_[slot] != 0; slot = next(slot)) {
      const std::uint32_t position = slots_[slot] - 1;
      if (key_at(position) == key) return position;
    }
    return std::nullopt;
  }

  /// Amortised O(1). \param position below 2^32 - 1, of a key that is not there yet. \param key_at
  /// as for find(), and for `position`.
  template <typename KeyAt>
  void add(std::uint32_t position, KeyAt key_at) {
    if (2 * ++used_ > slots_.size()) grow(key_at);
    put(position, key_at(position));
  }

 private:
  [[nodiscard]] std::size_t first_slot(const PublicKey& key) const {
    return std::hash<PublicKey>()(key) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t slot) const {
    return (slot + 1) & (slots_.size() - 1);
  }

  void put(std::uint32_t position, const PublicKey& key) {
    std::size_t slot = first_slot(key);
    while (slots_[slot] != 0) slot = next(slot);
    slots_[slot] = position + 1;
  }
  template <typename KeyAt>
  void grow(KeyAt key_at) {
    const std::vector<std::uint32_t> before = std::move(slots_);
    slots_.assign(std::bit_ceil(4 * used_), 0);
    for (const std::uint32_t slot : before) {
      if (slot != 0) put(slot - 1, key_at(slot - 1));
    }
  }

  std::vector<std::uint32_t> slots_;  // position + 1; 0: free. A power of two of them
  std::size_t used_ = 0;
};

}  // namespace wg
