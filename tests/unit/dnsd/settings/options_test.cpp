#include "dnsd/settings/options.hpp"

#include <doctest/doctest.h>

#include "tests/unit/dnsd/settings/read_yaml.hpp"

namespace {

using namespace read_yaml_fixture;
using dnsd::Config;
using option_checks::read_source;

}  // namespace

TEST_CASE("every number takes its whole range and nothing beside it") {
  option_checks::check_numbers(dnsd::all_options());
}

TEST_CASE("the sample file lists every option, with its default and its unit") {
  const std::string sample = read_source("config/wg-dnsd.yaml");
  const std::string all = option_checks::uncomment(sample, "");
  const Config expected = read_yaml("zone: wg.example.org\n");
  CHECK(read_yaml(sample) == expected);
  CHECK(read_yaml(all) == expected);
  option_checks::check_all_are_in_sample(dnsd::all_options(), all);
  CHECK(all.find("\npeers: []") != std::string::npos);
}

TEST_CASE("the manual page describes every option") {
  option_checks::check_all_are_in_manual(dnsd::all_options(), read_source("doc/wg-dnsd.yaml.5.in"));
}
