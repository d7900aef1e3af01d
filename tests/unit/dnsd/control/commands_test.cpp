#include "dnsd/control/commands.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dnsd/report/doctor_facts.hpp"
#include "tests/unit/dnsd/control/command_fixture.hpp"

namespace {

using Command = dnsd::ControlRequest::Command;

/// One request and everything that is printed for it.
struct Printed {
  std::string text;
  control::Result result;
  int pieces = 0;  ///< number of pieces after the first text
};

Printed ask(CommandFixture& daemon, const std::string& line) {
  dnsd::Commands commands(daemon.context());
  control::Reply reply = commands.answer(line);
  Printed printed{.text = reply.text, .result = reply.result};
  if (!reply.more) return printed;
  for (std::string piece = reply.more(); !piece.empty(); piece = reply.more()) {
    printed.text += piece;
    ++printed.pieces;
  }
  return printed;
}
Printed ask(CommandFixture& daemon, const dnsd::ControlRequest& request) {
  std::string line = dnsd::write_control_request(request);
  line.pop_back();
  return ask(daemon, line);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return result;
}

/// Many peers, each with an endpoint that only the private view shows.
void add_hidden_peers(CommandFixture& daemon, int count) {
  std::vector<dnsd::PeerChange> changes;
  for (int i = 0; i < count; ++i) {
    base::Octets32 octets{};
    octets[0] = 0x80;
    octets[1] = static_cast<std::uint8_t>(i >> 8);
    octets[2] = static_cast<std::uint8_t>(i);
    dnsd::PeerRecord record;
    record.ipv4 = base::Endpoint::parse("192.168.1.9:51820");
    record.detail = std::make_shared<const dnsd::PeerDetail>();
    changes.push_back({wg::PublicKey(octets), record});
  }
  daemon.server.peers.apply(changes);
}

}  // namespace

TEST_CASE("status: what is down, what is missing, and the exit code that says so") {
  CommandFixture daemon;
  const Printed down = ask(daemon, {.command = Command::status});
  CHECK(down.result.exit == 2);
  CHECK(has(down.text, ": down\n"));
  CHECK(has(down.text, "zone         wg.example.org. serial"));
  CHECK(has(down.text, "8 registered, 4 with an endpoint, 1 of them stale"));

  const base::Endpoint place{*base::IpAddress::parse("127.0.0.1"), free_port()};
  REQUIRE(daemon.listeners.change({{place, dnsd::View::private_view}}, {}).has_value());
  CHECK(ask(daemon, {.command = Command::status}).result.exit == 0);
  daemon.reload_problem = "line 3 is wrong";
  const Printed degraded = ask(daemon, {.command = Command::status});
  CHECK(degraded.result.exit == 1);
  CHECK(has(degraded.text, "reload       failed: line 3 is wrong\n"));
  CHECK(has(degraded.text, "listening    " + place.to_string() + " private\n"));

  const Printed json = ask(daemon, {.command = Command::status, .json = true});
  CHECK(json.result.exit == 1);
  CHECK(has(json.text, R"("state":"degraded")"));
  CHECK(has(json.text, R"("reload_problem":"line 3 is wrong")"));
  CHECK(has(json.text, R"("points":[])"));
}

TEST_CASE("status: the built-in points are counted when there are any") {
  CommandFixture daemon;
  const auto place = daemon.add_point("127.0.0.1");
  const Printed text = ask(daemon, {.command = Command::status});
  CHECK(has(text.text, "point        " + place.to_string() + " 0 handshakes, 0 cookies\n"));
  CHECK(has(text.text, "tunnels      0 queries"));
}

TEST_CASE("zone: every record of one view as a zone file") {
  CommandFixture daemon;
  const Printed everything =
      ask(daemon, {.command = Command::zone, .view = dnsd::View::private_view});
  const Printed shown = ask(daemon, {.command = Command::zone, .view = dnsd::View::public_view});
  for (const Printed* one : {&everything, &shown}) {
    CHECK(one->result == control::Result{});
    CHECK(has(one->text, "\tSOA\t"));
    CHECK(has(one->text, schema::key_label(AnswerFixture::key(1))));
  }
  const std::string erin = "\tA\t192.168.1.5\n";
  CHECK(has(everything.text, erin));  // seen on a private address
  CHECK_FALSE(has(shown.text, erin));
}

TEST_CASE("zone: peers without a record in the view do not end it early") {
  CommandFixture daemon;
  add_hidden_peers(daemon, 200);
  base::Octets32 last{};
  last.fill(0xff);
  dnsd::PeerRecord record;
  record.ipv4 = base::Endpoint::parse("203.0.113.99:51820");
  record.detail = std::make_shared<const dnsd::PeerDetail>();
  const dnsd::PeerChange change{wg::PublicKey(last), record};
  daemon.server.peers.apply({&change, 1});
  const Printed shown = ask(daemon, {.command = Command::zone, .view = dnsd::View::public_view});
  CHECK(has(shown.text, "\tA\t203.0.113.99\n"));
}

TEST_CASE("peers: each once, by key, in pieces") {
  CommandFixture daemon;
  add_hidden_peers(daemon, 200);
  const Printed text = ask(daemon, {.command = Command::peers});
  const auto printed = lines(text.text);
  CHECK(printed.size() == 208);
  CHECK(text.pieces == 4);
  CHECK(printed.front().starts_with(AnswerFixture::key(1).to_base64() + " alice"));
  CHECK(has(printed.front(), " 203.0.113.10:51820 "));
  CHECK(std::adjacent_find(printed.begin(), printed.end()) == printed.end());

  const Printed json = ask(daemon, {.command = Command::peers, .json = true});
  CHECK(lines(json.text).size() == 208);
  CHECK(has(lines(json.text).front(), R"("public_key":")" + AnswerFixture::key(1).to_base64()));
}

TEST_CASE("peers: what each tells of its ways, beside what the other end tells") {
  CommandFixture daemon;  // grace (8) tells of bob (2) and carol (3)
  const schema::PathEdit back{schema::PathEdit::Kind::add,
                              {AnswerFixture::key(8), schema::Way::relay, 32}};
  daemon.server.live->paths.apply(AnswerFixture::key(2), {&back, 1}, 0, AnswerFixture::now.steady);
  const auto printed = lines(ask(daemon, {.command = Command::peers}).text);
  CHECK(printed.at(1).ends_with(" ways: CAgI…ICAg relay 32 ms (CAgI…ICAg: direct)"));
  CHECK(printed.at(7).ends_with(" ways: bob direct 16 ms (bob: relay), carol none"));
  CHECK(!has(printed.at(0), "ways"));
  const auto json = lines(ask(daemon, {.command = Command::peers, .json = true}).text);
  CHECK(has(json.at(7), R"("way":"direct","round_trip_milliseconds":16,"way_back":"relay"})"));
  CHECK(has(json.at(0), R"("ways":[])"));
}

TEST_CASE("query: the answer, why it is so, and an exit code that says whether there is one") {
  CommandFixture daemon;
  const auto query = [&](const std::string& name, const std::string& type, dnsd::View view) {
    return ask(
        daemon,
        {.command = Command::query, .view = view, .json = false, .name = name, .type = type});
  };
  const std::string alice = AnswerFixture::key(1).to_base64();
  const Printed hit = query(alice, "SRV", dnsd::View::public_view);
  CHECK(hit.result.exit == 0);
  CHECK(has(hit.text, "view       public\noutcome    hit: there is SRV\npeer       " + alice));
  CHECK(query("nobody.wg.example.org", "A", dnsd::View::public_view).result.exit == 1);
  CHECK(
      query("_wireguard._udp.alice.wg.example.org", "SRV", dnsd::View::private_view).result.exit ==
      0);
  CHECK(query("_wireguard._udp.alice.wg.example.org", "SRV", dnsd::View::public_view).result.exit ==
        1);

  const Printed wrong_type = query(alice, "NONSENSE", dnsd::View::public_view);
  CHECK(wrong_type.result.exit == 2);
  CHECK(has(wrong_type.result.error, "'NONSENSE' is no record type"));
  const Printed wrong_name = query("a..b", "A", dnsd::View::public_view);
  CHECK(wrong_name.result.exit == 2);
  CHECK(has(wrong_name.result.error, "'a..b' is neither a domain name nor a public key"));
}

TEST_CASE("doctor: facts that the doctor understands") {
  CommandFixture daemon;
  const auto facts = dnsd::parse_doctor_facts(ask(daemon, {.command = Command::doctor}).text);
  REQUIRE(facts.has_value());
  CHECK(facts->zone == daemon.config.zone);
  CHECK(facts->state == 2);
  CHECK(facts->registered == 7);                        // without the hub's own key
  CHECK(facts->probe.starts_with("_wireguard._udp."));  // the hub's own key
  REQUIRE(facts->servers.size() == 1);
  CHECK(facts->servers[0].name == *dns::Name::parse("ns1.wg.example.org."));
}

TEST_CASE("reload: granted without a word, refused with the reason") {
  CommandFixture daemon;
  const Printed granted = ask(daemon, {.command = Command::reload});
  CHECK(granted.result == control::Result{});
  CHECK(granted.text.empty());
  daemon.refusal = "wg-dnsd.yaml:3: no such option";
  const Printed refused = ask(daemon, {.command = Command::reload});
  CHECK(refused.result == control::Result{1, "wg-dnsd.yaml:3: no such option"});
  daemon.refusal.reset();
  daemon.config.errors = {"wg0.conf:3: x", "wg0.conf:7: y"};
  const Printed partly = ask(daemon, {.command = Command::reload});
  CHECK(partly.result == control::Result{1, "reloaded, except: wg0.conf:3: x\nwg0.conf:7: y"});
  const Printed status = ask(daemon, {.command = Command::status});
  CHECK(has(status.text, "wrong        wg0.conf:3: x\nwrong        wg0.conf:7: y\n"));
  CHECK(daemon.reloads == 3);
}

TEST_CASE("commands about peers reach the points of the daemon") {
  CommandFixture daemon;
  CHECK(ask(daemon, {.command = Command::pubkey}).result.exit == 1);
  const auto place = daemon.add_point("127.0.0.1");
  const Printed keys = ask(daemon, {.command = Command::pubkey});
  CHECK(keys.text == daemon.point_key().to_base64() + " " + place.to_string() + "\n");
}

TEST_CASE("what is no request gets exit code 2 and a reason") {
  CommandFixture daemon;
  for (const std::string line :
       {"", "status", "{}", R"({"command":"dance"})", R"({"command":"status","view":"both"})"}) {
    CAPTURE(line);
    const Printed printed = ask(daemon, line);
    CHECK(printed.result.exit == 2);
    CHECK_FALSE(printed.result.error.empty());
    CHECK(printed.text.empty());
  }
  CHECK(daemon.reloads == 0);
}
