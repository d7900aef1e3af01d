#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/settings/config_file.hpp"
#include "tests/unit/lib/config/option_checks.hpp"

/// Reads a configuration without the disk, for the tests of this folder.
namespace read_yaml_fixture {

inline constexpr const char* alice = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
inline constexpr const char* bob = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";

/// Files by path; anything else is missing.
inline dnsd::ReadFile files(std::map<std::string, std::string> contents) {
  return [contents = std::move(contents)](const std::string& path) {
    const auto found = contents.find(path);
    if (found == contents.end()) throw dnsd::ConfigError(path + ": cannot be read: missing");
    return found->second;
  };
}

inline dnsd::CommandLine parse(std::vector<std::string> arguments) {
  return option_checks::parse(dnsd::add_run_options, std::move(arguments));
}

/// \param text the file /etc/w.yaml. \param arguments of the command line, beside --config.
inline dnsd::Config read_yaml(const std::string& text, std::vector<std::string> arguments = {}) {
  arguments.insert(arguments.begin(), {"--config", "/etc/w.yaml"});
  return dnsd::read_config(parse(arguments), files({{"/etc/w.yaml", text}}));
}

}  // namespace read_yaml_fixture
