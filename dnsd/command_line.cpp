#include "dnsd/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "dnsd/options.hpp"

namespace dnsd {
namespace {

/// The default as --help shows it; none for what has no fixed one.
std::string describe_default(const Option& option) {
  const std::vector<std::string> values = option.get(Config{});
  if (option.shape == Option::Shape::list || option.is_path || option.word == "zone") return {};
  return fmt::format(" Default: {}.", values.front());
}

std::string describe(const Option& option) {
  return fmt::format("{} Allowed: {}.{}", option.help, describe_allowed(option),
                     describe_default(option));
}

}  // namespace

void add_run_options(CLI::App& app, CommandLine& line) {
  app.add_option("--config", line.config_file, "Configuration file (YAML) with the same words.")
      ->type_name("FILE");
  for (const Option& option : all_options()) {
    std::string names = fmt::format("--{}", option.word);
    if (option.word == "peers-file") names += ",--peers";
    auto& values = line.words[std::string(option.word)];
    if (option.shape == Option::Shape::toggle) {
      // A flag, so that it never takes the next word; --padded-names=false works as well.
      app.add_flag(names, values, describe(option));
    } else {
      app.add_option(names, values, describe(option))
          ->type_name(std::string(option.placeholder))
          ->allow_extra_args(false);  // one value each time: a list repeats the word
    }
  }
  app.add_flag("--check-config", line.check_config,
               "Print the effective configuration as YAML, and exit.");
  app.add_flag("--print-delegation", line.print_delegation,
               "Print the records that the parent zone needs, and exit.");
}

}  // namespace dnsd
