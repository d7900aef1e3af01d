#pragma once

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/lib/config/option_checks.hpp"
#include "updater/settings/config_file.hpp"

/// Reads a configuration without the disk, for the tests of this folder.
namespace read_yaml_fixture {

inline updater::CommandLine parse(std::vector<std::string> arguments) {
  return option_checks::parse(updater::add_run_options, std::move(arguments));
}

/// \param text the file /etc/u.yaml. \param arguments of the command line, beside --config.
inline updater::Config read_yaml(const std::string& text, std::vector<std::string> arguments = {},
                                 const std::string& interface = "wg0") {
  arguments.insert(arguments.begin(), {interface, "--config", "/etc/u.yaml"});
  return updater::read_config(parse(arguments), [&](const std::string& path) {
    REQUIRE(path == "/etc/u.yaml");
    return text;
  });
}

inline updater::Config read_words(std::vector<std::string> arguments) {
  return updater::read_config(parse(std::move(arguments)), [](const std::string& path) {
    FAIL("nobody named the file " << path);
    return std::string();
  });
}

}  // namespace read_yaml_fixture
