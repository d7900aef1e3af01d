#pragma once

#include <functional>

#include "dnsd/report/doctor_facts.hpp"
#include "dnsd/report/status.hpp"
#include "dnsd/zone/zone_source.hpp"

namespace dnsd {

/// The daemon's side of `wg-dnsd doctor`.
/// \param listening what is listened on, defaults filled in. \param sightings of one peer.
[[nodiscard]] DoctorFacts collect_facts(
    const Config& config, const StaticPart& part, const HostAddresses& host,
    std::span<const ListenAddress> listening, const DaemonStatus& status, const PeerTable& peers,
    const std::function<PeerSightings(const wg::PublicKey&)>& sightings, base::Now now);

}  // namespace dnsd
