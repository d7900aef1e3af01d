#pragma once

#include <string>
#include <string_view>

#include "base/expected.hpp"
#include "control/reply.hpp"
#include "updater/control/ping.hpp"
#include "updater/plan/memory.hpp"
#include "updater/report/report.hpp"
#include "updater/settings/config.hpp"

namespace updater {

/// Answers one request of the control socket (control_request.hpp): status, why, ping,
/// log-level, or the facts for doctor. Pure, but for `ping` and the level. \param line without its
/// newline. \param report or why the interface cannot be read. \return exit 0 with the text; 1: no
/// such peer, no interface, not ready, or, behind the text of a status, a peer that is not reached;
/// 2: the request is malformed.
[[nodiscard]] control::Reply answer_request(std::string_view line, const Config& config,
                                            const base::Expected<Report, std::string>& report,
                                            const Memory& memory, const Ping& ping);

}  // namespace updater
