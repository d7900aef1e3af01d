#pragma once

#include <cstdio>
#include <optional>
#include <string>

#include "updater/report/doctor_facts.hpp"

namespace updater {

/// `doctor --bundle`: where it goes, and what is left out.
struct BundleChoice {
  std::string file;
  bool masks_addresses = false;
};

/// `wg-updater doctor`: asks the daemon for its facts, and examines the device and DNS as the
/// daemon sees them. Blocks, with time-outs.
/// \param socket the daemon's control socket.
/// \param facts used instead of asking a daemon.
/// \param bundle also writes a bundle of what was found, of the versions, and of what a daemon
/// says; secrets are never asked for. \return the exit code, 0 to 2.
[[nodiscard]] int run_doctor(const std::string& interface, const std::string& socket,
                             const std::optional<DaemonFacts>& facts, bool json,
                             const std::optional<BundleChoice>& bundle, std::FILE* out);

}  // namespace updater
