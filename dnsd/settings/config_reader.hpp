#pragma once

#include "config/files.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

using config::ReadFile;

/// load_config without the disk: every file comes from `read_file`, so that tests and the fuzzer
/// reach all of it. \throws ConfigError
[[nodiscard]] Config read_config(const CommandLine& line, const ReadFile& read_file);

}  // namespace dnsd
