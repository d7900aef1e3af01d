#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "base/capability.hpp"
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/signals.hpp"
#include "base/version.hpp"
#include "updater/control/ask_daemon.hpp"
#include "updater/control/control_request.hpp"
#include "updater/control/doctor_command.hpp"
#include "updater/loop.hpp"
#include "updater/settings/command_line.hpp"
#include "updater/settings/config_file.hpp"

namespace {

constexpr int exit_ok = 0;
constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

/// `status`, `why PEER`, `ping PEER`: asks the running daemon of an interface.
int ask(std::vector<std::string> words) {
  CLI::App app("Asks the running wg-updater of an interface", "wg-updater");
  updater::Question question;
  updater::add_questions(app, question);
  app.require_subcommand(1);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  return updater::ask_daemon(question, stdout);
}

/// `doctor`: what keeps this host and its peers apart.
int examine(std::vector<std::string> words) {
  CLI::App app(
      "Looks for what keeps this host and its peers apart; with --zone or --config it asks no "
      "daemon. Exit status: 0 ok, 1 warnings, 2 problems.",
      "wg-updater doctor");
  updater::CommandLine line;
  bool json = false;
  updater::add_doctor_options(app, line);
  app.add_flag("--json", json, "One JSON object");
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  if (line.interface.empty()) {
    const auto interface = updater::find_only_interface();
    if (!interface) throw updater::ConfigError(interface.error());
    line.interface = *interface;
  }
  const auto& control = line.words["control"];
  std::optional<updater::DaemonFacts> facts;
  if (line.config_file || !line.words["zone"].empty()) {
    const updater::Config config = updater::load_config(line);
    facts = updater::DaemonFacts{
        config.zone,  config.server,        config.settings.hubs, {}, config.state_file.string(),
        std::nullopt, config.private_server};
  }
  return updater::run_doctor(
      line.interface,
      control.empty() ? updater::default_control_socket(line.interface) : control.back(), facts,
      json, stdout);
}

int run(int argc, const char* const* argv) {
  CLI::App app("Sets the endpoints of WireGuard peers from DNS, and keeps the tunnels direct",
               "wg-updater");
  app.set_version_flag("--version", "wg-updater " + std::string(base::version));
  app.footer(
      "Ask the running daemon:\n"
      "  wg-updater status [IFACE] [--json|--watch]   every peer, its state and path\n"
      "             [--filter WORD] [--check live|ready]\n"
      "  wg-updater why [IFACE] PEER                  the story of one peer, and what to do\n"
      "  wg-updater ping [IFACE] PEER [--count N]     round trip and path, until it is direct\n"
      "  wg-updater doctor [IFACE] [--json]           what keeps this host and its peers apart\n"
      "IFACE may be left out there where one updater runs.\n"
      "Exit status: 0 done, 1 failed at run time, 2 wrong usage. See wg-updater(8).");
  updater::CommandLine line;
  updater::add_run_options(app, line);
  // `run` is the default word; others ask the running daemon.
  std::vector<std::string> words(argv + 1, argv + argc);
  const std::string word = words.empty() ? std::string() : words.front();
  const bool is_question = word == "status" || word == "why" || word == "ping";
  if (is_question || word == "doctor") base::let_hangup_end();
  if (is_question) return ask(words);
  if (word == "doctor") return examine({words.begin() + 1, words.end()});
  if (word == "run") words.erase(words.begin());
  words = updater::translate_wgsd_client(words);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_ok : exit_usage;
  }
  const updater::Config config = updater::load_config(line);
  if (line.check_config) {
    return base::print_output(stdout, updater::to_yaml(config)) ? exit_ok : exit_failure;
  }
  if (config.mode != updater::Config::Mode::daemon) base::let_hangup_end();
  base::start_log("wg-updater", spdlog::level::from_str(config.log_level));
  return updater::run(config) ? exit_ok : exit_failure;
}

int run_and_tell(int argc, const char* const* argv) {
  try {
    return run(argc, argv);
  } catch (const updater::ConfigError& error) {
    base::print_error("wg-updater", error.what());
    return exit_usage;
  } catch (const std::exception& error) {
    base::print_error("wg-updater", error.what());
    return exit_failure;
  }
}

}  // namespace

int main(int argc, char** argv) {
  base::prepare_signals();
  base::use_permitted_capabilities();
  const int code = run_and_tell(argc, argv);
  base::finish_log();
  return code;
}
