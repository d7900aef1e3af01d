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

/// Where a file of peers says that a source once saw a peer.
struct EndpointHint {
  std::string place;  ///< ADDRESS:PORT or NAME:PORT
  std::string file;
  base::WallTime time;    ///< of the file
  bool is_valid = false;  ///< no source ever saw the peer, and the file is not too old
};

/// Everything that is known of where a peer is.
struct PeerSightings {
  std::vector<SourceSighting> seen;          ///< in configuration order
  std::optional<base::Endpoint> fixed = {};  ///< by the configuration
  std::optional<EndpointHint> hint = {};     ///< instead of it
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
