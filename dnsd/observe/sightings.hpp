#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "dnsd/registry/observation.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Where one source saw a peer.
struct SourceSighting {
  std::string source;  ///< wg0
  Observation observation;
  bool is_stale = false;
};

/// Everything that is known of where a peer is.
struct PeerSightings {
  std::vector<SourceSighting> seen;     ///< in configuration order
  std::optional<base::Endpoint> fixed;  ///< by the configuration
};

/// Tells where each source saw a peer: the observatory, or a table in a test. Control thread.
class SightingReader {
 public:
  SightingReader() = default;
  SightingReader(const SightingReader&) = delete;
  SightingReader& operator=(const SightingReader&) = delete;
  virtual ~SightingReader() = default;

  [[nodiscard]] virtual PeerSightings sightings(const wg::PublicKey& key) const = 0;
};

}  // namespace dnsd
