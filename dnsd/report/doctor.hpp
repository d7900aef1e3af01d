#pragma once

#include <optional>
#include <vector>

#include "dnsd/report/findings.hpp"

/// `wg-dnsd doctor`: whether the world finds this server, and what to do where it does not. Pure:
/// it asks the outside through dns::Outside.
namespace dnsd {

/// \param facts what the daemon of this host says; none: only what others see is judged.
[[nodiscard]] std::vector<Diagnosis> examine(const dns::Name& zone,
                                             const std::optional<DoctorFacts>& facts,
                                             dns::Outside& outside);

}  // namespace dnsd
