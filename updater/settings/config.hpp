#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/endpoint.hpp"
#include "config/files.hpp"
#include "config/options.hpp"
#include "dns/name.hpp"
#include "updater/settings/settings.hpp"

namespace updater {

using ConfigError = config::Error;

/// Everything that the operator decides for one process, which serves one interface: checked and
/// complete.
struct Config {
  enum class Mode : std::uint8_t {
    daemon,   ///< until SIGTERM or SIGINT; then the user's keepalives are put back
    once,     ///< one round, then out; what was set stays, and is remembered
    dry_run,  ///< one round that prints each change to standard output and writes nothing
  };
  Mode mode = Mode::daemon;
  std::string interface;                 ///< 1–15 octets
  dns::Name zone;                        ///< at most schema::max_zone_octets
  std::optional<base::Endpoint> server;  ///< asked instead of the system's resolvers
  /// Inside the tunnel: where LAN addresses are announced and asked for; none: the hub's own
  /// address in the tunnel.
  std::optional<base::Endpoint> private_server;
  bool uses_private_server = true;  ///< false: none of that
  Settings settings;
  std::filesystem::path
      state_file;            ///< state, else IFACE.json in $STATE_DIRECTORY or /var/lib/wg-updater
  std::string control;       ///< control, else IFACE.sock in $RUNTIME_DIRECTORY or /run/wg-updater
  std::string metrics_file;  ///< for node_exporter's textfile collector; empty: none
  std::string log_level = "info";  ///< debug, info, warning or error: names that spdlog knows

  friend bool operator==(const Config&, const Config&) = default;
};

/// Where the file is looked for that nobody named.
inline constexpr const char* default_config_file = "/etc/wg-updater/wg-updater.yaml";

/// What the command line of `run` said, before any file is read.
struct CommandLine {
  std::string interface;
  Config::Mode mode = Config::Mode::daemon;
  std::optional<std::string> config_file;  ///< --config FILE
  bool check_config = false;  ///< --check-config: print the effective configuration and exit
  /// Those of the configuration file; what they mean and allow is decided by load_config alone.
  config::Words words;
};

/// Lays over each other, the later replacing the earlier, lists as a whole: the defaults; what
/// stands at the top of the file; the section of the interface below `interfaces`; the command
/// line. The file is --config's, else default_config_file where that exists. \throws ConfigError
[[nodiscard]] Config load_config(const CommandLine& line);

/// load_config without the disk: no file but that of --config, which comes from `read_file`, so
/// that tests and the fuzzer reach all of it. \throws ConfigError
[[nodiscard]] Config read_config(const CommandLine& line, const config::ReadFile& read_file);

/// The effective configuration as YAML (--check-config): every option with its value, in the
/// interface's section. It loads again to the same Config.
[[nodiscard]] std::string to_yaml(const Config& config);

}  // namespace updater
