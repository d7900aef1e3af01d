#include "updater/settings/command_line.hpp"

#include <CLI/CLI.hpp>

#include "config/command_line.hpp"
#include "updater/settings/options.hpp"

namespace updater {

namespace {

void add_interface(CLI::App& app, CommandLine& line) {
  app.add_option("interface", line.interface, "WireGuard interface")->type_name("IFACE");
  app.add_option("--config", line.config_file,
                 fmt::format("Configuration file (YAML) with the same words, and with what each "
                             "interface and peer has of its own. Default: {}, where it exists.",
                             default_config_file))
      ->type_name("FILE");
}

}  // namespace

void add_run_options(CLI::App& app, CommandLine& line) {
  add_interface(app, line);
  app.add_flag_callback(
      "--once",
      [&line] {
        if (line.mode == Config::Mode::daemon) line.mode = Config::Mode::once;
      },
      "One round, then exit; what was set stays");
  app.add_flag_callback(
      "--dry-run", [&line] { line.mode = Config::Mode::dry_run; },
      "One round that prints each change and its reason, and writes nothing");
  for (const Option& option : all_options()) config::add_option(app, option, line.words);
  app.add_flag("--check-config", line.check_config,
               "Print the effective configuration as YAML, and exit.");
}

void add_doctor_options(CLI::App& app, CommandLine& line) {
  add_interface(app, line);
  for (const Option& option : all_options()) {
    const auto is = [&](std::string_view word) { return option.word == word; };
    if (is("zone") || is("hub") || is("server") || is("private-server") || is("state") ||
        is("control"))
      config::add_option(app, option, line.words);
  }
}

std::vector<std::string> translate_wgsd_client(const std::vector<std::string>& words) {
  std::vector<std::string> translated;
  bool is_wgsd_client = false;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    std::vector<std::string> own = {word};
    if (name == "-device" || name == "--device") {
      own.clear();  // the interface is a word of its own here
      is_wgsd_client = true;
    } else if (name == "-dns" || name == "--dns") {
      own = {"--server"};
    } else if (name == "-zone") {
      own = {"--zone"};
    }
    if (equals != std::string::npos && own != std::vector{word})
      own.push_back(word.substr(equals + 1));
    translated.insert(translated.end(), own.begin(), own.end());
  }
  if (!is_wgsd_client) return words;
  translated.emplace_back("--once");
  return translated;
}

}  // namespace updater
