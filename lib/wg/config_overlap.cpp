#include "wg/config_overlap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/hash.hpp"

namespace wg {

std::vector<LostBlock> settle_blocks(std::span<const BlockOwner> owners) {
  struct Block {
    std::size_t hash;
    std::size_t owner;
    const base::Prefix* prefix;
  };
  std::size_t count = 0;
  for (const BlockOwner& owner : owners) count += owner.blocks->size();
  std::vector<Block> blocks;
  blocks.reserve(count);
  for (std::size_t i = 0; i < owners.size(); ++i) {
    for (const base::Prefix& prefix : *owners[i].blocks)
      blocks.push_back({base::keyed_hash(prefix.address().bytes()), i, &prefix});
  }
  std::sort(blocks.begin(), blocks.end(),
            [](const Block& a, const Block& b) { return a.hash < b.hash; });
  std::vector<Block> shared;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if ((i > 0 && blocks[i - 1].hash == blocks[i].hash) ||
        (i + 1 < blocks.size() && blocks[i + 1].hash == blocks[i].hash))
      shared.push_back(blocks[i]);
  }
  std::sort(shared.begin(), shared.end(), [&](const Block& a, const Block& b) {
    return std::tie(*a.prefix, owners[a.owner].order, a.prefix) <
           std::tie(*b.prefix, owners[b.owner].order, b.prefix);
  });
  std::vector<LostBlock> result;
  std::vector<const base::Prefix*> lost;
  for (std::size_t i = 1; i < shared.size(); ++i) {
    const auto& [hash, owner, prefix] = shared[i - 1];
    if (*prefix != *shared[i].prefix) continue;
    lost.push_back(prefix);
    if (owner != shared[i].owner) result.push_back({*prefix, owner, shared[i].owner});
  }
  if (lost.empty()) return result;
  std::sort(lost.begin(), lost.end());
  const auto is_lost = [&](const base::Prefix& prefix) {
    return std::binary_search(lost.begin(), lost.end(), &prefix);
  };
  for (const BlockOwner& owner : owners) std::erase_if(*owner.blocks, is_lost);
  return result;
}

std::vector<ConfigError> settle_allowed_ips(std::vector<ConfigPeer>& peers) {
  std::vector<BlockOwner> owners;
  owners.reserve(peers.size());
  for (ConfigPeer& peer : peers) owners.push_back({&peer.allowed_ips, peer.line});
  std::vector<ConfigError> warnings;
  for (const LostBlock& lost : settle_blocks(owners)) {
    const ConfigPeer& later = peers[lost.to];
    warnings.push_back(
        {later.line,
         fmt::format("{} is also in the [Peer] of line {}: WireGuard gives it to {} alone, who has "
                     "it last",
                     lost.block.to_string(), peers[lost.from].line,
                     describe_peer(later.name, later.public_key))});
  }
  return warnings;
}

}  // namespace wg
