#pragma once

#include <optional>

#include "dns/outside.hpp"
#include "updater/report/doctor_facts.hpp"

/// What `wg-updater doctor` calls peers when no daemon has told it: what the zone calls them.
namespace updater {

/// The address inside the tunnel that answers from the private view; none: there is none, or not on
/// DNS's port.
[[nodiscard]] std::optional<base::IpAddress> find_private_address(const DoctorFacts& facts);

/// Adds the names that the private view tells, of at most 20 peers that have none in the facts.
/// What the public DNS calls peers does not count: it may be anybody's word. Ends with the first
/// question that nobody answers, so it blocks for one timeout at most.
void learn_names(DoctorFacts& facts, dns::Outside& outside);

}  // namespace updater
