#pragma once

#include <optional>
#include <span>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "schema/nat_mapping.hpp"

namespace dnsd {

/// What one point saw.
struct PointSighting {
  base::Endpoint point;  ///< that the peer sent to
  base::Endpoint seen;   ///< from where
  base::WallTime since;  ///< first confirmed there
  base::WallTime last_seen;
};

/// Compares what the points saw, in the family that more of them saw. \param sightings those that
/// are not stale, each point at most once. \return nullopt: fewer than two points saw the peer in
/// one family. `unknown` as well while a point has not seen the peer since the last change.
[[nodiscard]] std::optional<schema::NatMapping> compare_mappings(
    std::span<const PointSighting> sightings);

}  // namespace dnsd
