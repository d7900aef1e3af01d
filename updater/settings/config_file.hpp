#pragma once

#include <string>

#include "config/files.hpp"
#include "updater/settings/command_line.hpp"
#include "updater/settings/config.hpp"

/// The configuration, from the command line and the file that it names, and back to text.
namespace updater {

/// Later sources replace earlier ones, lists as a whole: the defaults, the top of the file, the
/// section of the interface below `interfaces`, the command line. The file is --config's, else
/// default_config_file if that exists. \throws ConfigError
[[nodiscard]] Config load_config(const CommandLine& line);

/// load_config without the disk: the only file is that of --config, and `read_file` supplies it, so
/// that tests and the fuzzer reach all of it. \throws ConfigError
[[nodiscard]] Config read_config(const CommandLine& line, const config::ReadFile& read_file);

/// The effective configuration as YAML (--check-config): every option with its value, in the
/// interface's section. It loads again to the same Config.
[[nodiscard]] std::string to_yaml(const Config& config);

}  // namespace updater
