#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/updater/rig.hpp"
#include "updater/machine.hpp"

// What DNS says of the public host gives nobody its authority.

using namespace one_machine;

TEST_CASE("role=hub in a look-up stops punching while the newest answer says so, and no longer") {
  Rig rig(smaller);
  const updater::PublishedEndpoints published{{endpoint(bob_home)}, dns::Ttl{1}};
  const auto answer = [&](double now, std::optional<updater::PublishedText> text) {
    (void)rig.machine().learn(at(now), {bob, published, text});
  };
  rig.step(0);
  answer(0.1, updater::PublishedText{true, {}});
  std::size_t lookups = 0;
  double now = 0.1;
  for (; now < 240; now += 1) {
    const Plan plan = rig.step(now);
    CHECK(about_bob(plan.changes).empty());
    for (const auto& lookup : plan.lookups) {
      ++lookups;
      CHECK(lookup == updater::LookupRequest{bob, true});  // the truth is asked for each time
      answer(now, updater::PublishedText{true, {}});
    }
    // It gets nothing of what a hub has.
    CHECK(rig.machine().hubs() == std::set<wg::PublicKey>{hub});
  }
  CHECK(lookups > 24);
  CHECK_FALSE(rig.machine().describe(at(now), rig.device()).peers[0].is_hub);
  SUBCASE("the truth") {
    answer(now, updater::PublishedText{});
  }
  SUBCASE("no answer to the question for the text") {
    answer(now, std::nullopt);
  }
  CHECK(about_bob(rig.step(now).changes) ==
        Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
}

TEST_CASE("role=hub that comes during an attempt ends it, and harms no session") {
  Rig rig(smaller);
  const updater::PublishedEndpoints published{{endpoint(bob_home)}, dns::Ttl{1}};
  SUBCASE("an attempt") {
    rig.step(0);
    rig.publish(0.1, {bob_home});
    rig.step(0.1);
    (void)rig.machine().learn(at(0.2), {bob, published, updater::PublishedText{true, {}}});
    CHECK(about_bob(rig.pass(1, 100, 0, 0)).empty());
  }
  SUBCASE("a session") {
    rig.connect();
    (void)rig.machine().learn(at(1), {bob, published, updater::PublishedText{true, {}}});
    rig.pass(1, 100, 1000, 1000);
    CHECK(rig.machine().describe(at(100), rig.device()).peers[0].state == "direct");
  }
}

TEST_CASE("role=hub in the private view is true: not punched, and no authority either") {
  Rig rig(smaller, {}, {{}, 25s, false});
  rig.step(0);
  using schema::NatMapping;
  rig.machine().learn_private(smaller, {false, NatMapping::varies});
  rig.machine().learn_private(bob, {false, NatMapping::address_dependent});
  rig.machine().learn_private(hub, {true, {}});
  rig.machine().learn_private(larger, {true, {}});  // no peer of the device
  const updater::PublishedEndpoints published{{endpoint(bob_home)}, dns::Ttl{1}};
  (void)rig.machine().learn(at(0.1), {hub, published, updater::PublishedText{}});
  CHECK(!writes_endpoint(rig.pass(1, 400, 0, 0)));
  CHECK(rig.machine().hubs().empty());
  const auto report = rig.machine().describe(at(0), rig.device());
  CHECK(report.nat == NatMapping::varies);
  CHECK(report.peers[0].nat == NatMapping::address_dependent);
}

TEST_CASE("a name is taken from the private view alone, and is in the log and the report") {
  Rig rig(smaller);
  const updater::PublishedEndpoints published{{endpoint(bob_home)}, dns::Ttl{1}};
  const auto name = [&] { return rig.machine().describe(at(9), rig.device()).peers[0].name; };
  rig.step(0);
  (void)rig.machine().learn(at(0.1), {bob, published, updater::PublishedText{{}, {}, {}, "liar"}});
  rig.step(1);
  CHECK(name().empty());
  rig.machine().learn_private(bob, {false, {}, {}, "bob"});
  CHECK(rig.step(2).remember);
  CHECK(name() == "bob");
  CHECK(rig.machine().settings().describe(bob) == wg::describe_peer("bob", bob));
  rig.machine().learn_names({{bob, "robert"}});
  rig.step(3);
  CHECK(name() == "robert");
}

TEST_CASE("the private view names hubs, too, and nobody who is no peer") {
  Rig rig(smaller);
  rig.step(0);
  rig.machine().learn_private(hub, {true, {}, {}, "host"});
  rig.machine().learn_private(larger, {false, {}, {}, "stranger"});
  rig.step(1);
  const auto& settings = rig.machine().settings();
  CHECK(settings.describe(hub) == wg::describe_peer("host", hub));
  CHECK(settings.name_of(larger).empty());
}

TEST_CASE("a peer that DNS shows where the zone is served is a hub that nobody configured") {
  Rig rig(smaller, {}, {{}, 25s, false});
  rig.keep_hub_alive(false);
  const auto publish = [&](const std::string& place) {
    const updater::PublishedEndpoints published{{endpoint(place)}, dns::Ttl{1}};
    (void)rig.machine().learn(at(0.1), {hub, published, updater::PublishedText{}});
  };
  CHECK(rig.step(0).name_servers);
  std::string place = hub_home;
  std::vector<base::IpAddress> servers = {address("203.0.113.66"), endpoint(hub_home).address};
  bool is_hub = false;
  SUBCASE("it is there") {
    is_hub = true;
  }
  SUBCASE("DNS shows it elsewhere") {
    place = bob_home;
  }
  SUBCASE("the zone is served elsewhere") {
    servers.pop_back();
  }
  publish(place);
  rig.machine().learn_name_servers(at(0.1), servers);
  const Plan first = rig.step(0.2);
  CHECK_FALSE(first.name_servers);
  std::size_t changes = 0;
  for (const double now : times(1, 300, 1)) {
    const Plan plan = rig.step(now);
    if (now > 180) changes += plan.changes.size();  // its session is dead
  }
  CHECK((changes == 0) == is_hub);
  const auto shown = rig.machine().describe(at(300), rig.device()).peers[1];
  CHECK(shown.is_found_hub == is_hub);
  CHECK((shown.state == "hub") == is_hub);
  CHECK(shown.is_hub == is_hub);
  CHECK(rig.machine().hubs().empty());  // no authority
  const bool is_told =
      std::any_of(first.notes.begin(), first.notes.end(), [](const updater::Note& note) {
        return note.text.find("`hub: " + hub.to_base64() + "`") != std::string::npos;
      });
  CHECK(is_told == is_hub);
}

TEST_CASE("the name servers are asked for only where no hub is configured, and again if need be") {
  CHECK_FALSE(Rig(smaller).step(0).name_servers);
  Rig rig(smaller, {}, {{}, 25s, false});
  CHECK(rig.step(0).name_servers);
  rig.machine().learn_name_servers(at(1), {});
  CHECK_FALSE(rig.step(10).name_servers);
  CHECK(rig.step(11.1).name_servers);
  rig.machine().learn_name_servers(at(12), {address("203.0.113.66")});
  CHECK_FALSE(rig.step(200).name_servers);
  CHECK(rig.step(400).name_servers);
}
