#pragma once

#include <span>

#include "dnsd/observe/sightings.hpp"
#include "dnsd/report/doctor_facts.hpp"
#include "dnsd/report/status.hpp"
#include "dnsd/zone/zone_source.hpp"

namespace dnsd {

/// Collects what the running daemon tells `wg-dnsd doctor`. Control thread; visits every peer.
/// \param listening what is listened on, defaults filled in.
[[nodiscard]] DoctorFacts collect_facts(const Config& config, const ZoneSource& source,
                                        const HostAddresses& host,
                                        std::span<const ListenAddress> listening,
                                        const DaemonStatus& status, const PeerTable& peers,
                                        const SightingReader& reader, base::Now now);

}  // namespace dnsd
