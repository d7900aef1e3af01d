// The sections of the table: reading without locks, writing, details that are more than one prefix,
// keys and buckets. Readers run on every thread that answers, the writer on the thread of apply().
// Why a reader never sees half a change is explained in peer_table.hpp; the registry decides what
// the table holds, and the publisher writes it.

#include "dnsd/peers/peer_table.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

#include "base/hash.hpp"

namespace dnsd {
namespace {

/// Entries that stay free before one is used again. A reader of a freed entry must start again;
/// this makes it rare.
constexpr std::size_t spare_entries = 64;
/// With two buckets per peer a search looks at 1.25 entries on average.
constexpr std::size_t buckets_per_peer = 2;

constexpr unsigned time_bits = 40;  // of seconds since 1970: for 34 000 years
constexpr std::uint64_t time_mask = (std::uint64_t{1} << time_bits) - 1;
constexpr std::uint64_t no_time = time_mask;
constexpr std::uint64_t relayed_bit = std::uint64_t{1} << (time_bits + 4);
constexpr unsigned length_shift = time_bits + 8;

/// What a More holds apart from its times.
enum class DetailKind : std::uint8_t { none, ipv4_prefix, ipv6_prefix, shared };

// Words that readers may see while they are written are loaded with acquire and stored with
// release: a reader that saw a new word also sees the version that was written before it.
template <typename T>
T load(const T& word) {
  return __atomic_load_n(&word, __ATOMIC_ACQUIRE);
}
template <typename T>
void store(T& word, T value) {
  __atomic_store_n(&word, value, __ATOMIC_RELEASE);
}
template <std::size_t count>
void store_words(std::array<std::uint64_t, count>& words,
                 const std::array<std::uint64_t, count>& values) {
  for (std::size_t i = 0; i < count; ++i) store(words[i], values[i]);
}

std::uint64_t encode_time(base::WallTime time) {
  const auto seconds = time.time_since_epoch().count();
  return seconds < 0 ? 0 : std::min(static_cast<std::uint64_t>(seconds), no_time - 1);
}

base::WallTime decode_time(std::uint64_t word) {
  return base::WallTime(std::chrono::seconds(static_cast<std::int64_t>(word & time_mask)));
}

DetailKind kind_of(std::uint64_t since) {
  return static_cast<DetailKind>((since >> time_bits) & 0x0fU);
}

/// Whether a detail is nothing but one prefix, or empty; `is_relayed` has a bit of its own.
bool is_plain(const PeerDetail& detail) {
  return detail.name.empty() && !detail.is_hub && !detail.host_target && !detail.mapping &&
         detail.allowed_ips.size() <= 1;
}

std::optional<base::Endpoint> ipv4_endpoint(std::uint32_t address, std::uint32_t ports) {
  if (ports >> 16U == 0) return std::nullopt;
  return base::Endpoint{base::IpAddress(std::bit_cast<std::array<std::uint8_t, 4>>(address)),
                        base::Port{static_cast<std::uint16_t>(ports >> 16U)}};
}

std::optional<base::Endpoint> ipv6_endpoint(const std::array<std::uint64_t, 2>& address,
                                            std::uint32_t ports) {
  if ((ports & 0xffffU) == 0) return std::nullopt;
  return base::Endpoint{base::IpAddress(std::bit_cast<std::array<std::uint8_t, 16>>(address)),
                        base::Port{static_cast<std::uint16_t>(ports)}};
}

/// The octets of an address as words. \param Words as many octets as the address has.
template <typename Words>
Words address_words(const base::IpAddress& address) {
  Words words{};
  assert(address.bytes().size() == sizeof words);
  std::memcpy(&words, address.bytes().data(), sizeof words);
  return words;
}

}  // namespace

PeerTable::PeerTable() {
  buckets_.grow(first_buckets - 1);
}

PeerTable::~PeerTable() {
  for (std::uint32_t number = 1; number <= made_details_; ++number)
    std::unique_ptr<SharedDetail>(details_.element(number)).reset();
}

// Reading

/// Finds the entry of a key and calls `read_entry` with it; calls it again if the entry was freed
/// meanwhile. \return false: no such key.
template <typename Read>
bool PeerTable::read(const wg::PublicKey& key, KeyHash hash, Read read_entry) const {
  const Key words = words_of(key);
  const std::atomic<std::uint32_t>& removals = removals_[bucket_of(hash, first_buckets)];
  for (;;) {
    const std::uint32_t removed = removals.load(std::memory_order_acquire);
    Index index = load(bucket(hash));
    bool freed = false;
    while (index != 0 && !freed) {
      const Entry& entry = entries_.element(index);
      const std::uint32_t version = load(entry.version);
      if (load(entry.key[0]) == words[0] && load(entry.key[1]) == words[1] &&
          load(entry.key[2]) == words[2] && load(entry.key[3]) == words[3]) {
        read_entry(entry, index);
        if (version % 2 == 1 && load(entry.version) == version) return true;
        freed = true;
      }
      index = load(entry.next);
    }
    if (!freed && removals.load(std::memory_order_relaxed) == removed) return false;
  }
}

PeerTable::KeyHash PeerTable::hash(const wg::PublicKey& key) {
  return KeyHash{static_cast<std::uint32_t>(base::keyed_hash(key.octets()))};
}

void PeerTable::prefetch_bucket(KeyHash hash) const {
  __builtin_prefetch(&bucket(hash));
}

void PeerTable::prefetch_entry(KeyHash hash) const {
  const Index first = load(bucket(hash));
  if (first != 0) __builtin_prefetch(&entries_.element(first));
}

std::optional<PeerEndpoints> PeerTable::find_endpoints(const wg::PublicKey& key,
                                                       KeyHash hash) const {
  std::uint32_t ipv4 = 0;
  std::uint32_t ports = 0;
  std::array<std::uint64_t, 2> ipv6{};
  const auto copy = [&](const Entry& entry, Index /*index*/) {
    ipv4 = load(entry.ipv4);
    ports = load(entry.ports);
    ipv6 = {load(entry.ipv6[0]), load(entry.ipv6[1])};
  };
  if (!read(key, hash, copy)) return std::nullopt;
  return PeerEndpoints{ipv4_endpoint(ipv4, ports), ipv6_endpoint(ipv6, ports)};
}

std::optional<PeerSnapshot> PeerTable::snapshot(const wg::PublicKey& key, KeyHash hash) const {
  PeerSnapshot result;
  const auto copy = [&](const Entry& entry, Index index) { result = read_snapshot(entry, index); };
  if (!read(key, hash, copy)) return std::nullopt;
  return result;
}

PeerSnapshot PeerTable::read_snapshot(const Entry& entry, Index index) const {
  const More& more = more_.element(index);
  const std::uint32_t ports = load(entry.ports);
  const std::uint64_t since = load(more.since);
  const std::uint64_t stale = load(more.stale) & time_mask;
  const std::array<std::uint64_t, 2> said = {load(more.detail[0]), load(more.detail[1])};
  PeerSnapshot result;
  result.endpoints = {ipv4_endpoint(load(entry.ipv4), ports),
                      ipv6_endpoint({load(entry.ipv6[0]), load(entry.ipv6[1])}, ports)};
  result.since = decode_time(since);
  result.is_relayed = (since & relayed_bit) != 0;
  if (stale != no_time) result.stale = decode_time(stale);
  const auto length = static_cast<unsigned>((since >> length_shift) & 0xffU);
  const auto octets = std::bit_cast<std::array<std::uint8_t, 16>>(said);
  switch (kind_of(since)) {
    case DetailKind::none:
      break;
    case DetailKind::ipv4_prefix:
      result.allowed_ip =
          base::Prefix::make(*base::IpAddress::from_bytes(base::Bytes(octets).first(4)), length);
      break;
    case DetailKind::ipv6_prefix:
      result.allowed_ip = base::Prefix::make(base::IpAddress(octets), length);
      break;
    case DetailKind::shared:
      result.detail = shared_detail(static_cast<std::uint32_t>(said[0]));
      break;
  }
  return result;
}

std::optional<PeerRecord> PeerTable::find(const wg::PublicKey& key) const {
  auto seen = snapshot(key, hash(key));
  if (!seen) return std::nullopt;
  if (!seen->detail) {
    PeerDetail plain;
    if (seen->allowed_ip) plain.allowed_ips.push_back(*seen->allowed_ip);
    plain.is_relayed = seen->is_relayed;
    seen->detail = std::make_shared<const PeerDetail>(std::move(plain));
  }
  return PeerRecord{seen->endpoints.ipv4, seen->endpoints.ipv6, seen->since, seen->stale,
                    std::move(seen->detail)};
}

void PeerTable::for_each(
    const std::function<void(const wg::PublicKey&, const PeerRecord&)>& visit) const {
  for (Index index = 1; index <= made_; ++index) {
    const Entry& entry = entries_.element(index);
    if (entry.version % 2 == 0) continue;
    const wg::PublicKey key(std::bit_cast<base::Octets32>(entry.key));
    visit(key, *find(key));
  }
}

// Writing

void PeerTable::apply(std::span<const PeerChange> changes) {
  for (const PeerChange& change : changes) {
    if (change.record) {
      set(change.key, *change.record);
    } else {
      erase(change.key);
    }
  }
}

void PeerTable::set(const wg::PublicKey& key, const PeerRecord& record) {
  const Key words = words_of(key);
  const KeyHash hash = PeerTable::hash(key);
  const Place place = find_place(words, hash);
  const Index made = take_entry();
  const bool is_new = place.index == 0;
  const More* before = is_new ? nullptr : &more_.element(place.index);
  write_entry(made, words, record, before);
  Entry& entry = entries_.element(made);
  store(entry.next, is_new ? *place.link : entries_.element(place.index).next);
  store(entry.version, entry.version + 1);
  store(*place.link, made);
  if (!is_new) {
    const More old = *before;
    free_entry(place.index, hash);
    const More& now = more_.element(made);
    const bool taken_over =
        kind_of(now.since) == DetailKind::shared && now.detail[0] == old.detail[0];
    if (!taken_over) drop_detail(old);
    return;
  }
  size_.fetch_add(1, std::memory_order_relaxed);
  while (bucket_count_.load(std::memory_order_relaxed) < buckets_per_peer * size()) split_bucket();
}

void PeerTable::erase(const wg::PublicKey& key) {
  const KeyHash hash = PeerTable::hash(key);
  const Place place = find_place(words_of(key), hash);
  if (place.index == 0) return;
  store(*place.link, entries_.element(place.index).next);
  const More old = more_.element(place.index);
  free_entry(place.index, hash);
  drop_detail(old);
  size_.fetch_sub(1, std::memory_order_relaxed);
}

/// The entry of the key and the link to it. Without one: index 0 and the start of the chain.
PeerTable::Place PeerTable::find_place(const Key& key, KeyHash hash) {
  std::uint32_t* const first = &bucket(hash);
  for (std::uint32_t* link = first; *link != 0; link = &entries_.element(*link).next) {
    if (entries_.element(*link).key == key) return {link, *link};
  }
  return {first, 0};
}

PeerTable::Index PeerTable::take_entry() {
  if (free_.size() > spare_entries) {
    const Index index = free_.front();
    free_.pop_front();
    return index;
  }
  entries_.grow(made_ + 1);
  more_.grow(made_ + 1);
  return ++made_;
}

/// Call after the entry was taken out of its chain. The counter moves before the entry can be used
/// again: a reader that walks from it into another chain notices.
void PeerTable::free_entry(Index index, KeyHash hash) {
  removals_[bucket_of(hash, first_buckets)].fetch_add(1, std::memory_order_release);
  Entry& entry = entries_.element(index);
  store(entry.version, entry.version + 1);
  free_.push_back(index);
}

/// Adds one bucket and moves its entries there. They are copied first, and the originals are freed
/// once the copies can be found: no peer is missing in between.
void PeerTable::split_bucket() {
  const std::uint32_t buckets = bucket_count_.load(std::memory_order_relaxed);
  const std::uint32_t from = buckets - std::bit_floor(buckets);
  buckets_.grow(buckets);
  const auto goes = [&](Index index) {
    const wg::PublicKey key(std::bit_cast<base::Octets32>(entries_.element(index).key));
    return bucket_of(hash(key), buckets + 1) == buckets;
  };
  Index copies = 0;
  for (Index index = buckets_.element(from); index != 0; index = entries_.element(index).next) {
    if (!goes(index)) continue;
    const Index made = take_entry();
    copy_entry(index, made);
    Entry& copy = entries_.element(made);
    store(copy.next, copies);
    store(copy.version, copy.version + 1);
    copies = made;
  }
  store(buckets_.element(buckets), copies);
  bucket_count_.store(buckets + 1, std::memory_order_release);
  for (std::uint32_t* link = &buckets_.element(from); *link != 0;) {
    const Index index = *link;
    Entry& entry = entries_.element(index);
    if (goes(index)) {
      store(*link, entry.next);
      free_entry(index, KeyHash{from});  // only the lowest bits of the hash count there
    } else {
      link = &entry.next;
    }
  }
}

/// \param to cannot be found by readers yet.
void PeerTable::copy_entry(Index from, Index to) {
  const Entry& original = entries_.element(from);
  Entry& copy = entries_.element(to);
  store_words(copy.key, original.key);
  store_words(copy.ipv6, original.ipv6);
  store(copy.ipv4, original.ipv4);
  store(copy.ports, original.ports);
  const More& more = more_.element(from);
  More& more_copy = more_.element(to);
  store(more_copy.since, more.since);
  store(more_copy.stale, more.stale);
  store_words(more_copy.detail, more.detail);
}

/// \param index an entry that readers cannot find yet. \param before of the entry that it replaces,
/// if any: an unchanged detail is taken over from there.
void PeerTable::write_entry(Index index, const Key& key, const PeerRecord& record,
                            const More* before) {
  Entry& entry = entries_.element(index);
  store_words(entry.key, key);
  const auto port = [](const std::optional<base::Endpoint>& endpoint) -> std::uint32_t {
    return endpoint ? base::to_number(endpoint->port) : 0;
  };
  const auto ipv6 = record.ipv6 ? address_words<std::array<std::uint64_t, 2>>(record.ipv6->address)
                                : std::array<std::uint64_t, 2>{};
  store_words(entry.ipv6, ipv6);
  store(entry.ipv4, record.ipv4 ? address_words<std::uint32_t>(record.ipv4->address) : 0);
  store(entry.ports, (port(record.ipv4) << 16U) | port(record.ipv6));

  DetailKind kind = DetailKind::none;
  unsigned length = 0;
  std::array<std::uint64_t, 2> said{};
  const PeerDetail& detail_of_record = *record.detail;
  if (!is_plain(detail_of_record)) {
    kind = DetailKind::shared;
    const bool same =
        before != nullptr && kind_of(before->since) == DetailKind::shared &&
        *shared_detail(static_cast<std::uint32_t>(before->detail[0])) == detail_of_record;
    said[0] = same ? before->detail[0] : keep_detail(record.detail);
  } else if (!detail_of_record.allowed_ips.empty()) {
    const base::Prefix& prefix = detail_of_record.allowed_ips.front();
    kind = prefix.address().is_ipv4() ? DetailKind::ipv4_prefix : DetailKind::ipv6_prefix;
    length = prefix.length();
    std::memcpy(said.data(), prefix.address().bytes().data(), prefix.address().bytes().size());
  }
  More& more = more_.element(index);
  store(more.since, encode_time(record.since) | (static_cast<std::uint64_t>(kind) << time_bits) |
                        (detail_of_record.is_relayed ? relayed_bit : 0) |
                        (std::uint64_t{length} << length_shift));
  store(more.stale, record.stale ? encode_time(*record.stale) : no_time);
  store_words(more.detail, said);
}

// Details that are more than one prefix

// These operations need one total order (seq_cst): a reader that the writer did not count here
// comes later, and finds the new pointer.
std::shared_ptr<const PeerDetail> PeerTable::shared_detail(std::uint32_t number) const {
  detail_readers_.fetch_add(1);
  SharedDetail* const found = __atomic_load_n(&details_.element(number), __ATOMIC_SEQ_CST);
  // Null: the entry with this number was freed meanwhile; its reader starts again.
  std::shared_ptr<const PeerDetail> result = found == nullptr ? nullptr : *found;
  detail_readers_.fetch_sub(1);
  return result;
}

std::uint32_t PeerTable::keep_detail(const std::shared_ptr<const PeerDetail>& kept) {
  std::uint32_t number = 0;
  if (free_details_.empty()) {
    number = made_details_ + 1;  // from 1: 0 stands for none
    details_.grow(number);
    made_details_ = number;
  } else {
    number = free_details_.back();
    free_details_.pop_back();
  }
  auto made = std::make_unique<SharedDetail>(kept);
  __atomic_store_n(&details_.element(number), made.release(), __ATOMIC_SEQ_CST);
  return number;
}

/// Call after the entry with this detail was freed.
void PeerTable::drop_detail(const More& more) {
  if (kind_of(more.since) != DetailKind::shared) return;
  const auto number = static_cast<std::uint32_t>(more.detail[0]);
  replaced_details_.emplace_back(details_.element(number));
  __atomic_store_n(&details_.element(number), static_cast<SharedDetail*>(nullptr),
                   __ATOMIC_SEQ_CST);
  free_details_.push_back(number);
  if (detail_readers_.load() == 0) replaced_details_.clear();
}

// Keys

PeerTable::Key PeerTable::words_of(const wg::PublicKey& key) {
  return std::bit_cast<Key>(key.octets());
}

/// Linear hashing: buckets that were split already use one more bit of the hash.
std::uint32_t PeerTable::bucket_of(KeyHash hash, std::uint32_t buckets) {
  const std::uint32_t low = std::bit_floor(buckets);
  const std::uint32_t bucket = static_cast<std::uint32_t>(hash) & (2 * low - 1);
  return bucket < buckets ? bucket : bucket & (low - 1);
}

/// The first entry of the key's chain.
std::uint32_t& PeerTable::bucket(KeyHash hash) const {
  return buckets_.element(bucket_of(hash, bucket_count_.load(std::memory_order_acquire)));
}

}  // namespace dnsd
