#pragma once

#include <cstdio>
#include <string>

#include "dnsd/control/control_request.hpp"

namespace CLI {
class App;
}

/// The commands of wg-dnsd that ask the running daemon: `status`, `zone`, `peer add` and the
/// others.
namespace dnsd {

/// What the command line asks.
struct Question {
  bool is_asked = false;                          ///< the command line has one of the commands
  std::string socket = default_control_socket();  ///< --control
  ControlRequest request{.type = "SRV"};          ///< as it was typed
  std::string doctor_zone;  ///< doctor --zone, which asks no daemon; empty: not given
};

/// Adds the commands to an application; parsing `app` fills `question`, which must outlive the
/// parse. Unknown and missing words are CLI11's errors.
void add_questions(CLI::App& app, Question& question);

/// Asks, prints the reply to `out` as it arrives, and errors to standard error. Blocks.
/// \return the exit code: that of the command; 2 when nobody answers.
[[nodiscard]] int ask_daemon(const Question& question, std::FILE* out);

}  // namespace dnsd
