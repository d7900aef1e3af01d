#include "updater/control/ask_daemon.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

#include "base/output.hpp"
#include "config/values.hpp"
#include "updater/control/ping.hpp"

namespace updater {
namespace {

using Command = ControlRequest::Command;

constexpr int last_answered = 1;  // an exit code above it: nobody answers
constexpr int nobody_answers = 2;
constexpr unsigned max_pings = 1000000;
constexpr std::string_view socket_end = ".sock";

CLI::App* add_question(CLI::App& app, Question& question, const char* word, const char* help,
                       Command which) {
  CLI::App* command = app.add_subcommand(word, help);
  command
      ->add_option("interface", question.interface,
                   "WireGuard interface; may be left out where one updater runs")
      ->type_name("IFACE");
  command->add_option("--control", question.socket, "Socket of the daemon")->type_name("PATH");
  command->callback([&question, which] {
    question.is_asked = true;
    question.request.command = which;
  });
  return command;
}

CLI::App* add_peer_question(CLI::App& app, Question& question, const char* word, const char* help,
                            Command which) {
  CLI::App* command = add_question(app, question, word, help, which);
  command
      ->add_option("peer", question.request.peer,
                   "Its name, its public key, or the beginning of that")
      ->type_name("PEER");
  command->parse_complete_callback([&question] {
    if (question.request.peer.empty())
      question.request.peer = std::exchange(question.interface, {});
    if (question.request.peer.empty()) throw CLI::RequiredError("peer");
  });
  return command;
}

int refuse(const std::string& why) {
  fmt::print(stderr, "wg-updater: {}\n", why);
  return nobody_answers;
}

}  // namespace

void add_questions(CLI::App& app, Question& question) {
  ControlRequest& request = question.request;
  CLI::App* status = add_question(app, question, "status",
                                  "Every peer, its state and path; exit 1 while one is not reached",
                                  Command::status);
  auto* json = status->add_flag("--json", request.json, "One JSON object");
  status->add_flag("--watch", question.watch, "Again every second, until interrupted")
      ->excludes(json);
  status
      ->add_option("--filter", request.filter,
                   "Only peers with this state, path, name, or beginning of the key")
      ->type_name("WORD")
      ->allow_extra_args(false);
  status
      ->add_option("--check", request.check,
                   "Print nothing; exit 0 if it is so. Allowed: live or ready.")
      ->type_name("WHAT")
      ->check(CLI::IsMember({"live", "ready"}).description(""));
  add_peer_question(app, question, "why", "The story of one peer, and what to do", Command::why);
  add_peer_question(app, question, "ping",
                    "Round trip, path and endpoint of one peer, until it is direct", Command::ping)
      ->add_option("--count", question.count, "At most so many echo requests, one a second")
      ->type_name("N")
      ->check(CLI::Range(1U, max_pings).description(""))
      ->capture_default_str();
  CLI::App* level = add_question(app, question, "log-level",
                                 "Change what the daemon logs, until it ends", Command::log_level);
  level
      ->add_option("level", question.request.level,
                   "Allowed: debug, info, warning or error. Without it: the present one.")
      ->type_name("LEVEL");
  level->parse_complete_callback([&question] {
    if (question.request.level.empty() && config::is_log_level(question.interface))
      question.request.level = std::exchange(question.interface, {});
  });
}

int ask_daemon(const Question& question, std::FILE* out) {
  std::string socket = question.socket;
  if (socket.empty()) {
    const auto interface = question.interface.empty()
                               ? find_only_interface()
                               : base::Expected<std::string, std::string>(question.interface);
    if (!interface) return refuse(interface.error());
    socket = default_control_socket(*interface);
  }
  const control::Daemon daemon = daemon_at(socket);
  if (question.request.command == Command::ping)
    return run_ping(daemon, question.request.peer, question.count, out);
  const std::string line = write_control_request(question.request);
  while (question.watch) {
    if (!base::print_output(out, "\033[H\033[2J")) return last_answered;
    const int code = control::run_command(daemon, line, out);
    if (code > last_answered) return code;
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  return control::run_command(daemon, line, out);
}

base::Expected<std::string, std::string> find_only_interface() {
  const auto folder = std::filesystem::path(default_control_socket("")).parent_path();
  std::error_code ec;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ec))
    files.push_back(entry.path().filename().string());
  return choose_interface(folder.string(), std::move(files));
}

base::Expected<std::string, std::string> choose_interface(const std::string& folder,
                                                          std::vector<std::string> files) {
  std::erase_if(files, [](const std::string& file) {
    return !file.ends_with(socket_end) || file.size() == socket_end.size();
  });
  for (std::string& file : files) file.resize(file.size() - socket_end.size());
  if (files.size() == 1) return files.front();
  if (files.empty())
    return base::Unexpected(fmt::format(
        "no wg-updater answers: {} has no socket; name the interface, or --control", folder));
  std::sort(files.begin(), files.end());
  std::string names = files.front();
  for (std::size_t i = 1; i < files.size(); ++i) names += ", " + files[i];
  return base::Unexpected(fmt::format("several updaters run here: name one of {}", names));
}

}  // namespace updater
