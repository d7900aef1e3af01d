#pragma once

#include <optional>
#include <string_view>

#include "control/reply.hpp"
#include "updater/plan/memory.hpp"
#include "updater/report/report.hpp"
#include "updater/settings/config.hpp"

namespace updater {

/// Answers one request that came on the control socket (control_request.hpp): status, why and the
/// facts for doctor. Pure. \param line without its newline. \param report of this moment; none: the
/// interface is missing. \param memory of this moment.
[[nodiscard]] control::Reply answer_request(std::string_view line, const Config& config,
                                            const std::optional<Report>& report,
                                            const Memory& memory);

}  // namespace updater
