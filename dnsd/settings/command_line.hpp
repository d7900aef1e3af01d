#pragma once

#include <optional>
#include <string>

#include "config/options.hpp"

namespace CLI {
class App;
}

namespace dnsd {

/// The configuration that the packages install. It is read where neither --config nor --zone says
/// anything else.
inline constexpr const char* default_config_file = "/etc/wg-dnsd/wg-dnsd.yaml";

/// What the command line of `run` said, before any file is read. Kept for the life of the daemon: a
/// reload reads the same files again and lays the same words over them.
struct CommandLine {
  std::optional<std::string> config_file;  ///< --config FILE
  /// The options that the configuration file has too, as they were typed: load_config alone decides
  /// what they mean and allow.
  config::Words words;
  bool check_config = false;      ///< --check-config: print the effective configuration and exit
  bool print_delegation = false;  ///< --print-delegation: print the parent's records and exit
};

/// Adds every option of `run` to an application or a subcommand of it; parsing `app` fills `line`,
/// which must outlive the parse. Unknown options are CLI11's errors, wrong values load_config's.
void add_run_options(CLI::App& app, CommandLine& line);

}  // namespace dnsd
