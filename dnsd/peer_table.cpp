#include "dnsd/peer_table.hpp"

#include <mutex>

namespace dnsd {

std::optional<PeerRecord> PeerTable::find(const wg::PublicKey& key) const {
  const Shard& where = shard(key);
  const std::shared_lock lock(where.mutex);
  const auto found = where.peers.find(key);
  if (found == where.peers.end()) return std::nullopt;
  return found->second;
}

std::size_t PeerTable::size() const {
  std::size_t count = 0;
  for (const Shard& one : shards_) {
    const std::shared_lock lock(one.mutex);
    count += one.peers.size();
  }
  return count;
}

void PeerTable::apply(std::span<const PeerChange> changes) {
  for (const PeerChange& change : changes) {
    Shard& where = shard(change.key);
    const std::unique_lock lock(where.mutex);
    if (change.record) {
      where.peers.insert_or_assign(change.key, *change.record);
    } else {
      where.peers.erase(change.key);
    }
  }
}

void PeerTable::for_each(
    const std::function<void(const wg::PublicKey&, const PeerRecord&)>& visit) const {
  for (const Shard& one : shards_) {
    for (const auto& [key, record] : one.peers) visit(key, record);
  }
}

// The shard comes from the key's own octets and not from its hash, which decides the bucket within
// the shard: both from one value would leave most buckets of a shard empty. Chosen keys can crowd
// one shard, which costs its lock some company and nothing else.
const PeerTable::Shard& PeerTable::shard(const wg::PublicKey& key) const {
  return shards_[key.octets()[0] % shard_count];
}

PeerTable::Shard& PeerTable::shard(const wg::PublicKey& key) {
  return shards_[key.octets()[0] % shard_count];
}

}  // namespace dnsd
