#pragma once

#include <vector>

#include "updater/report/report.hpp"
#include "updater/tunnel/path_teller.hpp"

namespace updater {

/// What the public host is told of this host's ways, of a report. The peers that the zone has, as
/// far as the last look-up says: of others the host takes nothing. Neither hubs nor peers that the
/// operator wants left alone. The way of a peer whose addresses the hub carries
/// (PeerReport::path(): hub) is none: no session works between the two. Pure.
[[nodiscard]] std::vector<SeenWay> find_seen_ways(const Report& report);

}  // namespace updater
