#pragma once

#include <vector>

#include "control/diagnosis.hpp"
#include "dns/outside.hpp"
#include "updater/report/doctor_facts.hpp"

/// `wg-updater doctor`: what keeps this host from being found, and from finding others. Pure: what
/// is outside is asked through an interface.
///
/// Of the clock only what can be known is said: that it is behind something that this host wrote or
/// saw itself. WireGuard's own answer to a clock that fell back is silence.
namespace updater {

[[nodiscard]] std::vector<control::Diagnosis> examine(const DoctorFacts& facts,
                                                      dns::Outside& outside);

/// The part of it that needs no DNS.
[[nodiscard]] std::vector<control::Diagnosis> examine_device(const DoctorFacts& facts);

}  // namespace updater
