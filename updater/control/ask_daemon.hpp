#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "updater/control/control_request.hpp"

namespace CLI {
class App;
}

/// The commands of wg-updater that ask the running daemon: `status`, `why`, `ping` and `log-level`.
namespace updater {

/// What the command line asks.
struct Question {
  bool is_asked = false;  ///< the command line has one of the commands
  std::string interface;  ///< empty: that of the only updater that runs here
  std::string socket;     ///< --control; empty: the default of the interface
  bool watch = false;     ///< --watch
  unsigned count = 10;    ///< --count: echo requests of a ping
  ControlRequest request;
};

/// Adds the commands to an application; parsing `app` fills `question`, which must outlive the
/// parse. Unknown and missing words are CLI11's errors.
void add_questions(CLI::App& app, Question& question);

/// Asks, prints the reply to `out`, and errors to standard error. Blocks. \return the exit code:
/// that of the command; 2 when nobody answers, or nobody can tell which interface is meant.
[[nodiscard]] int ask_daemon(const Question& question, std::FILE* out);

/// The interface that is meant where none is named: that of the only control socket in the folder
/// of default_control_socket(). \error one sentence: there is none, or several.
[[nodiscard]] base::Expected<std::string, std::string> find_only_interface();
/// The same for a folder with these files. Pure.
[[nodiscard]] base::Expected<std::string, std::string> choose_interface(
    const std::string& folder, std::vector<std::string> files);

}  // namespace updater
