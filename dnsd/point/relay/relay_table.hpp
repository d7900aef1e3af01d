#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
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

/// Memory of a table: from 2 MiB on in pages of that size, where the kernel has them (madvise(2)).
/// A look into a table of 100 000 routes would else cost a walk through the page table, too.
template <typename T>
struct RelayTableMemory {
  using value_type = T;
  RelayTableMemory() = default;
  template <typename U>
  RelayTableMemory(const RelayTableMemory<U>& /*other*/) noexcept {}

  static constexpr std::size_t huge_page = std::size_t{2} << 20U;
  [[nodiscard]] T* allocate(std::size_t count) {
    const bool is_huge = count * sizeof(T) >= huge_page;
    void* const made =
        ::operator new(count * sizeof(T), std::align_val_t(is_huge ? huge_page : alignof(T)));
    if (is_huge) (void)::madvise(made, count * sizeof(T), MADV_HUGEPAGE);
    return static_cast<T*>(made);
  }
  void deallocate(T* made, std::size_t count) noexcept {
    const bool is_huge = count * sizeof(T) >= huge_page;
    ::operator delete(made, std::align_val_t(is_huge ? huge_page : alignof(T)));
  }
  friend bool operator==(const RelayTableMemory&, const RelayTableMemory&) = default;
};

/// A hash table in one array (open addressing, linear probing, no marks of what was erased): a
/// look-up touches one cache line or two and allocates nothing. Strangers choose keys, so Hash is
/// keyed (base/hash.hpp). \tparam Slot a value with a `key`; Slot() is a free one, as is_free()
/// says
template <typename Slot, typename Hash>
class RelayTable {
 public:
  using Key = decltype(Slot::key);

  RelayTable() : slots_(smallest) {}

  [[nodiscard]] static std::size_t hash(const Key& key) { return Hash()(key); }
  /// \return nullptr: not there. Valid until the next put() or erase().
  [[nodiscard]] const Slot* find(const Key& key) const { return find(key, hash(key)); }
  [[nodiscard]] Slot* find(const Key& key) {
    return const_cast<Slot*>(std::as_const(*this).find(key));
  }
  [[nodiscard]] Slot* find(const Key& key, std::size_t hashed) {
    return const_cast<Slot*>(std::as_const(*this).find(key, hashed));
  }
  [[nodiscard]] const Slot* find(const Key& key, std::size_t hashed) const {
    for (std::size_t i = hashed & mask();; i = next(i)) {
      const Slot& slot = slots_[i];
      if (slot.is_free()) return nullptr;
      if (slot.key == key) return &slot;
    }
  }
  /// Adds it, or replaces the one with its key.
  Slot& put(const Slot& added) {
    if ((size_ + 1) * 4 > slots_.size() * 3) grow();
    std::size_t i = place(added.key);
    while (!slots_[i].is_free() && !(slots_[i].key == added.key)) i = next(i);
    if (slots_[i].is_free()) ++size_;
    return slots_[i] = added;
  }
  void erase(const Key& key) {
    std::size_t hole = place(key);
    while (slots_[hole].is_free() || !(slots_[hole].key == key)) {
      if (slots_[hole].is_free()) return;
      hole = next(hole);
    }
    --size_;
    // Whoever stands behind the hole, and would be looked for before it, moves into it.
    for (std::size_t i = next(hole); !slots_[i].is_free(); i = next(i)) {
      const std::size_t wanted = place(slots_[i].key);
      if (((i - wanted) & mask()) < ((i - hole) & mask())) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = {};
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// Brings what find() reads first into the cache.
  void prefetch(std::size_t hashed) const { __builtin_prefetch(&slots_[hashed & mask()]); }
  template <typename F>
  void for_each(F f) const {
    for (const Slot& slot : slots_) {
      if (!slot.is_free()) f(slot);
    }
  }

 private:
  static constexpr std::size_t smallest = 64;
  using Slots = std::vector<Slot, RelayTableMemory<Slot>>;

  [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
  [[nodiscard]] std::size_t next(std::size_t i) const { return (i + 1) & mask(); }
  [[nodiscard]] std::size_t place(const Key& key) const { return hash(key) & mask(); }
  void grow() {
    Slots old(slots_.size() * 2);
    old.swap(slots_);
    size_ = 0;
    for (const Slot& slot : old) {
      if (!slot.is_free()) put(slot);
    }
  }

  Slots slots_;
  std::size_t size_ = 0;
};

/// A slot that leads to a number.
template <typename K>
struct RelayNumber {
  K key{};
  std::uint32_t number = no_relay_id;

  [[nodiscard]] bool is_free() const { return number == no_relay_id; }
};
template <typename Key, typename Hash>
class RelayNumbers : public RelayTable<RelayNumber<Key>, Hash> {
 public:
  /// \return no_relay_id: not there
  [[nodiscard]] std::uint32_t number_of(const Key& key) const {
    const auto* const slot = this->find(key);
    return slot == nullptr ? no_relay_id : slot->number;
  }
  void set(const Key& key, std::uint32_t number) { this->put({key, number}); }
};

}  // namespace dnsd
