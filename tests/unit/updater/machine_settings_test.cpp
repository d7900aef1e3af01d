#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/updater/rig.hpp"
#include "updater/machine.hpp"

// What the operator, or the peer itself, says about a single peer.

using namespace one_machine;

TEST_CASE("an ignored peer is neither looked up nor written to, whatever happens to it") {
  updater::Settings settings{{hub}, 25s, false};
  settings.peers[bob] = {.name = "bob", .ignore = true};
  Rig rig(smaller, {}, settings);
  rig.at_bob().persistent_keepalive = 21s;
  CHECK(rig.step(0).lookups.empty());
  rig.publish(0.1, {bob_home});
  CHECK(about_bob(rig.pass(0.2, 5, 0, 0)).empty());
  rig.handshake(5);
  rig.at_bob().endpoint = endpoint(bob_home);
  std::vector<Change> changes = rig.pass(5, 20, 100, 100);
  for (Change& change : rig.pass(20, 220, 0, 100)) changes.push_back(std::move(change));
  CHECK(about_bob(changes).empty());
  CHECK(rig.step(221).lookups.empty());
  CHECK(about_bob(rig.machine().give_back(rig.device())).empty());
  CHECK(rig.machine().is_settled());
  const updater::Report report = rig.machine().describe(at(221), rig.device());
  REQUIRE(report.peers.size() == 2);
  CHECK(report.peers[0].state == "ignored");
  CHECK(report.peers[0].name == "bob");
  CHECK_FALSE(report.peers[0].is_hub);
  CHECK(report.peers[1].state == "hub");
}

TEST_CASE("a hub that is ignored is left alone, too") {
  updater::Settings settings{{hub}, 25s, false};
  settings.peers[hub] = {.ignore = true};
  Rig rig(smaller, {}, settings);
  rig.at_hub().persistent_keepalive = 0s;
  for (const double now : times(0, 10, 1)) {
    const Plan plan = rig.step(now);
    CHECK(std::none_of(plan.changes.begin(), plan.changes.end(),
                       [](const Change& change) { return change.peer == hub; }));
  }
}

TEST_CASE("endpoint-family: candidates of the other family are not tried") {
  const std::string bob_ipv6 = "[2001:db8::10]:4711";
  const auto tried_with = [&](std::optional<base::Family> family, updater::Memory memory = {}) {
    updater::Settings settings{{hub}, 25s, false};
    settings.peers[bob].endpoint_family = family;
    Rig rig(smaller, std::move(memory), settings);
    rig.set_host({own("192.168.1.5"), own("2001:db8:5::5"), own("10.77.0.2", "wg0")});
    rig.step(0);
    rig.publish(0.1, {bob_ipv6, bob_home});
    std::vector<std::string> lines = about_bob(rig.pass(0.1, 20, 0, 0));
    std::string all;
    for (const std::string& line : lines) all += line + '\n';
    return all;
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(has(tried_with(std::nullopt), bob_ipv6));
  CHECK(has(tried_with(std::nullopt), bob_home));
  CHECK_FALSE(has(tried_with(base::Family::ipv4), bob_ipv6));
  CHECK(has(tried_with(base::Family::ipv4), bob_home));
  CHECK(has(tried_with(base::Family::ipv6), bob_ipv6));
  CHECK_FALSE(has(tried_with(base::Family::ipv6), bob_home));
  // An endpoint that worked before must have the right family, too.
  updater::Memory memory;
  memory[bob].last_good = endpoint("203.0.113.99:1");
  CHECK(has(tried_with(std::nullopt, memory), "203.0.113.99:1"));
  CHECK_FALSE(has(tried_with(base::Family::ipv6, memory), "203.0.113.99:1"));
}

TEST_CASE(
    "endpoint-family: only a change of the wanted family makes a suspect peer's endpoint change") {
  updater::Settings settings{{hub}, 25s, false};
  settings.peers[bob].endpoint_family = base::Family::ipv4;
  Rig rig(smaller, {}, settings);
  rig.set_host({own("192.168.1.5"), own("2001:db8:5::5"), own("10.77.0.2", "wg0")});
  rig.connect();
  rig.pass(1.6, 10.6, 1000, 1000);
  rig.pass(10.6, 13.6, 0, 1000);
  rig.publish(13.6, {"[2001:db8::77]:1", bob_moved});
  const auto lines = about_bob(rig.pass(13.6, 16.6, 0, 1000));
  REQUIRE_FALSE(lines.empty());
  CHECK(lines.front().find(bob_moved) != std::string::npos);
}

TEST_CASE("a peer's own keepalive takes the place of direct-keepalive, never of the user's") {
  const auto keepalive_with = [&](std::chrono::seconds user) {
    updater::Settings settings{{hub}, 25s, false};
    settings.peers[bob].keepalive = 11s;
    Rig rig(smaller, {}, settings);
    rig.at_bob().persistent_keepalive = user;
    rig.connect();
    rig.pass(1.6, 20.6, 100, 100);
    return rig.at_bob().persistent_keepalive;
  };
  CHECK(keepalive_with(0s) == 11s);
  CHECK(keepalive_with(21s) == 21s);
}

TEST_CASE("behind one NAT the first try waits for the peer's own network, and goes there") {
  updater::Settings settings{{hub}, 25s, false};
  settings.lan = true;
  Rig rig(smaller, {}, settings);
  const auto first = rig.step(0);
  CHECK(first.lan_lookups == std::vector{bob});
  (void)rig.publish_own(0.05, "203.0.113.10:4000");
  rig.publish(0.1, {bob_home});
  CHECK(about_bob(rig.step(0.1).changes).empty());
  SUBCASE("it answers there") {
    rig.tell_lan(0.2, {{"192.168.1.9:51820", true}, {"10.1.2.3:51820", false}});
    CHECK(about_bob(rig.step(0.2).changes) ==
          std::vector<std::string>{"endpoint 192.168.1.9:51820, kick, keepalive 25 s"});
    rig.at_bob().endpoint = endpoint("192.168.1.9:51820");
    rig.handshake(0.3);
    (void)rig.step(0.3);
    const auto report = rig.machine().describe(at(0.3), rig.device());
    CHECK(report.peers.front().endpoint_from == "lan");
    CHECK(report.peers.front().path() == "lan");
  }
  SUBCASE("nobody answers there: the public address, at once") {
    rig.tell_lan(0.2, {{"192.168.1.9:51820", false}});
    CHECK(about_bob(rig.step(0.2).changes) ==
          std::vector<std::string>{"endpoint 203.0.113.10:51820, kick, keepalive 25 s"});
  }
  SUBCASE("nothing is told in time: the public address, after 1.5 s; it comes: there, at once") {
    (void)rig.machine().learn_lan(at(0.2), {bob, base::Unexpected(LookupError::no_such_name)});
    CHECK(about_bob(rig.step(1.0).changes).empty());
    CHECK(rig.step(1.2).next <= at(1.61).steady);
    CHECK(about_bob(rig.step(1.61).changes) ==
          std::vector<std::string>{"endpoint 203.0.113.10:51820, kick, keepalive 25 s"});
    rig.tell_lan(1.7, {{"192.168.1.9:51820", true}});
    CHECK(about_bob(rig.step(1.7).changes).front().rfind("endpoint 192.168.1.9:51820", 0) == 0);
  }
  SUBCASE("the question fails: the public address, at once") {
    (void)rig.machine().learn_lan(at(0.2), {bob, base::Unexpected(LookupError::refused)});
    CHECK(about_bob(rig.step(0.2).changes) ==
          std::vector<std::string>{"endpoint 203.0.113.10:51820, kick, keepalive 25 s"});
  }
}

TEST_CASE("behind another NAT nothing waits, and the peer's own network comes last") {
  updater::Settings settings{{hub}, 25s, false};
  settings.lan = true;
  Rig rig(smaller, {}, settings);
  (void)rig.step(0);
  (void)rig.publish_own(0.05, "198.51.100.99:4000");
  rig.publish(0.1, {bob_home});
  CHECK(about_bob(rig.step(0.1).changes) ==
        std::vector<std::string>{"endpoint 203.0.113.10:51820, kick, keepalive 25 s"});
  rig.tell_lan(0.2, {{"192.168.1.9:51820", true}});
  CHECK(about_bob(rig.step(0.2).changes).empty());
  CHECK(rig.at_bob().endpoint == endpoint(bob_home));
  std::vector<std::string> written;
  for (const double now : times(1, 60, 1)) {
    for (const auto& line : about_bob(rig.step(now).changes)) written.push_back(line);
  }
  CHECK(std::any_of(written.begin(), written.end(), [](const std::string& line) {
    return line.find("192.168.1.9:51820") != std::string::npos;
  }));
}

TEST_CASE("of what a peer tells nothing is written that is refused") {
  updater::Settings settings{{hub}, 25s, false};
  settings.lan = true;
  Rig rig(smaller, {}, settings);
  rig.at_hub().endpoint = endpoint("192.168.1.77:51820");
  (void)rig.step(0);
  (void)rig.publish_own(0.05, "203.0.113.10:4000");
  rig.publish(0.1, {bob_home});
  rig.tell_lan(0.1, {{"10.77.0.3:51820", true},
                     {"192.168.1.77:53", true},
                     {"192.0.2.7:51820", false},
                     {"192.168.1.5:51820", true}});
  std::vector<std::string> written;
  for (const double now : times(0.1, 120, 1)) {
    for (const auto& line : about_bob(rig.step(now).changes)) written.push_back(line);
  }
  REQUIRE(!written.empty());
  for (const std::string& line : written) {
    CAPTURE(line);
    CHECK((line.find("endpoint") == std::string::npos || line.find(bob_home) != std::string::npos));
  }
}
