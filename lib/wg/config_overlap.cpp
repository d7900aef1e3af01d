#include "wg/config_overlap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <tuple>

#include "base/hash.hpp"

namespace wg {

std::vector<ConfigError> settle_allowed_ips(std::vector<ConfigPeer>& peers) {
  struct Block {
    std::size_t hash;
    const ConfigPeer* peer;
    const base::Prefix* prefix;
  };
  std::size_t count = 0;
  for (const ConfigPeer& peer : peers) count += peer.allowed_ips.size();
  std::vector<Block> blocks;
  blocks.reserve(count);
  for (const ConfigPeer& peer : peers) {
    for (const base::Prefix& prefix : peer.allowed_ips)
      blocks.push_back({base::keyed_hash(prefix.address().bytes()), &peer, &prefix});
  }
  std::sort(blocks.begin(), blocks.end(),
            [](const Block& a, const Block& b) { return a.hash < b.hash; });
  std::vector<Block> shared;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if ((i > 0 && blocks[i - 1].hash == blocks[i].hash) ||
        (i + 1 < blocks.size() && blocks[i + 1].hash == blocks[i].hash))
      shared.push_back(blocks[i]);
  }
  std::sort(shared.begin(), shared.end(), [](const Block& a, const Block& b) {
    return std::tie(*a.prefix, a.peer->line, a.prefix) <
           std::tie(*b.prefix, b.peer->line, b.prefix);
  });
  std::vector<ConfigError> warnings;
  std::vector<const base::Prefix*> lost;
  for (std::size_t i = 1; i < shared.size(); ++i) {
    const auto& [hash, peer, prefix] = shared[i - 1];
    const ConfigPeer& later = *shared[i].peer;
    if (*prefix != *shared[i].prefix) continue;
    lost.push_back(prefix);
    if (peer == &later) continue;
    warnings.push_back(
        {later.line,
         fmt::format("{} is also in the [Peer] of line {}: WireGuard gives it to {} alone, who has "
                     "it last",
                     prefix->to_string(), peer->line,
                     describe_peer(later.name, later.public_key))});
  }
  std::sort(lost.begin(), lost.end());
  const auto is_lost = [&](const base::Prefix& prefix) {
    return std::binary_search(lost.begin(), lost.end(), &prefix);
  };
  for (ConfigPeer& peer : peers) {
    if (lost.empty()) break;
    std::erase_if(peer.allowed_ips, is_lost);
  }
  return warnings;
}

}  // namespace wg
