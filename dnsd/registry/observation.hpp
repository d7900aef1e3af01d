#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// A source of observations: the registry numbers them by the order in which they are first named.
/// Stays over a reload.
using SourceId = std::uint16_t;

/// Where one source saw one peer, confirmed by the rules of doc/protocol.md §2.2 (interfaces) or
/// §2.3 (points). A source keeps one per peer: a peer is where it was seen last, in whichever
/// family.
struct Observation {
  base::Endpoint endpoint;
  base::WallTime since;      ///< when this endpoint was first confirmed
  base::WallTime last_seen;  ///< when it was last confirmed
  base::SteadyTime seen;     ///< last_seen on the steady clock, for ages
  /// Published, and not proven yet (doc/protocol.md §2.3): the place before it is what survives a
  /// restart.
  bool is_on_trial = false;

  friend bool operator==(const Observation&, const Observation&) = default;
};

/// The instant of a wall time on the steady clock: never in the future, whatever the wall clock did
/// meanwhile.
[[nodiscard]] inline base::SteadyTime to_steady(base::WallTime time, base::Now now) {
  return time < now.wall ? now.steady - (now.wall - time) : now.steady;
}

/// What a source knew of one peer, as it is kept over a restart. Without an endpoint: the source
/// lists the peer, and has never seen it or not for long.
struct SavedPeer {
  struct Sighting {
    base::Endpoint endpoint;
    base::WallTime since;
    base::WallTime last_seen;

    friend bool operator==(const Sighting&, const Sighting&) = default;
  };
  wg::PublicKey key;
  std::optional<Sighting> sighting;
  std::vector<base::Prefix> allowed_ips;
  bool was_seen = sighting.has_value();  ///< also if that is too long ago for an endpoint

  friend bool operator==(const SavedPeer&, const SavedPeer&) = default;
};

}  // namespace dnsd
