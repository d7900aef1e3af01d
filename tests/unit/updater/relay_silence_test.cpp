#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "tests/unit/updater/relay_rig.hpp"

using namespace relay_rig;

TEST_CASE("a silent direct peer is asked twice, and is at the hub within a second") {
  for (const auto round_trip : {20ms, 400ms}) {
    CAPTURE(round_trip.count());
    Rig rig(smaller);
    rig.connect();
    rig.machine().learn_round_trip(bob, round_trip);
    publish(rig, 1);
    const double r = std::chrono::duration<double>(round_trip).count();
    const RelayCourse course = observe(rig, 1, 24, pings(rig, 20));
    REQUIRE(!course.about_bob.empty());
    const auto moved = course.times_of("endpoint " + hub_home);
    REQUIRE(moved.size() == 1);
    CHECK(moved[0] >= 19.8 + 0.75 + 2 * r);
    CHECK(moved[0] <= 20 + 0.95 + 2 * r);
    CHECK(std::count_if(course.probes.begin(), course.probes.end(),
                        [&](double time) { return time > 20 && time < moved[0]; }) == 2);
    REQUIRE(course.vias.size() == 1);
    CHECK(course.vias[0] == std::pair{moved[0], updater::ViaRequest{hub, {bob}}});
    // Kicks until it answers; it does not.
    const auto kicks = course.times_of("kick");
    CHECK(kicks.size() >= 10);
    CHECK(std::count_if(kicks.begin(), kicks.end(),
                        [&](double time) { return time < moved[0] + 2.4; }) == 10);
    CHECK(kicks[1] - kicks[0] >= 0.19);
    CHECK(kicks[1] - kicks[0] <= 0.26);
  }
}

TEST_CASE("the kicks end when something comes, and the session is relayed then") {
  Rig rig(smaller);
  rig.connect();
  rig.machine().learn_round_trip(bob, 20ms);
  publish(rig, 1);
  std::optional<double> moved;
  const RelayCourse course = observe(rig, 1, 40, [&, ping = pings(rig, 20)](double now) mutable {
    ping(now);
    if (!moved && rig.at_bob().endpoint == endpoint(hub_home)) moved = now;
    if (moved && now > *moved + 0.3) rig.at_bob().rx_bytes += 128;
  });
  REQUIRE(moved);
  const auto kicks = course.times_of("kick");
  CHECK(std::count_if(kicks.begin(), kicks.end(),
                      [&](double time) { return time < *moved + 0.5; }) <= 3);
  CHECK(course.vias.size() == 1);
  CHECK(report_of(rig, 40).path() == "relay");
}

TEST_CASE("a peer that answers its echo requests is not moved") {
  for (const bool goes_on : {false, true}) {
    CAPTURE(goes_on);
    Rig rig(smaller);
    rig.connect();
    rig.machine().learn_round_trip(bob, 20ms);
    publish(rig, 1);
    bool is_asked = false;
    const RelayCourse course = observe(rig, 1, 60, [&, ping = pings(rig, 20)](double now) mutable {
      if (now < 20 || goes_on) ping(now);
      if (is_asked) rig.at_bob().rx_bytes += 64;
      is_asked = false;
      const auto before = rig.at_bob();
      (void)before;
      is_asked = now >= 20;  // each reading brings a reply
    });
    CHECK(course.times_of(hub_home).empty());
    CHECK(course.vias.empty());
  }
}

TEST_CASE("a peer that never answered an echo request is not moved for its silence alone") {
  Rig rig(smaller);
  rig.connect();
  publish(rig, 1);
  const RelayCourse course = observe(rig, 1, 29, pings(rig, 20));
  CHECK(course.times_of(hub_home).empty());
  // Unless its session is dead: then the hub is a better bet than the same place again.
  const RelayCourse later = observe(rig, 29, 36, pings(rig, 20));
  CHECK(later.times_of("endpoint " + hub_home).size() == 1);
  CHECK(later.vias.size() == 1);
}

TEST_CASE("what the hub does not bring back either goes the old way") {
  Rig rig(smaller);
  rig.connect();
  rig.machine().learn_round_trip(bob, 20ms);
  publish(rig, 1);
  bool is_published = false;
  const RelayCourse course = observe(rig, 1, 30, [&, ping = pings(rig, 20)](double now) mutable {
    ping(now);
    if (now > 22 && !is_published) {
      is_published = true;
      publish(rig, now, {bob_moved});
    }
  });
  const auto back = course.times_of("endpoint " + bob_moved);
  REQUIRE(!back.empty());
  CHECK(back[0] >= 22.5);
  CHECK(back[0] <= 25);
}

TEST_CASE("an idle peer costs no reading more where a hub passes packets on") {
  std::size_t steps_without = 0;
  for (const RelayUse use : {RelayUse::never, RelayUse::fallback, RelayUse::first}) {
    CAPTURE(to_string(use));
    Rig rig(smaller, {}, settings_with(use));
    if (use == RelayUse::first) {
      connect_relayed(rig);
    } else {
      rig.connect();
      rig.machine().learn_round_trip(bob, 20ms);
      publish(rig, 1);
    }
    const RelayCourse course = observe(rig, 8, 100, [&, last = 0.0](double now) mutable {
      if (now - last < 20) return;
      last = now;
      rig.at_bob().rx_bytes += 32;
      rig.at_bob().tx_bytes += 32;
    });
    if (use == RelayUse::never) steps_without = course.steps;
    CHECK(course.vias.empty());
    if (use != RelayUse::first) {
      CHECK(course.steps <= steps_without + 3);
      CHECK(course.about_bob.empty());
    } else {
      // Pulses, in rounds that become rare.
      CHECK(course.steps <= steps_without + 40);
      CHECK(course.times_of("endpoint " + bob_home).size() <= 15);
      CHECK(course.about_bob.size() <= 40);
    }
  }
}

TEST_CASE("a lost relayed session is contacted through the hub again, and its story is told") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  connect_relayed(rig);
  rig.pass(8, 190, 0, 0);
  const RelayCourse course = observe(rig, 190, 200);
  CHECK(course.times_of("kick").size() >= 1);
  CHECK(rig.at_bob().endpoint == endpoint(bob_home));  // it did not answer through the hub
}
