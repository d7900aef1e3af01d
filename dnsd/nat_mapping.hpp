#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "base/clock.hpp"
#include "base/endpoint.hpp"

namespace dnsd {

/// How a NAT maps one inner address and port towards several destinations (RFC 4787 §4.1), as far
/// as the built-in points can tell that saw the peer.
enum class NatMapping : std::uint8_t {
  unknown,                     ///< the points do not tell it
  endpoint_independent,        ///< the same for all; also where there is no NAT
  address_dependent,           ///< another one for another address
  address_and_port_dependent,  ///< another one for another port of the same address
  varies,                      ///< another one for another address; ports were not compared
};

/// As `map=` in TXT and status: eim, adm, apdm, varies, unknown.
[[nodiscard]] std::string_view to_string(NatMapping mapping);

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
[[nodiscard]] std::optional<NatMapping> compare_mappings(std::span<const PointSighting> sightings);

}  // namespace dnsd
