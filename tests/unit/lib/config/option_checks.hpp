#pragma once

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <functional>
#include <regex>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "config/error.hpp"
#include "config/options.hpp"

/// Checks that hold for the options of every program, and helpers to read a configuration.
namespace option_checks {

/// \param add_options makes the program's command line, which fills `Line`.
template <class Line>
Line parse(void (*add_options)(CLI::App&, Line&), std::vector<std::string> arguments) {
  Line line;
  CLI::App app;
  add_options(app, line);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 expects them in reverse order
  app.parse(arguments);
  return line;
}

inline std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const config::Error& error) {
    return error.what();
  }
  return "no error";
}

/// \param path from the top of the sources.
inline std::string read_source(const std::string& path) {
  std::ifstream file(std::string(SOURCE_DIR) + "/" + path);
  REQUIRE(file.is_open());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// A sample file with every commented-out option made active. \param indent a pattern for the space
/// before an option.
inline std::string uncomment(const std::string& sample, const std::string& indent) {
  std::string all;
  std::istringstream lines(sample);
  const std::regex option_line("^#(" + indent + "[a-z0-9-]+:( .*)?)$");
  for (std::string line; std::getline(lines, line);)
    all += std::regex_replace(line, option_line, "$1") + '\n';
  return all;
}

template <class Config>
void check_all_are_in_sample(std::span<const config::Option<Config>> options,
                             const std::string& uncommented) {
  for (const auto& option : options) {
    const std::string word(option.word);
    CAPTURE(word);
    CHECK(std::regex_search(uncommented, std::regex("(^|\n) *" + word + ":")));
  }
}

/// \param page the source of the manual page.
template <class Config>
void check_all_are_in_manual(std::span<const config::Option<Config>> options,
                             const std::string& page) {
  for (const auto& option : options) {
    const std::string word(option.word);
    CAPTURE(word);
    CHECK(page.find("\n.It Cm " + word + " ") != std::string::npos);
  }
}

/// Every number accepts its whole range and nothing outside it.
template <class Config>
void check_numbers(std::span<const config::Option<Config>> options) {
  for (const auto& option : options) {
    if (!option.range) continue;
    const std::string word(option.word);
    CAPTURE(word);
    const auto [min, max] = *option.range;
    Config config;
    CHECK(config::set_option(config, option, std::to_string(min)));
    CHECK(option.get(config).front() == std::to_string(min));
    CHECK(config::set_option(config, option, std::to_string(max)));
    CHECK(option.get(config).front() == std::to_string(max));
    for (const std::string& wrong :
         {std::to_string(max + 1), min == 0 ? std::string("-1") : std::to_string(min - 1),
          std::string(), std::string("x"), std::to_string(min) + " ", std::string("0x1"),
          std::string("1.5"), std::string("99999999999999999999999")}) {
      CAPTURE(wrong);
      CHECK_FALSE(config::set_option(config, option, wrong));
    }
    CHECK(option.get(config).front() == std::to_string(max));
  }
}

}  // namespace option_checks
