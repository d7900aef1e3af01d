#include "updater/settings/command_line.hpp"

#include <doctest/doctest.h>

#include "tests/unit/updater/samples.hpp"
#include "tests/unit/updater/settings/read_yaml.hpp"

namespace {

using namespace samples;
using namespace read_yaml_fixture;
using updater::Config;

}  // namespace

TEST_CASE("the modes are words of the command line alone; one that writes nothing wins") {
  const std::vector<std::string> rest = {"wg0", "--zone", "a.b"};
  const auto mode_of = [&](std::vector<std::string> words) {
    words.insert(words.end(), rest.begin(), rest.end());
    return read_words(words);
  };
  CHECK(mode_of({}).mode == Config::Mode::daemon);
  CHECK_FALSE(mode_of({}).settings.one_round);
  CHECK(mode_of({"--once"}).mode == Config::Mode::once);
  CHECK(mode_of({"--once"}).settings.one_round);
  CHECK(mode_of({"--once", "--dry-run"}).mode == Config::Mode::dry_run);
  CHECK(mode_of({"--dry-run", "--once"}).mode == Config::Mode::dry_run);
}

TEST_CASE("the flags of wgsd-client mean one round that asks that server") {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"-device", "wg0", "-dns", "203.0.113.10:53", "-zone", "wg.example.org"},
           {"-device=wg0", "-dns=203.0.113.10:53", "-zone=wg.example.org"},
           {"--zone", "wg.example.org", "--dns", "203.0.113.10:53", "--device", "wg0"}}) {
    const Config config = read_words(updater::translate_wgsd_client(words));
    CHECK(config.interface == "wg0");
    CHECK(config.mode == Config::Mode::once);
    CHECK(config.server == endpoint("203.0.113.10:53"));
    CHECK(config.zone == name("wg.example.org"));
  }
}
