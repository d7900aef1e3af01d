#pragma once

#include <cstdio>
#include <string_view>

namespace base {

/// Prints what a command was asked for, and hands it to the system at once. Blocks while its reader
/// does not read. If the reader has gone (`| head`), the program ends here, silently, by SIGPIPE as
/// other programs do. \return false: it cannot be written (the disk is full).
[[nodiscard]] bool print_output(std::FILE* out, std::string_view text);

}  // namespace base
