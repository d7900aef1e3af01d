#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/endpoint.hpp"
#include "config/error.hpp"
#include "dns/name.hpp"
#include "updater/settings/settings.hpp"

namespace updater {

using ConfigError = config::Error;

/// The operator's decisions for one process, which serves one interface: checked and complete.
struct Config {
  enum class Mode : std::uint8_t {
    daemon,   ///< until SIGTERM or SIGINT; then the user's keepalives are put back
    once,     ///< one round, then exit; what was set stays, and is remembered
    dry_run,  ///< one round that prints each change to standard output and writes nothing
  };
  Mode mode = Mode::daemon;
  std::string interface;                 ///< 1–15 octets
  dns::Name zone;                        ///< at most schema::max_zone_octets
  std::optional<base::Endpoint> server;  ///< asked instead of the system's resolvers
  /// Server inside the tunnel, where LAN addresses are announced and asked for; none: the hub's own
  /// address in the tunnel.
  std::optional<base::Endpoint> private_server;
  bool uses_private_server = true;  ///< false: nothing is asked or announced there
  Settings settings;
  std::filesystem::path
      state_file;             ///< state, else IFACE.json in $STATE_DIRECTORY or /var/lib/wg-updater
  std::string wg_quick_file;  ///< where the Endpoint of a hub stands; empty: nowhere
  std::string control;        ///< control, else IFACE.sock in $RUNTIME_DIRECTORY or /run/wg-updater
  std::string metrics_file;   ///< for node_exporter's textfile collector; empty: none
  std::string log_level = "info";  ///< debug, info, warning or error: names that spdlog knows

  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace updater
