#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/growing_array.hpp"
#include "dnsd/peers/peer.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// key → record, for a million peers: 104 octets each when the detail is one prefix or none.
///
/// Readers on any thread neither lock nor wait, wherever a writer was interrupted: an entry is
/// never changed while it can be found. A writer makes another entry, puts it into the chain in
/// place of the old one, and only then marks the old one free; whoever reads an entry that was
/// freed meanwhile begins again and finds the new one. Chains hang on buckets that are split one at
/// a time as peers come (Litwin: "Linear hashing", VLDB 1980), so nothing is ever rehashed as a
/// whole. The hash is keyed (base/hash.hpp): keys that were chosen to collide do not.
///
/// Of one peer each find sees one change or another, whole. There is no copy of the whole table.
class PeerTable {
 public:
  PeerTable();
  PeerTable(const PeerTable&) = delete;
  PeerTable& operator=(const PeerTable&) = delete;
  ~PeerTable();

  /// Where a key is looked for. Of any table of this process.
  enum class KeyHash : std::uint32_t {};
  [[nodiscard]] static KeyHash hash(const wg::PublicKey& key);
  /// For who is about to look up many keys: the memory that find_endpoints() will read is asked
  /// for, first one for all of them and then the other, and is there when it is read. Changes
  /// nothing else.
  void prefetch_bucket(KeyHash hash) const;
  void prefetch_entry(KeyHash hash) const;

  /// For the answer path: nothing is allocated; snapshot() takes the reference of a shared detail.
  /// \param hash of `key`.
  [[nodiscard]] std::optional<PeerEndpoints> find_endpoints(const wg::PublicKey& key,
                                                            KeyHash hash) const;
  [[nodiscard]] std::optional<PeerSnapshot> snapshot(const wg::PublicKey& key, KeyHash hash) const;
  /// For everybody else.
  [[nodiscard]] std::optional<PeerRecord> find(const wg::PublicKey& key) const;
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  /// From one thread at a time. Each change becomes visible on its own, whole.
  void apply(std::span<const PeerChange> changes);

  /// Calls `visit` for each peer, in no order. From the thread of apply() only, so that nothing
  /// changes meanwhile.
  void for_each(const std::function<void(const wg::PublicKey&, const PeerRecord&)>& visit) const;

 private:
  using Index = std::uint32_t;  // of an entry; 0: none
  using Key = std::array<std::uint64_t, 4>;

  /// One cache line: everything that most answers read. Every member is accessed as an atomic.
  struct alignas(64) Entry {
    Key key;
    std::array<std::uint64_t, 2> ipv6;
    std::uint32_t ipv4;
    std::uint32_t ports;  // IPv4's in the upper half; 0: no endpoint of that family
    /// Odd: in use. Every taking and every freeing counts.
    std::uint32_t version;
    Index next;
  };
  /// What TXT records need beside.
  struct More {
    std::uint64_t since;  // seconds in the lower 40 bits, above them what the detail is
    std::uint64_t stale;
    std::array<std::uint64_t, 2> detail;  // the prefix's address, or the number of a SharedDetail
  };
  /// Never changed, only replaced.
  using SharedDetail = const std::shared_ptr<const PeerDetail>;
  /// Where an entry hangs: the link that leads to it.
  struct Place {
    std::uint32_t* link;
    Index index;
  };

  [[nodiscard]] static Key words_of(const wg::PublicKey& key);
  [[nodiscard]] static std::uint32_t bucket_of(KeyHash hash, std::uint32_t buckets);
  [[nodiscard]] std::uint32_t& bucket(KeyHash hash) const;
  template <typename Read>
  [[nodiscard]] bool read(const wg::PublicKey& key, KeyHash hash, Read read_entry) const;

  [[nodiscard]] Place find_place(const Key& key, KeyHash hash);
  void set(const wg::PublicKey& key, const PeerRecord& record);
  void erase(const wg::PublicKey& key);
  [[nodiscard]] Index take_entry();
  void free_entry(Index index, KeyHash hash);
  void split_bucket();
  void copy_entry(Index from, Index to);
  void write_entry(Index index, const Key& key, const PeerRecord& record, const More* before);
  void drop_detail(const More& more);
  [[nodiscard]] std::uint32_t keep_detail(const std::shared_ptr<const PeerDetail>& detail);
  [[nodiscard]] std::shared_ptr<const PeerDetail> shared_detail(std::uint32_t number) const;
  [[nodiscard]] PeerSnapshot read_snapshot(const Entry& entry, Index index) const;

  static constexpr std::uint32_t first_buckets = 64;
  GrowingArray<std::uint32_t> buckets_;  // first entry of each chain
  GrowingArray<Entry> entries_;          // the first is never used
  GrowingArray<More> more_;              // of the entry of the same index
  std::atomic<std::uint32_t> bucket_count_{first_buckets};
  std::atomic<std::size_t> size_{0};
  /// By the bucket of the hash among the first: counts what takes an entry out of a chain, before
  /// it does. Who found nothing, and sees that it moved meanwhile, looks once more.
  std::array<std::atomic<std::uint32_t>, first_buckets> removals_{};

  // The writer's alone.
  Index made_ = 0;          // entries ever taken
  std::deque<Index> free_;  // the longest free one is taken first, as readers may still look at it
  std::uint32_t made_details_ = 0;
  std::vector<std::uint32_t> free_details_;

  GrowingArray<SharedDetail*> details_;  // the first is never used
  /// How many look at one just now: what was replaced is deleted when there is nobody.
  mutable std::atomic<std::uint32_t> detail_readers_{0};
  std::vector<std::unique_ptr<SharedDetail>> replaced_details_;  // the writer's alone
};

}  // namespace dnsd
