#pragma once

#include <vector>

#include "control/diagnosis.hpp"
#include "dns/outside.hpp"
#include "updater/report/doctor_facts.hpp"

/// `wg-updater doctor`: what keeps this host from being found, and from finding others. Pure: DNS
/// is asked through an interface.
///
/// The clock is reported only if it is certainly wrong: behind something that this host wrote or
/// saw itself. Peers silently ignore the handshakes of a host whose clock went back.
namespace updater {

[[nodiscard]] std::vector<control::Diagnosis> examine(const DoctorFacts& facts,
                                                      dns::Outside& outside);

/// The checks that need no DNS.
[[nodiscard]] std::vector<control::Diagnosis> examine_device(const DoctorFacts& facts);

}  // namespace updater
