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
/// Readers on any thread neither lock nor wait, even while a writer is interrupted halfway: an
/// entry that can be found is never changed. The writer makes another entry, puts it into the chain
/// in place of the old one, and only then marks the old one free. A reader whose entry was freed
/// meanwhile starts again and finds the new one. Buckets are split one at a time as peers are added
/// (Litwin: "Linear hashing", VLDB 1980), so the table is never rehashed as a whole. The hash is
/// keyed (base/hash.hpp): chosen keys cannot be made to collide.
///
/// Each find sees one peer as one change left it, never a mixture. There is no snapshot of the
/// whole table.
class PeerTable {
 public:
  PeerTable();
  PeerTable(const PeerTable&) = delete;
  PeerTable& operator=(const PeerTable&) = delete;
  ~PeerTable();

  /// The hash of a key: the same for every table of this process.
  enum class KeyHash : std::uint32_t {};
  [[nodiscard]] static KeyHash hash(const wg::PublicKey& key);
  /// Prefetch for batches: call prefetch_bucket() for every key, then prefetch_entry() for every
  /// key, then find_endpoints(). No other effect.
  void prefetch_bucket(KeyHash hash) const;
  void prefetch_entry(KeyHash hash) const;

  /// For the answer path: allocate nothing. snapshot() takes a reference to a shared detail.
  /// \param hash that of `key`.
  [[nodiscard]] std::optional<PeerEndpoints> find_endpoints(const wg::PublicKey& key,
                                                            KeyHash hash) const;
  [[nodiscard]] std::optional<PeerSnapshot> snapshot(const wg::PublicKey& key, KeyHash hash) const;
  /// For all other callers; allocates.
  [[nodiscard]] std::optional<PeerRecord> find(const wg::PublicKey& key) const;
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

  /// From one thread at a time. Each change becomes visible on its own, whole.
  void apply(std::span<const PeerChange> changes);

  /// Calls `visit` for each peer, in no order. From the thread of apply() only: the table must not
  /// change meanwhile.
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
    /// Counts each time the entry is taken or freed. Odd: in use.
    std::uint32_t version;
    Index next;
  };
  /// The rest of a peer: what only TXT records need.
  struct More {
    std::uint64_t since;  // seconds in the lower 40 bits, above them what the detail is, and says
    std::uint64_t stale;
    std::array<std::uint64_t, 2> detail;  // the prefix's address, or the number of a SharedDetail
  };
  /// Never changed, only replaced.
  using SharedDetail = const std::shared_ptr<const PeerDetail>;
  /// An entry and the link that leads to it.
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
  base::GrowingArray<std::uint32_t> buckets_;  // first entry of each chain
  base::GrowingArray<Entry> entries_;          // the first is never used
  base::GrowingArray<More> more_;              // of the entry of the same index
  std::atomic<std::uint32_t> bucket_count_{first_buckets};
  std::atomic<std::size_t> size_{0};
  /// One counter for each of the first buckets: stepped before an entry of its hashes can be used
  /// again. A reader that found nothing and sees the counter moved searches again.
  std::array<std::atomic<std::uint32_t>, first_buckets> removals_{};

  // Of the writer alone.
  Index made_ = 0;          // entries ever taken
  std::deque<Index> free_;  // reused oldest first: readers may still be in the youngest
  std::uint32_t made_details_ = 0;
  std::vector<std::uint32_t> free_details_;

  base::GrowingArray<SharedDetail*> details_;  // the first is never used
  /// Readers that look at a detail just now: replaced details are deleted when there are none.
  mutable std::atomic<std::uint32_t> detail_readers_{0};
  std::vector<std::unique_ptr<SharedDetail>> replaced_details_;  // of the writer alone
};

}  // namespace dnsd
