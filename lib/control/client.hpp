#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>

#include "base/expected.hpp"
#include "control/reply.hpp"

namespace control {

/// A running program that can be asked.
struct Daemon {
  std::string_view program;  ///< as messages call it
  std::string path;          ///< of its control socket
  /// How long it may send nothing. One that is stopped (SIGSTOP) is told sooner.
  std::chrono::seconds patience{10};
};

/// Asks it. Blocks. \param request with its newline. \param take gets the reply as it arrives;
/// false: enough. \error one line: nobody answers there, or not in time, or the reply was cut
/// short.
[[nodiscard]] base::Expected<Result, std::string> ask(
    const Daemon& daemon, const std::string& request,
    const std::function<bool(std::string_view)>& take);

/// Asks it for the whole text. \error as ask(), and the error of a command that did not end with 0.
[[nodiscard]] base::Expected<std::string, std::string> ask_text(const Daemon& daemon,
                                                                const std::string& request);

/// Asks it, prints its reply to `out` as it arrives, and errors to standard error. Blocks.
/// \return the exit code: that of the command; 2 when nobody answers in time.
[[nodiscard]] int run_command(const Daemon& daemon, const std::string& request, std::FILE* out);

}  // namespace control
