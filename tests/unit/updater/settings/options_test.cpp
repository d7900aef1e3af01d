#include "updater/settings/options.hpp"

#include <doctest/doctest.h>

#include "tests/unit/updater/settings/read_yaml.hpp"

namespace {

using namespace read_yaml_fixture;
using option_checks::read_source;
using updater::Config;

}  // namespace

TEST_CASE("every number takes its whole range and nothing beside it") {
  option_checks::check_numbers(updater::all_options());
}

TEST_CASE("the sample file lists every option, with its default") {
  const std::string sample = read_source("config/wg-updater.yaml");
  const std::string all = option_checks::uncomment(sample, "(?:  |    )?");
  CAPTURE(all);
  const Config expected = read_yaml("zone: wg.example.org\n");
  CHECK(read_yaml(sample) == expected);
  CHECK(read_yaml(all) == expected);
  option_checks::check_all_are_in_sample(updater::all_options(), all);
}

TEST_CASE("the manual page describes every option") {
  option_checks::check_all_are_in_manual(updater::all_options(),
                                         read_source("doc/wg-updater.yaml.5.in"));
}
