#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "updater/plan.hpp"

namespace updater {

/// What one process does.
struct Options {
  enum class Mode : std::uint8_t {
    daemon,   ///< until SIGTERM or SIGINT; then the user's keepalives are put back
    once,     ///< one round, then out; what was set stays, and is remembered
    dry_run,  ///< one round that prints each change to standard output and writes nothing
  };
  Mode mode = Mode::daemon;
  std::string interface;                 ///< 1–15 octets
  dns::Name zone;                        ///< at most schema::max_zone_octets
  std::optional<base::Endpoint> server;  ///< asked instead of the system's resolvers
  std::filesystem::path state_file;
  std::string control;  ///< the socket on which a daemon answers; empty: on none
  Settings settings;
};

/// Runs the event loop: polls the device, looks peers up, carries plans out. A daemon waits for a
/// device that is missing or vanishes, and says each once. \return false: it failed at run time,
/// which is in the log.
[[nodiscard]] bool run(const Options& options);

}  // namespace updater
