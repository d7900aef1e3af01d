#include <algorithm>
#include <iterator>
#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "dnsd/registry/registry.hpp"
#include "wg/public_key.hpp"

// Blocks of addresses that the configuration gives to one peer and an interface to another. No two
// peers of the configuration have the same block: PeerReader settles that. A peer's detail stays
// what the configuration says; published_detail() is what follows. Built-in points list no blocks.
namespace dnsd {
namespace {

std::size_t hash_of(const base::Prefix& block) {
  return base::keyed_hash(block.address().bytes()) + block.length();
}

bool has(const std::vector<base::Prefix>& blocks, const base::Prefix& block) {
  return std::find(blocks.begin(), blocks.end(), block) != blocks.end();
}

bool is_before(const Registry::LostBlock& a, const Registry::LostBlock& b) {
  return std::tie(a.block, a.from, a.to, a.source) < std::tie(b.block, b.from, b.to, b.source);
}

}  // namespace

std::vector<Registry::LostBlock> Registry::settle_blocks() {
  if (!std::exchange(are_blocks_doubtful_, false)) return {};
  const std::vector<LostBlock> claims = find_claims();
  are_blocks_disputed_ = !claims.empty();
  std::vector<LostBlock> lost = find_lost(claims);
  move_blocks(lost);
  std::vector<LostBlock> news;
  std::set_difference(lost.begin(), lost.end(), told_blocks_.begin(), told_blocks_.end(),
                      std::back_inserter(news), is_before);
  told_blocks_ = std::move(lost);
  return news;
}

std::string Registry::describe(const wg::PublicKey& key) const {
  const auto it = peers_.find(key);
  const bool is_known = it != peers_.end() && it->second.detail != nullptr;
  return wg::describe_peer(is_known ? it->second.detail->name : std::string(), key);
}

std::shared_ptr<const PeerDetail> Registry::published_detail(const wg::PublicKey& key,
                                                             const Peer& peer) const {
  const auto moved = moved_blocks_.find(key);
  if (moved == moved_blocks_.end()) return peer.detail;
  PeerDetail detail = *peer.detail;
  for (const auto& [block, is_gained] : moved->second) {
    if (!is_gained) {
      std::erase(detail.allowed_ips, block);
    } else if (!has(detail.allowed_ips, block)) {
      detail.allowed_ips.push_back(block);
    }
  }
  return std::make_shared<const PeerDetail>(std::move(detail));
}

// Where something changed

/// What was moved stays so until settle_blocks(): nothing appears twice in between.
void Registry::forget_noted_blocks() {
  block_places_.clear();
  told_blocks_.clear();
  are_blocks_doubtful_ = true;
}

void Registry::note_blocks(const ConfiguredPeer& configured) {
  const bool has_interface =
      std::any_of(order_.begin(), order_.end(), [&](SourceId id) { return !sources_[id].point; });
  if (!has_interface) return;
  for (const base::Prefix& block : configured.allowed_ips)
    block_places_.push_back({hash_of(block), configured.place});
}

void Registry::sort_noted_blocks() {
  std::sort(block_places_.begin(), block_places_.end(),
            [](const BlockPlace& a, const BlockPlace& b) { return a.hash < b.hash; });
  block_places_.shrink_to_fit();
}

const Registry::BlockPlace* Registry::find_block(const base::Prefix& block) const {
  if (block_places_.empty()) return nullptr;
  const std::size_t hash = hash_of(block);
  const auto found =
      std::lower_bound(block_places_.begin(), block_places_.end(), hash,
                       [](const BlockPlace& one, std::size_t wanted) { return one.hash < wanted; });
  return found != block_places_.end() && found->hash == hash ? &*found : nullptr;
}

bool Registry::is_configured_block(const Peer& peer, const base::Prefix& block) {
  return peer.allowed_ips_configured && has(peer.detail->allowed_ips, block);
}

/// An interface gives these blocks to the peer since now, or not any more. Where nothing is
/// disputed, those that the peer has in the configuration, too, are no news: nearly all are.
void Registry::doubt_blocks(const Peer& peer, const std::vector<base::Prefix>& blocks) {
  if (are_blocks_doubtful_) return;
  are_blocks_doubtful_ = std::any_of(blocks.begin(), blocks.end(), [&](const base::Prefix& block) {
    return (are_blocks_disputed_ || !is_configured_block(peer, block)) &&
           find_block(block) != nullptr;
  });
}

// What follows

/// The blocks of the configuration that an interface gives to a peer without them there, by block
/// and rank of the interface. `from` is not known yet.
std::vector<Registry::LostBlock> Registry::find_claims() const {
  std::vector<LostBlock> claims;
  if (block_places_.empty()) return claims;
  for (const auto& [key, peer] : peers_) {
    for (const Sighting& sighting : peer.sightings) {
      for (const base::Prefix& block : sighting.allowed_ips) {
        if (is_configured_block(peer, block)) continue;
        if (const BlockPlace* const known = find_block(block))
          claims.push_back({block, {}, key, sighting.source, known->place});
      }
    }
  }
  std::sort(claims.begin(), claims.end(), [&](const LostBlock& a, const LostBlock& b) {
    return std::pair(a.block, rank(a.source)) < std::pair(b.block, rank(b.source));
  });
  return claims;
}

/// In the order of is_before().
std::vector<Registry::LostBlock> Registry::find_lost(const std::vector<LostBlock>& claims) const {
  std::vector<LostBlock> lost;
  if (claims.empty()) return lost;
  const auto find = [&](const wg::PublicKey& key, const PeerDetail& detail,
                        const std::vector<Sighting>& sightings) {
    for (const base::Prefix& block : detail.allowed_ips) {
      const auto claim = std::lower_bound(
          claims.begin(), claims.end(), block,
          [](const LostBlock& one, const base::Prefix& wanted) { return one.block < wanted; });
      if (claim == claims.end() || claim->block != block) continue;
      const bool has_it_elsewhere =
          std::any_of(sightings.begin(), sightings.end(),
                      [&](const Sighting& one) { return has(one.allowed_ips, block); });
      if (has_it_elsewhere) continue;
      lost.push_back(*claim);
      lost.back().from = key;
    }
  };
  for (const auto& [key, peer] : peers_) {
    if (peer.allowed_ips_configured) find(key, *peer.detail, peer.sightings);
  }
  if (only_in_table_ > 0) {
    table_.for_each([&](const wg::PublicKey& key, const PeerRecord& record) {
      if (!peers_.contains(key)) find(key, *record.detail, {});
    });
  }
  std::sort(lost.begin(), lost.end(), is_before);
  return lost;
}

void Registry::move_blocks(const std::vector<LostBlock>& lost) {
  for (const auto& [key, blocks] : std::exchange(moved_blocks_, {})) {
    if (const auto it = peers_.find(key); it != peers_.end()) touch(key, it->second);
  }
  for (const LostBlock& one : lost) {
    moved_blocks_[one.from].push_back({one.block, false});
    moved_blocks_[one.to].push_back({one.block, true});
  }
  for (const auto& [key, blocks] : moved_blocks_) touch(key, peer_of(key));
}

}  // namespace dnsd
