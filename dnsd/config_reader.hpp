#pragma once

#include <functional>
#include <string>

#include "dnsd/config.hpp"

namespace dnsd {

/// Whole contents of a file. \throws ConfigError naming the file.
using ReadFile = std::function<std::string(const std::string& path)>;

/// load_config without the disk: every file comes from `read_file`, so that tests and the fuzzer
/// reach all of it. \throws ConfigError
[[nodiscard]] Config read_config(const CommandLine& line, const ReadFile& read_file);

}  // namespace dnsd
