#pragma once

#include <optional>
#include <string_view>

#include "control/reply.hpp"
#include "updater/plan/memory.hpp"
#include "updater/report/report.hpp"
#include "updater/settings/config.hpp"

namespace updater {

/// Answers one request of the control socket (control_request.hpp): status, why, or the facts for
/// doctor. Pure. \param line without its newline. \param report none: the interface is missing.
/// \return exit 0 with the text; 1: no such peer, or no interface yet; 2: the request is malformed.
[[nodiscard]] control::Reply answer_request(std::string_view line, const Config& config,
                                            const std::optional<Report>& report,
                                            const Memory& memory);

}  // namespace updater
