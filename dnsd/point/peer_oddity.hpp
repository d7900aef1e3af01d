#pragma once

#include <chrono>
#include <map>

#include "wg/public_key.hpp"

namespace dnsd {

/// What is wrong with a peer, as far as a built-in point can tell, and the peer's owner can mend.
struct PeerOddity {
  bool is_flapping = false;  ///< to and fro between two places: its key may be used twice
  /// How far its clock was set back: its handshakes look like replays. 0: it was not.
  std::chrono::seconds clock_behind{};

  friend bool operator==(const PeerOddity&, const PeerOddity&) = default;
};

/// Of those that have any.
using PeerOddities = std::map<wg::PublicKey, PeerOddity>;

}  // namespace dnsd
