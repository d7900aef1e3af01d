#pragma once

#include <string>

#include "config/files.hpp"
#include "dnsd/settings/command_line.hpp"
#include "dnsd/settings/config.hpp"

/// The configuration, from the command line and the files that it names, and back to text.
namespace dnsd {

using config::ReadFile;

/// Reads the configuration file and the files of peers that it and the command line name, and lays
/// the words of the command line over it: an option that is given there replaces the file's, lists
/// as a whole. With neither --config nor --zone the file is default_config_file if that exists.
/// Relative paths in a file start from its folder. Called at start and at each reload.
/// \throws ConfigError
[[nodiscard]] Config load_config(const CommandLine& line);

/// load_config without the disk: every file comes from `read_file`, so that tests and the fuzzer
/// reach all of it. \throws ConfigError
[[nodiscard]] Config read_config(const CommandLine& line, const ReadFile& read_file);

/// A mistake in a file of peers costs as little as it can, but a server that has nothing to serve
/// is none: neither a source of peers nor a zone file is given, or nothing is left of them.
/// \throws ConfigError
void check_something_is_left(const Config& config);

/// The effective configuration as YAML (--check-config): every option with its value. It loads
/// again to the same Config.
[[nodiscard]] std::string to_yaml(const Config& config);

}  // namespace dnsd
