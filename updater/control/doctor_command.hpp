#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "updater/report/doctor_facts.hpp"

namespace updater {

/// `wg-updater doctor`: asks the daemon what it was told, and looks at the device and at DNS as it
/// does. Blocks, with time-outs. \param control socket of the daemon. \param facts in place of a
/// daemon's. \return the exit code, 0 to 2.
[[nodiscard]] int run_doctor(const std::string& interface, const std::string& socket,
                             const std::optional<DaemonFacts>& facts, bool json, std::FILE* out);

}  // namespace updater
