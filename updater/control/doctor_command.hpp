#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "updater/report/doctor_facts.hpp"

namespace updater {

/// `wg-updater doctor`: asks the daemon for its facts, and examines the device and DNS as the
/// daemon sees them. Blocks, with time-outs.
/// \param socket the daemon's control socket.
/// \param facts used instead of asking a daemon.
/// \return the exit code, 0 to 2.
[[nodiscard]] int run_doctor(const std::string& interface, const std::string& socket,
                             const std::optional<DaemonFacts>& facts, bool json, std::FILE* out);

}  // namespace updater
