#include "dnsd/control/ask_daemon.hpp"

#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <vector>

namespace {

using dnsd::ControlRequest;
using dnsd::Question;
using dnsd::View;
using Command = ControlRequest::Command;

Question parse(std::vector<std::string> words) {
  Question question;
  CLI::App app;
  app.require_subcommand(0, 1);
  dnsd::add_questions(app, question);
  std::reverse(words.begin(), words.end());  // CLI11 expects them in reverse order
  app.parse(words);
  return question;
}

}  // namespace

TEST_CASE("each command asks the daemon its own question") {
  const struct {
    std::vector<std::string> words;
    ControlRequest request;
  } rows[] = {
      {{"zone"}, {.command = Command::zone}},
      {{"zone", "--public"}, {.command = Command::zone, .view = View::public_view}},
      {{"status"}, {.command = Command::status}},
      {{"status", "--json"}, {.command = Command::status, .json = true}},
      {{"peers", "--json"}, {.command = Command::peers, .json = true}},
      {{"query", "a.b"}, {.command = Command::query, .name = "a.b"}},
      {{"query", "--json", "--public", "a.b", "TXT"},
       {.command = Command::query,
        .view = View::public_view,
        .json = true,
        .name = "a.b",
        .type = "TXT"}},
      {{"doctor", "--json"}, {.command = Command::doctor, .json = true}},
      {{"reload"}, {.command = Command::reload}},
      {{"pubkey"}, {.command = Command::pubkey}},
      {{"peer", "config", "bob"}, {.command = Command::peer_config, .name = "bob"}},
      {{"peer", "add", "bob", "KEY", "--allowed-ips", "10.0.0.2,fd00::2",
        "--preshared-key-file=psk"},
       {.command = Command::peer_add,
        .name = "bob",
        .key = "KEY",
        .allowed_ips = {"10.0.0.2", "fd00::2"},
        .preshared_key_file = "psk"}},
      {{"peer", "remove", "bob"}, {.command = Command::peer_remove, .name = "bob"}},
      {{"peer", "list", "--json"}, {.command = Command::peer_list, .json = true}},
      {{"peer", "reset", "bob"}, {.command = Command::peer_reset, .name = "bob"}},
  };
  for (const auto& row : rows) {
    const std::string line = CLI::detail::join(row.words, " ");
    CAPTURE(line);
    const Question question = parse(row.words);
    CHECK(question.is_asked);
    CHECK(question.socket == dnsd::default_control_socket());
    ControlRequest expected = row.request;
    if (expected.type.empty()) expected.type = "SRV";
    CHECK(question.request == expected);
  }
  CHECK_FALSE(parse({}).is_asked);
}

TEST_CASE("a question names its daemon, or a zone that is judged without one") {
  CHECK(parse({"peer", "list", "--control", "/c.sock"}).socket == "/c.sock");
  CHECK(parse({"doctor", "--zone", "wg.example.org"}).doctor_zone == "wg.example.org");
  CHECK(parse({"doctor"}).doctor_zone.empty());
}

TEST_CASE("what is missing or unknown is refused before anybody is asked") {
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"peer"}, {"peer", "add", "bob"}, {"query"}, {"zone", "--json"}, {"zone", "status"}}) {
    const std::string line = CLI::detail::join(words, " ");
    CAPTURE(line);
    CHECK_THROWS_AS((void)parse(words), CLI::ParseError);
  }
}
