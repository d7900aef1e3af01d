#include <CLI/CLI.hpp>
#include <exception>
#include <string>

#include "base/capability.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/version.hpp"
#include "config/parse_words.hpp"
#include "dnsd/control/ask_daemon.hpp"
#include "dnsd/daemon.hpp"
#include "dnsd/settings/command_line.hpp"
#include "dnsd/settings/config.hpp"

namespace {

constexpr int exit_ok = 0;
constexpr int exit_failure = 1;  // this host does not let us serve
constexpr int exit_usage = 2;    // the command line or the configuration is wrong

int run_words(const dnsd::CommandLine& line, const dnsd::Question& question) {
  const bool is_daemon = !question.is_asked && !line.check_config && !line.print_delegation;
  if (is_daemon) return dnsd::run_daemon(line);
  base::let_hangup_end();
  if (question.is_asked) return dnsd::ask_daemon(question, stdout);
  if (line.check_config) {
    return dnsd::check_config(line, stdout) ? exit_ok : exit_usage;
  }
  dnsd::print_delegation(line, stdout);
  return exit_ok;
}

int run(int argc, char** argv) {
  CLI::App app("Authoritative DNS server that answers where WireGuard peers were seen.", "wg-dnsd");
  app.require_subcommand(0, 1);
  dnsd::CommandLine line;
  dnsd::add_run_options(app, line);
  app.add_subcommand("run", "Serve (the same without this word); takes the options above")
      ->fallthrough();
  dnsd::Question question;
  dnsd::add_questions(app, question);
  try {
    const auto code = config::parse_words(app, {argv + 1, argv + argc}, std::string(base::version));
    return code ? *code : run_words(line, question);
  } catch (const dnsd::ConfigError& error) {
    base::print_error("wg-dnsd", error.what());
    return exit_usage;
  } catch (const std::exception& error) {
    base::print_error("wg-dnsd", error.what());
    return exit_failure;
  }
}

}  // namespace

int main(int argc, char** argv) {
  base::prepare_signals();
  base::use_permitted_capabilities();
  const int code = run(argc, argv);
  base::finish_log();
  return code;
}
