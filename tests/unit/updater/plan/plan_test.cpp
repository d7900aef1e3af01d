#include "updater/plan/plan.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/updater/samples.hpp"

using namespace samples;

TEST_CASE("updates are told in one line") {
  using Updates = std::vector<wg::PeerUpdate>;
  const auto k = key(1);
  const auto e = endpoint("203.0.113.10:51820");
  const struct {
    Updates updates;
    std::string expected;
  } rows[] = {
      {{{k, e, std::nullopt}}, "endpoint 203.0.113.10:51820"},
      {{{k, std::nullopt, 0s}}, "keepalive off"},
      {{{k, std::nullopt, 25s}}, "keepalive 25 s"},
      {updater::make_kick(k, 25s), "kick, keepalive 25 s"},
      {{{k, e, std::nullopt}, {k, std::nullopt, 0s}, {k, std::nullopt, 7s}},
       "endpoint 203.0.113.10:51820, kick, keepalive 7 s"},
  };
  for (const auto& row : rows) CHECK(updater::describe(row.updates) == row.expected);
}

TEST_CASE("a note is told behind the name of its peer, where it has one") {
  updater::Settings settings;
  settings.peers[key(1)].name = "bob";
  const auto level = updater::Note::Level::change;
  const std::string bob = settings.describe(key(1));
  CHECK(bob.rfind("bob (", 0) == 0);
  CHECK(updater::to_string({level, "lost", key(1)}, settings) == bob + ": lost");
  CHECK(updater::to_string({level, "lost", key(2)}, settings) ==
        settings.describe(key(2)) + ": lost");
  CHECK(updater::to_string({level, "DNS can be asked again"}, settings) ==
        "DNS can be asked again");
  const auto note =
      updater::make_note({key(1), {{key(1), std::nullopt, 25s}}, "DNS says so", level});
  CHECK(updater::to_string(note, settings) == bob + ": keepalive 25 s: DNS says so");
}

TEST_CASE("people are told of endpoints and settings; of kicks the log at debug") {
  using Level = updater::Note::Level;
  const auto k = key(1);
  const auto e = endpoint("203.0.113.10:51820");
  auto punch = updater::make_kick(k, 25s);
  punch.front().endpoint = e;
  const struct {
    updater::Change change;
    std::string text;
    std::string mechanism;
  } rows[] = {
      {{k, punch, "DNS says so", Level::change, "ours is the smaller key"},
       "endpoint 203.0.113.10:51820: DNS says so",
       "endpoint 203.0.113.10:51820, kick, keepalive 25 s: ours is the smaller key"},
      {{k, {{k, e, std::nullopt}}, "DNS says so", Level::change, "ours kicks later"},
       "endpoint 203.0.113.10:51820: DNS says so",
       "ours kicks later"},
      {{k, updater::make_kick(k, 25s), "trying it", Level::change},
       "trying it",
       "kick, keepalive 25 s"},
      {{k, updater::make_kick(k, 25s), "no handshake has appeared", Level::detail},
       "kick, keepalive 25 s: no handshake has appeared",
       ""},
      {{k, {{k, std::nullopt, 0s}}, "as before", Level::change}, "keepalive off: as before", ""},
      {{k, {{k, e, std::nullopt}, {k, std::nullopt, 0s}}, "at rest", Level::change},
       "endpoint 203.0.113.10:51820, keepalive off: at rest",
       ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto note = updater::make_note(row.change);
    CHECK(note.text == row.text);
    CHECK(note.mechanism == row.mechanism);
    CHECK(note.level == row.change.level);
    CHECK(note.peer == k);
  }
}

TEST_CASE("jitter stays within a fifth of the mean and is not always the same") {
  std::minstd_rand random(1);
  auto least = 10000ms;
  auto most = 0ms;
  for (int i = 0; i < 1000; ++i) {
    const auto value = updater::jittered(10000ms, random);
    least = std::min(least, value);
    most = std::max(most, value);
  }
  CHECK(least >= 8000ms);
  CHECK(most <= 12000ms);
  CHECK(most - least > 3000ms);
}
