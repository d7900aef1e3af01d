#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace dnsd {

/// A number of a peer or a pair of the relay, used again after it is gone.
using RelayId = std::uint32_t;
inline constexpr RelayId no_relay_id = 0xffffffff;

/// Objects with numbers, in blocks: a number is turned into a reference by one look into a small
/// array, and no object moves. T() is a free one.
template <typename T>
class RelaySlab {
 public:
  [[nodiscard]] T& operator[](RelayId id) { return (*blocks_[id / block])[id % block]; }
  [[nodiscard]] const T& operator[](RelayId id) const { return (*blocks_[id / block])[id % block]; }
  [[nodiscard]] RelayId take() {
    ++size_;
    if (!free_.empty()) {
      const RelayId id = free_.back();
      free_.pop_back();
      return id;
    }
    if (used_ % block == 0) blocks_.push_back(std::make_unique<std::array<T, block>>());
    return used_++;
  }
  void give_back(RelayId id) {
    (*this)[id] = T();
    free_.push_back(id);
    --size_;
  }
  /// Objects that are not free.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Above all numbers given so far.
  [[nodiscard]] RelayId end() const { return used_; }

 private:
  static constexpr std::size_t block = 256;
  std::vector<std::unique_ptr<std::array<T, block>>> blocks_;
  std::vector<RelayId> free_;
  RelayId used_ = 0;
  std::size_t size_ = 0;
};

/// A hash table from Key to a number, in one array (open addressing, linear probing, no marks of
/// what was erased): a look-up touches one cache line or two and allocates nothing. Strangers
/// choose keys, so Hash is keyed (base/hash.hpp).
template <typename Key, typename Hash>
class RelayTable {
 public:
  RelayTable() : slots_(smallest) {}

  [[nodiscard]] static std::size_t hash(const Key& key) { return Hash()(key); }
  /// \return no_relay_id: not there
  [[nodiscard]] std::uint32_t find(const Key& key) const { return find(key, hash(key)); }
  [[nodiscard]] std::uint32_t find(const Key& key, std::size_t hashed) const {
    for (std::size_t i = hashed & mask();; i = next(i)) {
      const Slot& slot = slots_[i];
      if (slot.value == no_relay_id || slot.key == key) return slot.value;
    }
  }
  /// Replaces the value of a key that is there.
  void set(const Key& key, std::uint32_t value) {
    if ((size_ + 1) * 8 > slots_.size() * 5) grow();
    std::size_t i = place(key);
    while (slots_[i].value != no_relay_id && !(slots_[i].key == key)) i = next(i);
    if (slots_[i].value == no_relay_id) ++size_;
    slots_[i] = {key, value};
    ++changes_;
  }
  void erase(const Key& key) {
    std::size_t hole = place(key);
    while (!(slots_[hole].key == key) || slots_[hole].value == no_relay_id) {
      if (slots_[hole].value == no_relay_id) return;
      hole = next(hole);
    }
    --size_;
    ++changes_;
    // Whoever stands behind the hole, and would be looked for before it, moves into it.
    for (std::size_t i = next(hole); slots_[i].value != no_relay_id; i = next(i)) {
      const std::size_t wanted = place(slots_[i].key);
      if (((i - wanted) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Calls of set() and erase() that changed it: what find() told before the last one may be wrong.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  /// Brings what find() reads first into the cache.
  void prefetch(std::size_t hashed) const { __builtin_prefetch(&slots_[hashed & mask()]); }

 private:
  struct Slot {
    Key key{};
    std::uint32_t value = no_relay_id;
  };
  static constexpr std::size_t smallest = 64;

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t i) const { return (i + 1) & mask(); }
  [[nodiscard]] std::size_t place(const Key& key) const { return hash(key) & mask(); }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    size_ = 0;
    for (const Slot& slot : old) {
      if (slot.value != no_relay_id) set(slot.key, slot.value);
    }
  }

  std::vector<Slot> slots_;
  std::size_t size_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace dnsd
