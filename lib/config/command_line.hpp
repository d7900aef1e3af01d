#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>
#include <vector>

#include "config/options.hpp"

namespace config {

/// The default as --help shows it; none for what has no fixed one.
template <class Config>
[[nodiscard]] std::string describe_default(const Option<Config>& option) {
  if (option.shape == Option<Config>::Shape::list || option.is_path || !option.has_default)
    return {};
  return fmt::format(" Default: {}.", option.get(Config{}).front());
}

/// Adds an option of the table to an application or a subcommand of it; parsing `app` fills
/// `words`, which must outlive the parse. Wrong values are found by take_words alone.
/// \param other_names behind a comma, such as `,--peers`; empty: none.
template <class Config>
void add_option(CLI::App& app, const Option<Config>& option, Words& words,
                const std::string& other_names = {}) {
  const std::string names = fmt::format("--{}{}", option.word, other_names);
  const std::string help = fmt::format("{} Allowed: {}.{}", option.help, describe_allowed(option),
                                       describe_default(option));
  auto& values = words[std::string(option.word)];
  if (option.shape == Option<Config>::Shape::toggle) {
    // A flag, so that it never takes the next word; --padded-names=false works as well.
    app.add_flag(names, values, help);
  } else {
    app.add_option(names, values, help)
        ->type_name(std::string(option.placeholder))
        ->allow_extra_args(false);  // one value each time: a list repeats the word
  }
}

}  // namespace config
