#include "updater/control/commands.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <string>

#include "tests/unit/log_text.hpp"
#include "tests/unit/updater/samples.hpp"
#include "updater/control/control_request.hpp"
#include "updater/report/doctor_facts.hpp"
#include "updater/settings/config_file.hpp"

namespace {

using namespace samples;
using updater::Config;
using updater::ControlRequest;
using updater::Memory;
using updater::Report;
using Command = ControlRequest::Command;

const auto hub = key(0x01);
const auto configured_hub = key(0x02);
const auto alice = key(0x20);
const auto bob = key(0x50);

Config make_config() {
  Config made;
  made.interface = "wg0";
  made.zone = name("wg.example.org");
  made.server = endpoint("192.0.2.53:53");
  made.settings.hubs = {configured_hub};
  made.private_server = endpoint("10.77.0.1:53");
  made.state_file = "/var/lib/wg-updater/wg0.json";
  return made;
}

Report report() {
  Report made{"wg0", "wg.example.org.", endpoint("203.0.113.1:40001"), {}};
  made.nat = schema::NatMapping::endpoint_independent;
  for (const auto& [peer, state] :
       {std::pair{hub, "hub"}, std::pair{alice, "direct"}, std::pair{bob, "waiting"}}) {
    updater::PeerReport shown;
    shown.key = peer;
    shown.state = state;
    shown.is_hub = peer == hub;
    made.peers.push_back(shown);
  }
  return made;
}

using Shown = base::Expected<Report, std::string>;

/// Only alice has an address of her own.
base::Expected<updater::Echoes, std::string> ping(const wg::PublicKey& peer, bool send) {
  if (peer != alice) return base::Unexpected(std::string("no address"));
  return updater::Echoes{address("10.77.0.3"), send ? 2U : 1U, 1, 1500us};
}

control::Reply ask(const ControlRequest& request, const Shown& shown = report(),
                   const Memory& memory = {}) {
  std::string line = updater::write_control_request(request);
  line.pop_back();
  return updater::answer_request(line, make_config(), shown, memory, ping);
}

}  // namespace

TEST_CASE("status is told to people and to programs") {
  CHECK(ask({Command::status, false, ""}).text == updater::write_status(report()));
  CHECK(ask({Command::status, true, ""}).text == updater::write_status_json(report()));
}

TEST_CASE("a status ends with 1 while a peer that it shows is not reached") {
  CHECK(ask({Command::status, true, ""}).result == control::Result{1});
  Report reached = report();
  reached.peers[0].handshake_age = 5s;  // the hub
  CHECK(ask({Command::status, false, ""}, reached).result == control::Result{1});
  reached.peers[2].state = "ignored";
  CHECK(ask({Command::status, false, ""}, reached).result == control::Result{});

  const auto filtered = ask({Command::status, false, "", {"direct"}});
  CHECK(filtered.result == control::Result{});
  CHECK(filtered.text == updater::write_status(report(), {{"direct"}}));
  CHECK(ask({Command::status, true, "", {"none"}}).text ==
        updater::write_status_json(report(), {{"none"}}));
}

TEST_CASE("live is a daemon that answers, ready one that can do its work") {
  const ControlRequest live{Command::status, false, "", {}, "live"};
  const ControlRequest ready{Command::status, false, "", {}, "ready"};
  CHECK(ask(live, base::Unexpected(std::string("gone"))).result == control::Result{});
  CHECK(ask(ready, base::Unexpected(std::string("gone"))).result.exit == 1);
  Report shown = report();
  CHECK(ask(live, shown).result == control::Result{});
  CHECK(ask(ready, shown).result ==
        control::Result{1, "the public host " + wg::describe_peer("", hub) + " does not answer"});
  shown.peers[0].handshake_age = 5s;
  CHECK(ask(ready, shown).result == control::Result{1, "wg.example.org. was not asked yet"});
  for (updater::PeerReport& peer : shown.peers) {
    peer.is_looked_up = true;
    peer.lookup_error = updater::LookupError::timeout;
  }
  CHECK(ask(ready, shown).result ==
        control::Result{1, "wg.example.org. cannot be asked: no resolver answered in time"});
  shown.peers[2].lookup_error = updater::LookupError::no_endpoint;  // an answer
  const auto reply = ask(ready, shown);
  CHECK(reply.result == control::Result{});
  CHECK(reply.text.empty());
}

TEST_CASE("why tells the story of the one peer whose key begins so") {
  const auto reply = ask({Command::why, false, bob.to_base64().substr(0, 4)});
  CHECK(reply.result == control::Result{});
  CHECK(reply.text == updater::write_story(report(), report().peers.back()));
  for (const char* text : {"zzzz", ""}) {  // a beginning of no key, and of every key
    CAPTURE(text);
    const auto refused = ask({Command::why, false, text});
    CHECK(refused.text.empty());
    CHECK(refused.result.exit == 1);
    CHECK(refused.result.error == "\"" + std::string(text) +
                                      "\" is no peer's name or key on wg0, nor the beginning of "
                                      "exactly one key");
  }
}

TEST_CASE("a ping tells the way of the echo requests, or why there are none") {
  ControlRequest request{Command::ping, false, alice.to_base64()};
  for (const bool send : {false, true}) {
    request.send = send;
    const auto answer = updater::parse_ping_answer(ask(request).text);
    REQUIRE(answer);
    CHECK(*answer == updater::PingAnswer{.peer = wg::describe_peer("", alice),
                                         .target = "10.77.0.3",
                                         .path = "direct",
                                         .sent = send ? 2U : 1U,
                                         .answered = 1,
                                         .round_trip = 1500});
  }
  request.peer = bob.to_base64();
  CHECK(ask(request).result == control::Result{1, "no address"});
  request.peer = "zzzz";
  CHECK(ask(request).result.exit == 1);
  CHECK_FALSE(updater::parse_ping_answer("{}"));
  CHECK_FALSE(updater::parse_ping_answer("[]"));
}

TEST_CASE("a ping's line says whether an answer came, how soon, and which way") {
  updater::PingAnswer answer{.peer = "bob (x)",
                             .target = "10.77.0.3",
                             .path = "relay",
                             .endpoint = "198.51.100.1:51820",
                             .sent = 1,
                             .answered = 1,
                             .round_trip = 12345};
  CHECK(updater::describe_ping(answer, true) ==
        "answer from bob (x) at 10.77.0.3: 12.3 ms, path relay, endpoint 198.51.100.1:51820\n");
  answer.endpoint.clear();
  answer.path = "none";
  CHECK(updater::describe_ping(answer, false) ==
        "no answer from bob (x) at 10.77.0.3 within 1 s, path none\n");
}

TEST_CASE("the doctor is told what was chosen, and what was found out") {
  Memory memory;
  memory[alice].keepalive = {15s, {25s}};
  memory[bob].keepalive = {20s, {}};  // the device shows the user's own value
  const auto reply = ask({Command::doctor, false, ""}, report(), memory);
  const auto facts = updater::parse_daemon_facts(reply.text);
  REQUIRE(facts);
  CHECK(*facts == updater::DaemonFacts{
                      .zone = name("wg.example.org"),
                      .server = endpoint("192.0.2.53:53"),
                      .hubs = {configured_hub},
                      .user_keepalives = {{alice, 15}},
                      .state_file = "/var/lib/wg-updater/wg0.json",
                      .nat = schema::NatMapping::endpoint_independent,
                      .private_server = endpoint("10.77.0.1:53"),
                      .unreached = {{{bob, "DNS has not said yet where it is"}}},
                  });
}

TEST_CASE("the doctor is told of every managed peer that is not reached, and why") {
  const auto reason = [](const std::function<void(updater::PeerReport&)>& change) {
    Report shown = report();
    change(shown.peers[2]);
    const auto facts =
        updater::parse_daemon_facts(ask({Command::doctor, false, ""}, shown, {}).text);
    REQUIRE(facts);
    const auto found = facts->unreached->find(bob);
    return found == facts->unreached->end() ? "" : found->second;
  };
  using updater::LookupError;
  CHECK(reason([](auto& peer) { peer.hopeless = "both NATs are symmetric"; }) ==
        "both NATs are symmetric");
  CHECK(reason([](auto& peer) { peer.lookup_error = LookupError::no_such_name; }) ==
        "the public host does not know this key");
  CHECK(reason([](auto& peer) { peer.lookup_error = LookupError::no_endpoint; }) ==
        "the public host has not seen it");
  CHECK(reason([](auto& peer) { peer.published = {endpoint("203.0.113.2:51820")}; }) ==
        "DNS says that it is at 203.0.113.2:51820, and nothing comes from there");
  CHECK(reason([](auto& peer) { peer.state = "direct"; }).empty());
  CHECK(reason([](auto& peer) { peer.state = "ignored"; }).empty());
  CHECK(reason([](auto& peer) { peer.is_hub = true; }).empty());
}

TEST_CASE("while the interface cannot be read, each command is answered with the reason") {
  for (const Command command : {Command::status, Command::why, Command::ping, Command::doctor}) {
    const Shown hangs = base::Unexpected(std::string("wg0: the program behind it hangs"));
    const auto reply = ask({command, false, ""}, hangs);
    CHECK(reply.text.empty());
    CHECK(reply.result == control::Result{1, "wg0: the program behind it hangs; waiting for it"});
  }
}

TEST_CASE("a request that is not understood is refused, whether or not the interface is there") {
  for (const Shown& shown : {Shown(report()), Shown(base::Unexpected(std::string("gone")))}) {
    const auto reply = updater::answer_request("status", make_config(), shown, {}, ping);
    CHECK(reply.text.empty());
    CHECK(reply.result == control::Result{2, "the request is not a JSON object"});
  }
}

TEST_CASE("the configuration is told as YAML") {
  CHECK(ask({Command::config, false, ""}, base::Unexpected(std::string("gone"))).text ==
        updater::to_yaml(make_config()));
}

TEST_CASE("the log's level is changed while the daemon runs, its interface or not") {
  const LogText log;
  ControlRequest request{Command::log_level, false, ""};
  const auto answer = [&](const std::string& level) {
    request.level = level;
    return ask(request, base::Unexpected(std::string("gone")));
  };
  CHECK(answer("debug").text == "debug\n");
  spdlog::debug("a detail");
  CHECK(answer("").text == "debug\n");
  CHECK(answer("warning").text == "warning\n");
  spdlog::info("a change");
  CHECK(log.count("a detail") == 1);
  CHECK(log.count("a change") == 0);
  const auto wrong = answer("loud");
  CHECK(wrong.result ==
        control::Result{2, "there is no log level loud; expected: debug, info, warning or error"});
  CHECK(answer("info").text == "info\n");
}
