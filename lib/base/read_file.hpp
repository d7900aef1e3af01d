#pragma once

#include <filesystem>
#include <string>
#include <system_error>

#include "base/expected.hpp"

namespace base {

/// The whole contents of a file, also of one in /proc, which does not tell its length. Blocks; a
/// pipe or a device is read to its end, so check the kind of an untrusted path first. No copy of
/// the text stays behind in memory: a caller that reads secrets has only the result to wipe.
/// \error of the system: no such file, not readable, a folder
[[nodiscard]] Expected<std::string, std::error_code> read_file(const std::filesystem::path& path);

}  // namespace base
