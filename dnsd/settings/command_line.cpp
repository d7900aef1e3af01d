#include "dnsd/settings/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "config/command_line.hpp"
#include "dnsd/settings/options.hpp"

namespace dnsd {
void add_run_options(CLI::App& app, CommandLine& line) {
  app.add_option("--config", line.config_file,
                 fmt::format("Configuration file (YAML) with the same words. Default without "
                             "--zone: {}, where it exists.",
                             default_config_file))
      ->type_name("FILE");
  for (const Option& option : all_options()) {
    config::add_option(app, option, line.words, option.word == "peers-file" ? ",--peers" : "");
  }
  app.add_flag("--check-config", line.check_config,
               "Print the effective configuration as YAML, and exit.");
  app.add_flag("--print-delegation", line.print_delegation,
               "Print the records that the parent zone needs, and exit.");
}

}  // namespace dnsd
