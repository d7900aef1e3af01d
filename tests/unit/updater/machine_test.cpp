#include "updater/machine.hpp"

#include <algorithm>

#include <doctest/doctest.h>

#include "tests/unit/updater/rig.hpp"

using namespace one_machine;

TEST_CASE("at the start the own key and every direct peer are looked up, and the hub is not") {
  Rig rig(smaller);
  const Plan plan = rig.machine().step(at(0), rig.device(), {});
  CHECK(plan.lookups == std::vector<updater::LookupRequest>{{smaller, true}, {bob, true}});
  CHECK(plan.changes.empty());
}

TEST_CASE("the smaller key kicks at once") {
  Rig rig(smaller);
  rig.step(0);
  rig.publish(0.1, {bob_home});
  CHECK(about_bob(rig.step(0.1).changes) ==
        Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
}

TEST_CASE("the larger key sets the endpoint at once and kicks half a second later") {
  Rig rig(larger);
  rig.step(0);
  rig.publish(0.1, {bob_home});
  const Plan plan = rig.step(0.1);
  CHECK(about_bob(plan.changes) == Lines{"endpoint " + bob_home});
  CHECK(plan.next <= at(0.6).steady);
  CHECK(about_bob(rig.step(0.35).changes).empty());
  CHECK(about_bob(rig.step(0.61).changes) == Lines{"kick, keepalive 25 s"});
}

TEST_CASE("the larger key does not kick when a handshake has appeared") {
  Rig rig(larger);
  rig.step(0);
  rig.publish(0.1, {bob_home});
  rig.step(0.1);
  rig.handshake(0.5);
  CHECK(about_bob(rig.step(0.61).changes).empty());
}

TEST_CASE("the larger key does not kick into a handshake that is under way") {
  Rig rig(larger);
  rig.step(0);
  rig.publish(0.1, {bob_home});
  rig.step(0.1);
  rig.at_bob().rx_bytes += 148;  // bob's initiation; our kernel has answered it
  rig.at_bob().tx_bytes += 92;
  CHECK(about_bob(rig.step(0.5).changes).empty());
  CHECK(about_bob(rig.step(0.61).changes).empty());
}

TEST_CASE("a keepalive without an endpoint is turned off until the endpoint is known") {
  Rig rig(smaller);
  rig.at_bob().persistent_keepalive = 17s;
  CHECK(about_bob(rig.step(0).changes) == Lines{"keepalive off"});
  CHECK(rig.step(1).changes.empty());
  rig.publish(2, {bob_home});
  CHECK(about_bob(rig.step(2).changes) == Lines{"endpoint " + bob_home + ", kick, keepalive 17 s"});
  CHECK(rig.machine().memory().at(bob).keepalive.user() == 17s);
}

TEST_CASE("what a plan writes to a keepalive is remembered before") {
  Rig rig(smaller);
  rig.at_bob().persistent_keepalive = 17s;
  const Plan plan = rig.machine().step(at(0), rig.device(), {});
  REQUIRE(about_bob(plan.changes) == Lines{"keepalive off"});
  CHECK(plan.remember);
  CHECK(rig.machine().memory().at(bob).keepalive == updater::Keepalive(17s, {0s}));
}

TEST_CASE("a stop at any moment of the first contact gives the user's keepalive back") {
  for (const auto user : {0s, 17s}) {
    for (int steps = 0; steps < 8; ++steps) {
      CAPTURE(user.count());
      CAPTURE(steps);
      Rig rig(larger);
      rig.at_bob().persistent_keepalive = user;
      for (int i = 0; i < steps; ++i) {
        if (i == 2) rig.publish(0.5, {bob_home});
        if (i == 5) rig.handshake(1.25);
        rig.step(0.25 * i);
      }
      rig.apply(rig.machine().give_back(rig.device()));
      CHECK(rig.at_bob().persistent_keepalive == user);
      rig.machine().forget_keepalives();
      CHECK(rig.machine().give_back(rig.device()).empty());
    }
  }
}

TEST_CASE(
    "a kill at any moment, also between remembering and writing, keeps the user's keepalive") {
  for (const auto user : {0s, 17s}) {
    for (int steps = 0; steps < 40; ++steps) {
      for (const bool last_write_lost : {false, true}) {
        CAPTURE(user.count());
        CAPTURE(steps);
        CAPTURE(last_write_lost);
        Rig rig(larger);
        rig.at_bob().persistent_keepalive = user;
        updater::Memory on_disk;
        for (int i = 0; i < steps; ++i) {
          if (i == 2) rig.publish(0.5, {bob_home});
          if (i == 30) rig.handshake(7.5);
          const wg::Device before = rig.device();
          const Plan plan = rig.step(0.25 * i);
          if (plan.remember) on_disk = rig.machine().memory();
          if (last_write_lost && i + 1 == steps) rig.device() = before;
        }
        Machine again({{hub}, 25s, false}, on_disk, 2);
        (void)again.step(at(20), rig.device(), {});
        rig.apply(again.give_back(rig.device()));
        CHECK(rig.at_bob().persistent_keepalive == user);
      }
    }
  }
}

TEST_CASE("the hub is never punched, and its endpoint never set") {
  Rig rig(smaller);
  rig.at_hub().latest_handshake.reset();
  (void)rig.machine().learn(
      at(0), {hub, updater::PublishedEndpoints{{endpoint(bob_home)}, dns::Ttl{1}}, std::nullopt});
  CHECK(!writes_endpoint(rig.pass(0, 60, 0, 0)));
}

TEST_CASE("a hub without a keepalive gets one while the updater runs") {
  Rig rig(smaller);
  rig.at_hub().persistent_keepalive = 0s;
  rig.step(0);
  CHECK(rig.at_hub().persistent_keepalive == 25s);
  rig.apply(rig.machine().give_back(rig.device()));
  CHECK(rig.at_hub().persistent_keepalive == 0s);
}

TEST_CASE("a hub that the device does not have is told once") {
  Rig rig(smaller, {}, {{hub, key(0x77)}, 25s, false});
  CHECK(rig.step(0).notes.size() == 1);
  CHECK(rig.step(1).notes.empty());
}

TEST_CASE("a live peer is never given another endpoint") {
  Rig rig(smaller);
  rig.at_bob().endpoint = endpoint(bob_moved);  // learned by roaming
  rig.at_bob().latest_handshake = handshake_at(-5);
  const struct {
    std::string what;
    std::uint64_t received;
    std::uint64_t sent;
  } rows[] = {
      {"both ways", 1000, 1000}, {"only in", 1000, 0}, {"keepalives", 32, 32}, {"idle", 0, 0}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    for (int now = 0; now < 100; now += 10) {
      rig.publish(now, {bob_home});
      CHECK(!writes_endpoint(rig.pass(now, now + 10, row.received, row.sent)));
      rig.handshake(now);
    }
  }
}

TEST_CASE("a one-way flow out, answered every 10 s by WireGuard, is not written to") {
  Rig rig(smaller);
  rig.connect();
  for (int now = 1; now < 100; now += 10) {
    rig.publish(now, {bob_home});
    CHECK(!writes_endpoint(rig.pass(now, now + 10, 0, 5000)));
    rig.at_bob().rx_bytes += 32;
    if (now % 50 == 1) rig.handshake(now);
  }
}

TEST_CASE(
    "the keepalive of a direct peer that came up by itself is set once the handshake is 6 s old") {
  Rig rig(larger);
  rig.step(0);
  rig.publish(0.1, {bob_home});
  rig.step(0.1);
  rig.handshake(0.5);
  CHECK(about_bob(rig.pass(0.6, 6, 32, 32)).empty());
  CHECK(about_bob(rig.pass(6.6, 60, 32, 32)) == Lines{"keepalive 25 s"});
}

TEST_CASE("failed look-ups change nothing, whatever the reason") {
  for (const auto error :
       {LookupError::no_such_name, LookupError::no_endpoint, LookupError::server_failure,
        LookupError::refused, LookupError::timeout, LookupError::unreachable,
        LookupError::malformed, LookupError::foreign}) {
    CAPTURE(to_string(error));
    Rig rig(smaller);
    rig.at_bob().endpoint = endpoint(bob_home);
    for (const double now : times(0, 60, 1)) {
      CHECK(about_bob(rig.step(now).changes).empty());
      rig.fail(now + 0.1, error);
    }
    CHECK(rig.at_bob().endpoint == endpoint(bob_home));
  }
}

TEST_CASE("trouble of the resolver is told when it begins and when it ends") {
  Rig rig(smaller);
  rig.step(0);
  CHECK(rig.fail(1, LookupError::timeout).size() == 1);
  CHECK(rig.fail(2, LookupError::timeout).empty());
  CHECK(rig.fail(3, LookupError::server_failure).empty());
  const auto notes = rig.fail(4, LookupError::no_endpoint);
  CHECK(notes.size() == 2);  // the peer works again, and there is no endpoint
  CHECK(rig.fail(5, LookupError::no_endpoint).empty());
}

TEST_CASE(
    "while there is no endpoint DNS is asked often at first, then every 10 s, never within the "
    "TTL") {
  Rig rig(smaller);
  std::vector<double> asked;
  for (const double now : times(0, 120, 0.25)) {
    if (rig.step(now).lookups.empty()) continue;
    asked.push_back(now);
    rig.fail(now + 0.1, LookupError::no_endpoint);
  }
  REQUIRE(asked.size() > 12);
  for (std::size_t i = 1; i < asked.size(); ++i) {
    CAPTURE(i);
    const double gap = asked[i] - asked[i - 1];
    if (i < 6) CHECK(gap <= 2);
    if (i > 12) CHECK((gap >= 8 && gap <= 12.5));
  }
}

TEST_CASE("a TTL is waited for") {
  Rig rig(smaller);
  rig.step(0);
  (void)rig.machine().learn(
      at(0), {bob, updater::PublishedEndpoints{{endpoint(bob_home)}, dns::Ttl{30}}, std::nullopt});
  for (const double now : times(0, 30, 1)) CHECK(rig.step(now).lookups.empty());
}

TEST_CASE(
    "a silent flow makes suspect: the hub is kicked and DNS asked, and bob is not written to") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 20, 1000, 1000);
  const auto changes = rig.pass(20, 23, 0, 1000);
  CHECK(kicks_hub(changes));
  CHECK(about_bob(changes).empty());
}

TEST_CASE("a suspect peer gets echo requests at its own address in the tunnel") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 20, 1000, 1000);
  std::vector<double> probed;
  for (const double now : times(20, 30, 1)) {
    rig.at_bob().tx_bytes += 1000;
    for (const auto& probe : rig.step(now).probes) {
      CHECK(probe == updater::Probe{bob, address("10.77.0.3")});
      probed.push_back(now);
    }
  }
  CHECK(probed == std::vector<double>{21, 23, 25, 27, 29});
}

TEST_CASE("a peer that becomes direct is probed once, if it has a host route that we can use") {
  const struct {
    std::string what;
    std::vector<std::string> allowed_ips;
    std::size_t probes;
  } rows[] = {{"a host route", {"10.9.0.0/16", "10.77.0.3/32"}, 1},
              {"a subnet alone", {"10.77.0.0/24"}, 0},
              {"a family that our device has no address of", {"fd00::3/128"}, 0},
              {"none", {}, 0}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    Rig rig(smaller);
    rig.at_bob().allowed_ips.clear();
    for (const auto& text : row.allowed_ips) rig.at_bob().allowed_ips.push_back(prefix(text));
    rig.step(0);
    rig.publish(0.1, {bob_home});
    rig.step(0.1);
    rig.handshake(0.6);
    std::size_t probes = 0;
    for (const double now : times(0.6, 40, 1)) {
      rig.at_bob().rx_bytes += 32;
      probes += rig.step(now).probes.size();
      rig.machine().learn_round_trip(bob, 20ms);
    }
    CHECK(probes == row.probes);
  }
}

TEST_CASE("two that answer each other's echo requests come to rest") {
  Rig rig(smaller);
  rig.connect();
  rig.machine().learn_round_trip(bob, 20ms);
  rig.pass(1, 20, 0, 0);
  rig.at_bob().rx_bytes += 64;  // bob's request, and our kernel's answer
  rig.at_bob().tx_bytes += 64;
  for (const double now : times(20, 40, 1)) CHECK(rig.step(now).probes.empty());
}

TEST_CASE("data unanswered for longer than WireGuard and two round trips take is a lost session") {
  const struct {
    std::optional<std::chrono::milliseconds> round_trip;
    double lost_at;
  } rows[] = {{std::nullopt, 12}, {20ms, 12}, {1000ms, 13}, {3000ms, 17}};
  for (const auto& row : rows) {
    Rig rig(smaller);
    rig.connect();
    if (row.round_trip) rig.machine().learn_round_trip(bob, *row.round_trip);
    rig.pass(1, 20, 1000, 1000);
    std::optional<double> lost_at;
    for (const double now : times(20, 60, 1)) {
      rig.at_bob().tx_bytes += 1000;
      for (const auto& note : rig.step(now).notes) {
        if (!lost_at && note.text.find("lost") != std::string::npos) lost_at = now;
      }
    }
    CHECK(lost_at == 20 + row.lost_at);
  }
}

TEST_CASE("when this host is connected in another way, the hub is set and kicked again") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 20, 1000, 1000);
  rig.change_local(20);
  const Plan plan = rig.step(20);
  REQUIRE(plan.changes.size() == 1);
  CHECK(plan.changes[0].peer == hub);
  CHECK(updater::describe(plan.changes[0].updates) ==
        "endpoint " + hub_home + ", kick, keepalive 25 s");
  CHECK(plan.probes.size() == 1);  // bob works, and learns our new address at once
  CHECK(rig.pass(21, 40, 1000, 1000).empty());
}

TEST_CASE("a second change of the routes within the hub's 5 s is not held back") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 20, 1000, 1000);
  rig.change_local(20);
  CHECK(rig.step(20).changes.size() == 1);
  rig.change_local(20.3);
  CHECK(rig.step(20.3).changes.empty());
  CHECK(rig.step(21).changes.size() == 1);
}

TEST_CASE("what did not work is tried anew when this host, or its own mapping, changed") {
  for (const bool is_mapping : {false, true}) {
    CAPTURE(is_mapping);
    Rig rig(smaller);
    rig.step(0);
    rig.publish_own(0, "198.51.100.9:4000");
    rig.publish(0, {bob_home});
    double now = 0;
    double last_try = 0;
    for (; now < 200 || last_try < 200; now += 0.25) {
      REQUIRE(now < 400);
      if (!about_bob(rig.step(now).changes).empty()) last_try = now;
    }
    now += 10;  // between two tries, which are a minute apart by now
    CHECK(about_bob(rig.step(now).changes).empty());
    if (is_mapping) {
      CHECK(rig.publish_own(now, "198.51.100.9:4001").size() == 1);
    } else {
      rig.change_local(now);
    }
    const std::string again = is_mapping ? "" : "endpoint " + bob_home + ", ";
    CHECK(about_bob(rig.step(now + 0.1).changes) == Lines{again + "kick, keepalive 25 s"});
  }
}

TEST_CASE("after a single exchange it is the echo that decides whether the hub is bothered") {
  for (const bool answers : {true, false}) {
    CAPTURE(answers);
    Rig rig(smaller);
    rig.connect();
    rig.machine().learn_round_trip(bob, 20ms);
    rig.pass(1, 20, 0, 0);
    rig.pass(20, 21, 1000, 1000);
    bool has_probed = false;
    bool has_kicked = false;
    for (const double now : times(21, 26, 0.25)) {
      if (has_probed && answers) rig.at_bob().rx_bytes += 64;
      const Plan plan = rig.step(now);
      has_probed = has_probed || !plan.probes.empty();
      has_kicked = has_kicked || kicks_hub(plan.changes);
    }
    CHECK(has_probed);
    CHECK(has_kicked == !answers);
  }
}

TEST_CASE("what WireGuard learned after DNS was last asked is newer than a change in DNS") {
  for (const bool roams : {true, false}) {
    CAPTURE(roams);
    Rig rig(smaller);
    rig.connect();
    rig.machine().learn_round_trip(bob, 20ms);
    rig.pass(1, 20, 1000, 1000);
    if (roams) rig.at_bob().endpoint = endpoint("203.0.113.78:1");
    rig.pass(20, 23, 0, 1000);
    rig.publish(23.5, {bob_moved});
    CHECK(writes_endpoint(rig.pass(24, 27, 0, 1000)) == !roams);
  }
}

TEST_CASE("of two initiations that cross, the larger key's goes nowhere the next time") {
  for (const auto& own_key : {smaller, larger}) {
    Rig rig(own_key);
    rig.step(0);
    rig.publish(0, {bob_home});
    rig.step(0);
    rig.step(0.75);
    rig.at_bob().tx_bytes += 148;
    rig.at_bob().rx_bytes += 148;  // an initiation of bob instead of a response
    rig.step(1);
    rig.at_bob().tx_bytes += 92;
    Lines lines;
    for (const double now : times(1.25, 4, 0.25)) {
      for (auto& line : about_bob(rig.step(now).changes)) lines.push_back(line);
    }
    if (own_key == smaller) {
      CHECK(lines.empty());
      continue;
    }
    CHECK(lines == Lines{"endpoint 127.0.0.1:9"});
    SUBCASE("and comes back when bob is not heard again") {
      lines.clear();
      for (const double now : times(4, 9, 0.25)) {
        for (auto& line : about_bob(rig.step(now).changes)) lines.push_back(line);
      }
      REQUIRE(!lines.empty());
      CHECK(lines.front() == "endpoint " + bob_home);
    }
    SUBCASE("and is left where bob is heard") {
      rig.at_bob().endpoint = endpoint(bob_moved);
      rig.handshake(5);
      CHECK(!writes_endpoint(rig.step(5).changes));
    }
    SUBCASE("and does not stay when the updater stops") {
      rig.apply(rig.machine().give_back(rig.device()));
      CHECK(rig.at_bob().endpoint == endpoint(bob_home));
    }
  }
}
