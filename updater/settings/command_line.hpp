#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/options.hpp"
#include "updater/settings/config.hpp"

namespace CLI {
class App;
}

namespace updater {

/// The file of --config where the command line names none.
inline constexpr const char* default_config_file = "/etc/wg-updater/wg-updater.yaml";

/// What the command line of `run` said, before any file is read.
struct CommandLine {
  std::string interface;
  Config::Mode mode = Config::Mode::daemon;
  std::optional<std::string> config_file;  ///< --config FILE
  bool check_config = false;  ///< --check-config: print the effective configuration and exit
  /// The options that the configuration file has too, as they were typed: load_config alone decides
  /// what they mean and allow.
  config::Words words;
};

/// Adds every option of `run` to an application; parsing `app` fills `line`, which must outlive the
/// parse. Unknown options are CLI11's errors, wrong values load_config's.
void add_run_options(CLI::App& app, CommandLine& line);

/// Adds the options of `doctor`: the interface, and those options of `run`
/// that name a daemon or replace what a daemon would tell.
void add_doctor_options(CLI::App& app, CommandLine& line);

/// Translates the words of wgsd-client, with one or two dashes, also with `=`:
/// `-device wg0 -dns 203.0.113.10:53 -zone wg.example.org`. They mean one round.
/// \return the words in this program's own form; all others are unchanged.
[[nodiscard]] std::vector<std::string> translate_wgsd_client(const std::vector<std::string>& words);

}  // namespace updater
