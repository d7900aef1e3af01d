#pragma once

#include <vector>

#include "wg/config_file.hpp"

namespace wg {

/// Gives each block of AllowedIPs to the peer that has it last, once: an interface routes a block
/// to one peer. Almost none is there twice, so the whole list is sorted by short hashes alone.
/// \return a warning for each block that a peer lost to another
[[nodiscard]] std::vector<ConfigError> settle_allowed_ips(std::vector<ConfigPeer>& peers);

}  // namespace wg
