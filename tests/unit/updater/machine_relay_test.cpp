#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "tests/unit/updater/relay_rig.hpp"

using namespace relay_rig;

TEST_CASE("relay: first: the step after the DNS answer sets the hub's endpoint, by roles") {
  for (const auto& own_key : {smaller, larger}) {
    for (const auto round_trip : {-1ms, 100ms}) {
      CAPTURE(round_trip.count());
      Rig rig(own_key, {}, settings_with(RelayUse::first));
      rig.step(0);
      if (round_trip >= 0ms) rig.machine().learn_round_trip(hub, round_trip);
      publish(rig, 0.1);
      const Plan plan = rig.step(0.1);
      if (own_key == smaller) {
        CHECK(about_bob(plan.changes) == Lines{"endpoint " + hub_home + ", kick, keepalive 25 s"});
        continue;
      }
      CHECK(about_bob(plan.changes) == Lines{"endpoint " + hub_home});
      const double kick = 0.1 + 0.1 + (round_trip >= 0ms ? 0.05 : 0.1);
      CHECK(plan.next <= at(kick + 0.001).steady);
      CHECK(about_bob(rig.step(kick - 0.01).changes).empty());
      CHECK(about_bob(rig.step(kick + 0.001).changes) == Lines{"kick, keepalive 25 s"});
    }
  }
}

TEST_CASE("the larger key does not kick through the hub where something came") {
  Rig rig(larger, {}, settings_with(RelayUse::first));
  rig.step(0);
  publish(rig, 0.1);
  rig.step(0.1);
  rig.at_bob().rx_bytes += 148;
  rig.at_bob().tx_bytes += 92;
  rig.step(0.25);
  CHECK(about_bob(rig.step(0.5).changes).empty());
}

TEST_CASE("relay: fallback: direct at first, and WireGuard's second initiation is the hub's") {
  Rig rig(smaller);
  rig.step(0);
  publish(rig, 0);
  CHECK(about_bob(rig.step(0).changes) == Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
  const RelayCourse course = observe(rig, 0.25, 5.5, [&](double now) {
    if (now < 0.5) rig.at_bob().tx_bytes = 148;
  });
  REQUIRE(course.about_bob.size() == 1);
  CHECK(course.about_bob[0].second == "endpoint " + hub_home);
  CHECK(course.about_bob[0].first >= 4.5);
  CHECK(course.about_bob[0].first <= 5);
}

TEST_CASE("relay: fallback: a direct attempt in which something came goes on") {
  Rig rig(smaller);
  rig.step(0);
  publish(rig, 0);
  rig.step(0);
  const RelayCourse course = observe(rig, 0.25, 7, [&](double now) {
    if (now >= 0.5) rig.at_bob().tx_bytes = 148;
    if (now >= 2) rig.at_bob().rx_bytes = 148;
  });
  CHECK(course.times_of(hub_home).empty());
}

TEST_CASE("relay: never: no endpoint and no message is the relay's") {
  for (const bool is_of_peer : {false, true}) {
    CAPTURE(is_of_peer);
    updater::Settings settings = settings_with(is_of_peer ? RelayUse::first : RelayUse::never);
    if (is_of_peer) settings.peers[bob].relay = RelayUse::never;
    Rig rig(smaller, {}, settings);
    publish_own(rig, 0, schema::NatMapping::address_and_port_dependent);
    rig.step(0);
    publish(rig, 0, {bob_home}, {hub}, schema::NatMapping::address_and_port_dependent);
    const RelayCourse course = observe(rig, 0, 100);
    CHECK(course.times_of(hub_home).empty());
    CHECK(course.vias.empty());
  }
}

TEST_CASE("two symmetric NATs go to the hub at once, and are tried nowhere else") {
  Rig rig(smaller);
  publish_own(rig, 0, schema::NatMapping::address_and_port_dependent);
  rig.step(0);
  publish_own(rig, 0, schema::NatMapping::address_and_port_dependent);
  publish(rig, 0.1, {bob_home}, {hub}, schema::NatMapping::address_dependent);
  CHECK(about_bob(rig.step(0.1).changes) ==
        Lines{"endpoint " + hub_home + ", kick, keepalive 25 s"});
  const RelayCourse course = observe(rig, 0.3, 120, [&](double) { rig.at_bob().tx_bytes += 148; });
  CHECK(course.times_of(bob_home).empty());
  CHECK(report_of(rig, 120).hopeless.empty());
  // Without the hub they are hopeless, as ever.
  CHECK(rig.machine().describe(at(120), rig.device()).peers.at(0).state == "waiting");
}

TEST_CASE("a pair that a trial proves hopeless keeps to the hub") {
  Rig rig(smaller);
  rig.step(0);
  publish_own(rig, 0, schema::NatMapping::address_and_port_dependent);
  publish(rig, 0.1, {bob_home}, {hub}, schema::NatMapping::endpoint_independent);
  CHECK(about_bob(rig.step(0.1).changes) ==
        Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
  const RelayCourse course = observe(rig, 0.3, 300, [&, last = 0.0](double now) mutable {
    if (now - last < 5) return;
    last = now;
    rig.at_bob().tx_bytes += 148;
  });
  const auto direct = course.times_of(bob_home);
  CHECK(!course.times_of(hub_home).empty());
  CHECK((direct.empty() || direct.back() < 30));
  CHECK(rig.at_bob().endpoint == endpoint(hub_home));
}

TEST_CASE("only a configured hub that answers passes packets on") {
  const struct {
    std::string what;
    std::vector<wg::PublicKey> relays;
    bool answers;
    bool is_used;
  } rows[] = {{"the hub", {hub}, true, true},
              {"a stranger before it", {key(0x77), hub}, true, true},
              {"a stranger", {key(0x77)}, true, false},
              {"nobody", {}, true, false},
              {"a hub without a session", {hub}, false, false}};
  for (const auto& row : rows) {
    CAPTURE(row.what);
    Rig rig(smaller, {}, settings_with(RelayUse::first));
    if (!row.answers) {
      rig.at_hub().latest_handshake.reset();
      rig.keep_hub_alive(false);
    }
    rig.step(0);
    publish(rig, 0.1, {bob_home}, row.relays);
    CHECK(about_bob(rig.step(0.1).changes) ==
          Lines{"endpoint " + (row.is_used ? hub_home : bob_home) + ", kick, keepalive 25 s"});
  }
}

TEST_CASE("a hub that answers later is tried at once") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  rig.at_hub().latest_handshake.reset();
  rig.keep_hub_alive(false);
  rig.step(0);
  publish(rig, 0.1);
  rig.step(0.1);
  CHECK(observe(rig, 0.3, 20).times_of(hub_home).empty());
  rig.keep_hub_alive(true);
  CHECK(observe(rig, 20, 21.2).times_of(hub_home).size() == 1);
}

TEST_CASE("no answer through one hub: the next one, and then the direct way") {
  const auto other = key(0x02);
  const std::string other_home = "198.51.100.2:51820";
  updater::Settings settings = settings_with(RelayUse::first);
  settings.hubs.insert(other);
  Rig rig(smaller, {}, settings);
  wg::DevicePeer shown;
  shown.public_key = other;
  shown.endpoint = endpoint(other_home);
  shown.persistent_keepalive = 25s;
  shown.latest_handshake = handshake_at(-1);
  rig.device().peers.push_back(shown);
  rig.step(0);
  rig.machine().learn_round_trip(hub, 100ms);
  rig.machine().learn_round_trip(other, 100ms);
  publish(rig, 0.1, {bob_home}, {other, hub});
  CHECK(about_bob(rig.step(0.1).changes) ==
        Lines{"endpoint " + other_home + ", kick, keepalive 25 s"});
  const RelayCourse course = observe(rig, 0.2, 9, [&, last = -9.0](double now) mutable {
    if (now - last < 5) return;
    last = now;
    rig.at_bob().tx_bytes += 148;
  });
  REQUIRE(course.about_bob.size() >= 2);
  CHECK(course.about_bob[0].second == "endpoint " + hub_home);
  CHECK(course.about_bob[0].first >= 1.4);
  CHECK(course.about_bob[0].first <= 1.8);
  CHECK(course.about_bob[1].second.starts_with("endpoint " + bob_home));
}

TEST_CASE("a session through the hub is a state of its own, and no place of the peer's") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  connect_relayed(rig);
  const auto report = report_of(rig, 10);
  CHECK(report.state == "relayed");
  CHECK(report.path() == "relay");
  CHECK(report.relay == hub);
  CHECK(report.endpoint_from == "relay");
  CHECK(report.path_age == 9s);
  CHECK(!report.path_reason.empty());
  rig.pass(1, 60, 128, 128);
  CHECK_FALSE(rig.machine().memory().at(bob).last_good);
}

TEST_CASE("WireGuard's own roaming makes a session relayed, and direct again") {
  Rig rig(smaller);
  rig.connect();
  publish(rig, 1);
  rig.pass(1, 10, 128, 128);
  rig.at_bob().endpoint = endpoint(hub_home);
  CHECK(about_bob(rig.step(10).changes) ==
        Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
  CHECK(about_bob(rig.step(10.004).changes) == Lines{"endpoint " + hub_home});
  CHECK(report_of(rig, 10.01).path() == "relay");
  rig.at_bob().endpoint = endpoint(bob_moved);
  CHECK(about_bob(rig.pass(20, 30, 128, 128)) == Lines{"kick, keepalive 25 s"});
  CHECK(report_of(rig, 30).path() == "direct");
  CHECK(rig.machine().memory().at(bob).last_good == endpoint(bob_moved));
}

TEST_CASE("relayed peers follow their hub, when it answers there") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  connect_relayed(rig);
  rig.pass(8, 20, 128, 128);
  SUBCASE("and has roamed") {
    rig.at_hub().endpoint = endpoint("198.51.100.99:51820");
    rig.at_bob().rx_bytes += 128;
    CHECK(about_bob(rig.step(20).changes) ==
          Lines{"endpoint 198.51.100.99:51820, kick, keepalive 25 s"});
    CHECK(report_of(rig, 20).path() == "relay");
    for (const std::string& line : about_bob(rig.pass(21, 40, 128, 128)))
      CHECK(line.find(hub_home) == std::string::npos);  // back from a pulse, it is at the new place
    CHECK(report_of(rig, 40).path() == "relay");
  }
  SUBCASE("and was looked for") {
    rig.keep_hub_alive(false);
    RelayCourse course;
    double found = 0;
    for (double now = 20; now < 400 && course.about_bob.empty(); now += 0.25) {
      if (now < 100 && rig.at_hub().tx_bytes < 148) rig.at_hub().tx_bytes += 148;
      rig.at_bob().rx_bytes += 128;
      rig.at_bob().tx_bytes += 128;
      if (static_cast<int>(now * 4) % 40 == 0) rig.handshake(now);
      const Plan plan = rig.step(now);
      for (const auto& request : plan.hub_lookups)
        rig.machine().learn_hub(at(now),
                                {request.hub, {{endpoint("198.51.100.99:51820"), "the test"}}, {}});
      for (const std::string& line : about_bob(plan.changes)) {
        if (line.starts_with("endpoint 198.51.100.99")) course.about_bob.emplace_back(now, line);
      }
      const bool is_there = rig.at_hub().endpoint == endpoint("198.51.100.99:51820");
      if (is_there && found == 0) {
        found = now;
        CHECK(course.about_bob.empty());
      }
      if (is_there && now >= found + 2) {
        CHECK((now > found + 2 || course.about_bob.empty()));
        rig.keep_hub_alive(true);
      }
    }
    REQUIRE(found > 0);
    REQUIRE(course.about_bob.size() == 1);
    CHECK(course.about_bob[0].first <= found + 3.5);
    CHECK(rig.at_bob().endpoint == endpoint("198.51.100.99:51820"));
  }
}
