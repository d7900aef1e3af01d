#pragma once

#include <vector>

#include "control/diagnosis.hpp"
#include "dns/outside.hpp"
#include "updater/report/doctor_facts.hpp"

/// `wg-updater doctor`: what keeps this host from being found, and from finding others. Pure: DNS
/// is asked through an interface.
///
/// Of the clock only a certain fault is reported: it is behind something that this host wrote or
/// saw itself. Peers ignore the handshakes of a host whose clock fell back, without an error.
namespace updater {

[[nodiscard]] std::vector<control::Diagnosis> examine(const DoctorFacts& facts,
                                                      dns::Outside& outside);

/// The checks that need no DNS.
[[nodiscard]] std::vector<control::Diagnosis> examine_device(const DoctorFacts& facts);

}  // namespace updater
