#pragma once

#include <string>
#include <unordered_map>

#include "dnsd/settings/config.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// A name of a peer that is kept in the state.
struct KnownName {
  std::string name;
  /// `wg-dnsd peer rename` gave it. Otherwise a comment in a file of peers did, which
  /// `wg-quick save` erases.
  bool is_given = false;

  friend bool operator==(const KnownName&, const KnownName&) = default;
};
using PeerNames = std::unordered_map<wg::PublicKey, KnownName>;

/// Gives the peers of a configuration that was just read the names that are known of them: a given
/// one in place of a comment's, and the last one where nothing names the peer any more. Names in
/// YAML stay. A name that another peer has gets a number, with a warning in the configuration; the
/// YAML goes first, then given names, added peers, comments, and what comments said once. Pure.
/// \return what to keep: the names of this configuration that are given or from comments. Of peers
/// that are not configured any more nothing is kept, unless the files have errors.
[[nodiscard]] PeerNames restore_names(Config& config, const PeerNames& known);

}  // namespace dnsd
