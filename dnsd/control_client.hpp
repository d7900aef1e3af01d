#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "dnsd/control_protocol.hpp"

namespace dnsd {

/// Where the daemon of the systemd unit listens.
inline constexpr std::string_view default_control_socket = "/run/wg-dnsd/control.sock";

/// Asks the running daemon. Blocks. \param take gets the reply as it arrives; false: enough.
/// \error one line: no daemon answers on `path`, or its reply was cut short.
[[nodiscard]] base::Expected<ControlResult, std::string> ask_daemon(
    const std::string& path, const ControlRequest& request,
    const std::function<bool(std::string_view)>& take);

/// Asks the running daemon, prints its reply to `out` as it arrives, and errors to standard error.
/// Blocks. \return the exit code: that of the command; 2 when no daemon answers on `path`.
[[nodiscard]] int run_control_command(const std::string& path, const ControlRequest& request,
                                      std::FILE* out);

}  // namespace dnsd
