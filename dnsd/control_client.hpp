#pragma once

#include <cstdio>
#include <string>

#include "dnsd/control_protocol.hpp"

namespace dnsd {

/// Asks the running daemon, prints its reply to `out` as it arrives, and errors to standard error.
/// Blocks. \return the exit code: that of the command; 2 when no daemon answers on `path`.
[[nodiscard]] int run_control_command(const std::string& path, const ControlRequest& request,
                                      std::FILE* out);

}  // namespace dnsd
