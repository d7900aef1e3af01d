#pragma once

#include <optional>
#include <vector>

#include "dnsd/report/examination.hpp"

/// `wg-dnsd doctor`: whether the world finds this server, and what to do where it does not. Pure:
/// what is outside is asked through an interface.
namespace dnsd {

/// \param facts none: no daemon of this host is asked about, and what others see is judged alone.
[[nodiscard]] std::vector<Diagnosis> examine(const dns::Name& zone,
                                             const std::optional<DoctorFacts>& facts,
                                             dns::Outside& outside);

}  // namespace dnsd
