#pragma once

#include "updater/settings/config.hpp"

namespace updater {

/// Runs the event loop: polls the device, looks peers up, carries plans out. A daemon waits for a
/// device that is missing or vanishes, and logs each once. \return false: it failed at run time;
/// the log says why. \throws
/// ConfigError: another updater serves the interface (host/interface_lock.hpp); nothing was
/// touched.
[[nodiscard]] bool run(const Config& config);

}  // namespace updater
