#include "updater/control/ask_daemon.hpp"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace {

using updater::choose_interface;
using Command = updater::ControlRequest::Command;

/// What a command line asks; nothing: it is refused.
std::optional<updater::Question> parse(std::vector<std::string> words) {
  CLI::App app("test", "wg-updater");
  updater::Question question;
  updater::add_questions(app, question);
  std::reverse(words.begin(), words.end());
  try {
    app.parse(words);
  } catch (const CLI::ParseError&) {
    return std::nullopt;
  }
  return question;
}

}  // namespace

TEST_CASE("the interface may be left out of status and why") {
  const auto status = parse({"status"});
  REQUIRE(status);
  CHECK(status->interface.empty());
  CHECK(status->request.command == Command::status);
  const auto why = parse({"why", "bob"});
  REQUIRE(why);
  CHECK(why->interface.empty());
  CHECK(why->request.peer == "bob");
  const auto both = parse({"why", "wg0", "bob"});
  REQUIRE(both);
  CHECK(both->interface == "wg0");
  CHECK(both->request.command == Command::why);
  CHECK(both->request.peer == "bob");
  CHECK_FALSE(parse({"why"}));
}

TEST_CASE("a status is filtered by any of several words, and checked for two") {
  const auto filtered = parse({"status", "wg0", "--filter", "none", "--filter", "bob", "--json"});
  REQUIRE(filtered);
  CHECK(filtered->interface == "wg0");
  CHECK(filtered->request.filter == std::vector<std::string>{"none", "bob"});
  CHECK(parse({"status", "--check", "ready"})->request.check == "ready");
  CHECK_FALSE(parse({"status", "--check", "happy"}));
  CHECK_FALSE(parse({"status", "--watch", "--json"}));
}

TEST_CASE("a ping is of one peer, and ends after some requests") {
  const auto ping = parse({"ping", "bob"});
  REQUIRE(ping);
  CHECK(ping->request.command == Command::ping);
  CHECK(ping->request.peer == "bob");
  CHECK(ping->count == 10);
  CHECK(parse({"ping", "wg0", "bob", "--count", "3"})->count == 3);
  CHECK_FALSE(parse({"ping", "bob", "--count", "0"}));
  CHECK_FALSE(parse({"ping"}));
}

TEST_CASE("a log level is a level, an interface, or both") {
  const struct {
    std::vector<std::string> words;
    std::string interface;
    std::string level;
  } rows[] = {{{}, "", ""},
              {{"debug"}, "", "debug"},
              {{"wg0"}, "wg0", ""},
              {{"wg0", "debug"}, "wg0", "debug"},
              {{"debug", "info"}, "debug", "info"}};
  for (const auto& row : rows) {
    std::vector<std::string> words = row.words;
    words.insert(words.begin(), "log-level");
    const auto asked = parse(words);
    REQUIRE(asked);
    CHECK(asked->request.command == Command::log_level);
    CHECK(asked->interface == row.interface);
    CHECK(asked->request.level == row.level);
  }
}

TEST_CASE("where one control socket is, its interface is meant") {
  const auto one = choose_interface("/run/x", {"wg0.sock", "notes", ".sock"});
  REQUIRE(one);
  CHECK(*one == "wg0");
  const auto none = choose_interface("/run/x", {"notes"});
  REQUIRE(!none);
  CHECK(none.error().find("no wg-updater answers: /run/x has no socket") == 0);
  const auto several = choose_interface("/run/x", {"wg1.sock", "wg0.sock"});
  REQUIRE(!several);
  CHECK(several.error() == "several updaters run here: name one of wg0, wg1");
}
