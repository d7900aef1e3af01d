#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "wg/config_file.hpp"

namespace wg {

/// Who is given which blocks of addresses.
struct BlockOwner {
  std::vector<base::Prefix>* blocks;
  std::size_t order;  ///< of two owners of one block the one with the larger number keeps it
};

/// A block that one owner lost to another, both by their positions.
struct LostBlock {
  base::Prefix block;
  std::size_t from;
  std::size_t to;
};

/// Leaves each block to one owner, once: an interface routes a block to one peer. A longer block
/// inside a shorter one is another block. Almost none is there twice, so the whole list is sorted
/// by short hashes alone. Removes the lost blocks.
[[nodiscard]] std::vector<LostBlock> settle_blocks(std::span<const BlockOwner> owners);

/// The same for the peers of one file: the one that has a block last keeps it.
/// \return a warning for each block that a peer lost to another
[[nodiscard]] std::vector<ConfigError> settle_allowed_ips(std::vector<ConfigPeer>& peers);

}  // namespace wg
