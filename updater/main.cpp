#include <fmt/format.h>
#include <net/if.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "base/capability.hpp"
#include "base/log.hpp"
#include "base/output.hpp"
#include "base/signals.hpp"
#include "base/version.hpp"
#include "config/parse_words.hpp"
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

/// `doctor`: what keeps this host and its peers apart.
int examine(updater::CommandLine& line, bool json, const std::string& bundle, bool masks) {
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
      json, bundle.empty() ? std::nullopt : std::optional(updater::BundleChoice{bundle, masks}),
      stdout);
}

/// A daemon would wait for ever for an interface that is a command with a slip in it. Behind `run`
/// stands nothing but an interface.
void check_interface(const CLI::App& app, const updater::CommandLine& line) {
  if (::if_nametoindex(line.interface.c_str()) != 0) return;
  std::vector<std::string> commands;
  for (const CLI::App* command : app.get_subcommands({})) commands.push_back(command->get_name());
  const std::string meant = config::find_similar(line.interface, commands);
  if (!meant.empty())
    throw updater::ConfigError(fmt::format(
        "there is no interface {}; did you mean `wg-updater {}`?", line.interface, meant));
}

int keep_direct(const CLI::App& app, const updater::CommandLine& line) {
  if (line.interface.empty())
    throw updater::ConfigError("which interface? `wg-updater help` lists commands and options");
  if (!app.got_subcommand("run")) check_interface(app, line);
  const updater::Config config = updater::load_config(line);
  if (line.check_config) {
    return base::print_output(stdout, updater::to_yaml(config)) ? exit_ok : exit_failure;
  }
  if (config.mode != updater::Config::Mode::daemon) base::let_hangup_end();
  base::start_log("wg-updater", spdlog::level::from_str(config.log_level));
  return updater::run(config) ? exit_ok : exit_failure;
}

int run(int argc, const char* const* argv) {
  CLI::App app("Sets the endpoints of WireGuard peers from DNS, and keeps the tunnels direct",
               "wg-updater");
  app.footer("Exit status: 0 done, 1 failed at run time, 2 wrong usage. See wg-updater(8).");
  app.require_subcommand(0, 1);
  updater::CommandLine line;
  updater::add_run_options(app, line);
  app.add_subcommand("run", "The same without this word; takes the options above")->fallthrough();
  updater::Question question;
  updater::add_questions(app, question);
  CLI::App* doctor = app.add_subcommand(
      "doctor", "What keeps this host and its peers apart; exit 0 ok, 1 warnings, 2 problems");
  bool json = false;
  updater::add_doctor_options(*doctor, line);
  doctor->add_flag("--json", json, "One JSON object");
  std::string bundle;
  bool masks = false;
  auto* file = doctor
                   ->add_option("--bundle", bundle,
                                "Also make this file, a tar for somebody else to look at: status, "
                                "stories, versions, configuration. Keys are shortened")
                   ->type_name("FILE");
  doctor->add_flag("--mask-addresses", masks, "Addresses in the bundle become words")->needs(file);

  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto code =
      config::parse_words(app, updater::translate_wgsd_client(words), std::string(base::version));
  if (code) return *code;
  if (!question.is_asked && !doctor->parsed()) return keep_direct(app, line);
  base::let_hangup_end();
  return question.is_asked ? updater::ask_daemon(question, stdout)
                           : examine(line, json, bundle, masks);
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
