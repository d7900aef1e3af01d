#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/updater/relay_rig.hpp"

// A relayed session and its way to the direct one, step by step.

namespace {

using namespace relay_rig;

using Lines = std::vector<std::string>;

const std::string pulse_home = "endpoint " + bob_home + ", kick, keepalive 25 s";
const std::string to_hub = "endpoint " + hub_home;
const std::string hub_and_kick = "endpoint " + hub_home + ", kick, keepalive 25 s";

/// Relayed, quiet, and its first round is over. \return when the next one is due.
double rest(Rig& rig) {
  connect_relayed(rig);
  (void)observe(rig, 0.405, 4);
  REQUIRE(rig.at_bob().endpoint == endpoint(hub_home));
  return 4;
}

/// Steps until a pulse is open; when it is.
double open_pulse(Rig& rig, double from, const std::string& place = bob_home) {
  for (double now = from; now < from + 20; now += 0.01) {
    rig.step(now);
    if (rig.at_bob().endpoint == endpoint(place)) return now;
  }
  FAIL("no pulse");
  return 0;
}

/// A pulse of the peer was seen at `place` while ours was over. \return when.
double see(Rig& rig, double from, const std::string& place = bob_home) {
  const double now = open_pulse(rig, from) + 0.005;
  rig.step(now);
  REQUIRE(rig.at_bob().endpoint == endpoint(hub_home));
  rig.machine().see(bob, endpoint(place));
  return now + 0.01;
}

/// The smaller key has seen the peer, and the hub grants the pause. \return when it has moved.
double move(Rig& rig) {
  double now = see(rig, rest(rig));
  Plan plan = rig.step(now);
  REQUIRE(plan.pauses.size() == 1);
  rig.step(now + 0.006);  // the answer to the peer's pulse
  rig.step(now + 0.010);
  rig.machine().learn_pause(bob, true);
  now += 0.02;
  REQUIRE(about_bob(rig.step(now).changes) == Lines{pulse_home});
  return now;
}

std::size_t count(const std::vector<std::pair<double, std::string>>& lines,
                  const std::string& wanted) {
  return static_cast<std::size_t>(std::count_if(
      lines.begin(), lines.end(), [&](const auto& line) { return line.second == wanted; }));
}

}  // namespace

TEST_CASE("a round has three pulses of 4 ms, and the pauses between rounds grow") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  rig.step(0);
  publish(rig, 0.1);
  rig.step(0.1);
  rig.handshake(0.4);
  const RelayCourse course = observe(rig, 0.4, 400, [&, last = 0.0](double now) mutable {
    if (now - last < 10) return;
    last = now;
    rig.handshake(now);  // the session lives
    rig.at_bob().rx_bytes += 32;
  });
  const auto pulses = course.times_of("endpoint " + bob_home);
  const auto back = course.times_of(to_hub);
  REQUIRE(pulses.size() % 3 == 0);
  REQUIRE(pulses.size() >= 18);
  REQUIRE(pulses.size() <= 21);
  REQUIRE(back.size() == pulses.size());
  CHECK(pulses[0] == doctest::Approx(0.4));  // at once
  for (std::size_t i = 0; i < pulses.size(); ++i) {
    CHECK(back[i] - pulses[i] >= 0.004);
    CHECK(back[i] - pulses[i] <= 0.006);
    CHECK(std::find(course.probes.begin(), course.probes.end(), pulses[i]) != course.probes.end());
    if (i % 3 != 0) {
      // A round trip, which was not measured, and 150 ms.
      CHECK(pulses[i] - pulses[i - 1] == doctest::Approx(0.35).epsilon(0.03));
    }
  }
  const std::vector<double> pauses = {5, 10, 20, 40, 60};
  for (std::size_t i = 0; i < pauses.size(); ++i) {
    const double pause = pulses[3 * i + 3] - pulses[3 * i + 2];
    CHECK(pause >= 0.8 * pauses[i]);
    CHECK(pause <= 1.2 * pauses[i] + 1.5);
  }
  // Each round ends with a keepalive through the hub, for what it did at the far end.
  CHECK(count(course.about_bob, "kick, keepalive 25 s") >= pulses.size() / 3);
  CHECK(course.pauses.empty());
  CHECK(rig.at_bob().endpoint == endpoint(hub_home));
}

TEST_CASE("a sight is answered by one pulse, and the smaller key asks the hub for a pause") {
  for (const bool is_smaller : {true, false}) {
    CAPTURE(is_smaller);
    Rig rig(is_smaller ? smaller : larger, {}, settings_with(RelayUse::first));
    const double now = see(rig, rest(rig));
    const Plan plan = rig.step(now);
    CHECK(plan.pauses == (is_smaller ? std::vector<updater::PauseRequest>{{hub, bob, 420ms}}
                                     : std::vector<updater::PauseRequest>{}));
    CHECK(about_bob(plan.changes).empty());
    CHECK(about_bob(rig.step(now + 0.003).changes).empty());
    CHECK(about_bob(rig.step(now + 0.006).changes) == Lines{pulse_home});
    CHECK(about_bob(rig.step(now + 0.010).changes) == Lines{to_hub});
    // From here on it neither pulses nor writes.
    rig.machine().see(bob, endpoint(bob_home));
    const RelayCourse quiet = observe(rig, now + 0.011, now + 1);
    CHECK(quiet.about_bob.empty());
    CHECK(quiet.pauses.empty());
  }
}

TEST_CASE("an endpoint that roamed at the first sight is set back") {
  Rig rig(larger, {}, settings_with(RelayUse::first));
  const double now = open_pulse(rig, rest(rig)) + 0.005;
  rig.step(now);
  rig.at_bob().endpoint = endpoint(bob_home);
  CHECK(about_bob(rig.step(now + 0.01).changes) == Lines{to_hub});
  CHECK(about_bob(rig.step(now + 0.016).changes) == Lines{pulse_home});
}

TEST_CASE("a symmetric NAT is seen at a port that nobody published") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  const std::string other_port = "203.0.113.10:40000";
  const double now = see(rig, rest(rig), other_port);
  CHECK(rig.step(now).pauses.size() == 1);
  CHECK(about_bob(rig.step(now + 0.006).changes) ==
        Lines{"endpoint " + other_port + ", kick, keepalive 25 s"});
}

TEST_CASE("a place with an address that nobody told of is no sight") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  const double now = see(rig, rest(rig), "192.0.2.66:4711");
  const RelayCourse course = observe(rig, now, now + 3);
  CHECK(course.pauses.empty());
  CHECK(course.times_of("192.0.2.66").empty());
}

TEST_CASE("a move with a pause: two kicks, and direct when something came") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  const double moved = move(rig);
  CHECK(rig.machine().memory().at(bob).back_to == hub);
  CHECK(about_bob(rig.step(moved + 0.02).changes).empty());
  rig.at_bob().rx_bytes += 128;
  CHECK(report_of(rig, moved + 0.03).path() == "relay");  // the peer may have answered a pulse
  const Plan second = rig.step(moved + 0.16);
  CHECK(about_bob(second.changes) == Lines{"kick, keepalive 25 s"});
  CHECK(second.probes.size() == 1);
  CHECK(about_bob(rig.step(moved + 0.2).changes).empty());
  CHECK(report_of(rig, moved + 0.2).path() == "direct");
  CHECK_FALSE(rig.machine().memory().at(bob).back_to);
  CHECK(rig.machine().memory().at(bob).last_good == endpoint(bob_home));
  CHECK(observe(rig, moved + 0.21, moved + 5).times_of("endpoint").empty());
}

TEST_CASE("a packet of the hub that was under way is no end of the move") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  const double moved = move(rig);
  rig.step(moved + 0.02);
  rig.at_bob().endpoint = endpoint(hub_home);
  rig.at_bob().rx_bytes += 128;
  CHECK(about_bob(rig.step(moved + 0.03).changes) == Lines{"endpoint " + bob_home});
  // The pause is over: what comes through the hub now was sent after it.
  rig.at_bob().endpoint = endpoint(hub_home);
  rig.step(moved + 0.16);
  rig.at_bob().endpoint = endpoint(hub_home);
  rig.at_bob().rx_bytes += 128;
  CHECK(about_bob(rig.step(moved + 0.5).changes).empty());
  CHECK(report_of(rig, moved + 0.5).path() == "relay");
}

TEST_CASE("a move that brings nothing in 0.6 s and a round trip goes back to the hub") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  const double moved = move(rig);
  const RelayCourse course = observe(rig, moved + 0.001, moved + 3);
  const auto back = course.times_of(hub_and_kick);
  REQUIRE(back.size() == 1);
  CHECK(back[0] - moved >= 0.62);
  CHECK(back[0] - moved <= 0.66);
  CHECK(rig.at_bob().endpoint == endpoint(hub_home));
  CHECK(course.pauses.empty());
  rig.at_bob().rx_bytes += 128;
  rig.step(moved + 3.1);
  CHECK_FALSE(rig.machine().memory().at(bob).back_to);
}

TEST_CASE("where the hub makes no pause the session stays relayed") {
  for (const bool is_answered : {true, false}) {
    CAPTURE(is_answered);
    Rig rig(smaller, {}, settings_with(RelayUse::first));
    const double now = see(rig, rest(rig));
    REQUIRE(rig.step(now).pauses.size() == 1);
    if (is_answered) rig.machine().learn_pause(bob, false);
    const RelayCourse course = observe(rig, now + 0.001, now + 3);
    CHECK(course.about_bob.size() == 2);  // the answer to the peer's pulse, and its end
    CHECK(rig.at_bob().endpoint == endpoint(hub_home));
    rig.machine().learn_pause(bob, true);  // too late
    CHECK(observe(rig, now + 3, now + 3.5).times_of("endpoint " + bob_home).empty());
  }
}

TEST_CASE("the larger key asks where the smaller one has not moved after 3 s") {
  Rig rig(larger, {}, settings_with(RelayUse::first));
  const double now = see(rig, rest(rig));
  const RelayCourse course = observe(rig, now, now + 3.5);
  REQUIRE(course.pauses.size() == 1);
  CHECK(course.pauses[0].first - now >= 3);
  CHECK(course.pauses[0].first - now <= 3.1);
}

TEST_CASE("the larger key follows by roaming, says where it is, and judges what comes") {
  Rig rig(larger, {}, settings_with(RelayUse::first));
  double now = see(rig, rest(rig));
  rig.step(now);
  rig.step(now + 0.006);
  rig.step(now + 0.010);
  rig.at_bob().endpoint = endpoint(bob_home);
  rig.at_bob().rx_bytes += 32;
  now += 0.1;
  const Plan plan = rig.step(now);
  CHECK(about_bob(plan.changes) == Lines{"kick, keepalive 25 s"});
  CHECK(plan.probes.size() == 1);
  SUBCASE("something comes") {
    rig.at_bob().rx_bytes += 32;
    CHECK(about_bob(rig.step(now + 0.2).changes).empty());
    CHECK(report_of(rig, now + 0.2).path() == "direct");
  }
  SUBCASE("nothing comes") {
    const RelayCourse course = observe(rig, now + 0.001, now + 1);
    REQUIRE(course.times_of(hub_and_kick).size() == 1);
    CHECK(course.times_of(hub_and_kick)[0] - now >= 0.62);
    CHECK(rig.at_bob().endpoint == endpoint(hub_home));
  }
  SUBCASE("a packet of the hub comes: the peer has not moved yet") {
    rig.at_bob().endpoint = endpoint(hub_home);
    rig.at_bob().rx_bytes += 128;
    const RelayCourse course = observe(rig, now + 0.001, now + 1);
    CHECK(course.about_bob.empty());
    CHECK(report_of(rig, now + 1).path() == "relay");
  }
}

TEST_CASE("the reply to the echo request of a pulse is a sight, where its packet came from there") {
  for (const bool is_there : {true, false}) {
    CAPTURE(is_there);
    Rig rig(smaller, {}, settings_with(RelayUse::first));
    const double now = open_pulse(rig, rest(rig));
    if (!is_there) rig.at_bob().endpoint = endpoint(hub_home);
    rig.at_bob().rx_bytes += 64;
    rig.machine().learn_round_trip(bob, 2ms);
    CHECK(rig.step(now + 0.005).pauses.size() == (is_there ? 1 : 0));
    CHECK(rig.at_bob().endpoint == endpoint(hub_home));
  }
}

TEST_CASE("what an earlier run moved has to prove itself") {
  updater::Memory memory;
  memory[bob].back_to = hub;
  memory[bob].last_good = endpoint(bob_home);
  Rig rig(smaller, memory, settings_with(RelayUse::first));
  rig.at_bob().endpoint = endpoint(bob_home);
  rig.at_bob().latest_handshake = handshake_at(-20);
  rig.at_bob().persistent_keepalive = 25s;
  SUBCASE("nothing comes: back to the hub") {
    const RelayCourse course = observe(rig, 0, 2);
    REQUIRE(course.times_of(hub_and_kick).size() == 1);
    CHECK(course.times_of(hub_and_kick)[0] <= 0.9);
    CHECK(rig.at_bob().endpoint == endpoint(hub_home));
  }
  SUBCASE("it works") {
    rig.step(0);
    rig.step(0.02);
    rig.at_bob().rx_bytes += 128;
    rig.step(0.4);
    CHECK(report_of(rig, 0.4).path() == "direct");
    CHECK(rig.at_bob().endpoint == endpoint(bob_home));
    CHECK_FALSE(rig.machine().memory().at(bob).back_to);
  }
  SUBCASE("it is with the hub: there is nothing to undo") {
    rig.at_bob().endpoint = endpoint(hub_home);
    rig.step(0);
    CHECK(report_of(rig, 0.1).path() == "relay");
  }
}

TEST_CASE("what has to be undone is remembered before the pulse is sent") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  rig.step(0);
  publish(rig, 0.1);
  rig.step(0.1);
  rig.handshake(0.4);
  const Plan plan = rig.step(0.4);
  REQUIRE(about_bob(plan.changes) == Lines{pulse_home});
  CHECK(plan.remember);
  CHECK(rig.machine().memory().at(bob).back_to == hub);
  CHECK(plan.watches ==
        std::vector<updater::WatchRequest>{{bob, {endpoint(hub_home), endpoint(bob_home)}}});
}

TEST_CASE("a stop in the middle of a pulse, or of a move, leaves the hub") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  SUBCASE("pulse") {
    open_pulse(rig, rest(rig));
  }
  SUBCASE("move") {
    move(rig);
  }
  rig.apply(rig.machine().give_back(rig.device()));
  CHECK(rig.at_bob().endpoint == endpoint(hub_home));
}

TEST_CASE("a change of the record, of our own place, or of this host begins a round") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  connect_relayed(rig);
  rig.publish_own(1, "198.51.100.9:4000");
  (void)observe(rig, 1, 60, [&](double) { rig.at_bob().rx_bytes += 32; });
  rig.handshake(60);
  std::string place = bob_home;
  SUBCASE("record") {
    place = bob_moved;
    publish(rig, 60, {bob_moved});
  }
  SUBCASE("own place") {
    rig.publish_own(60, "198.51.100.9:4001");
  }
  SUBCASE("own addresses") {
    rig.change_local(60, false);
  }
  SUBCASE("the peer's own network") {
    place = "192.168.1.7:51820";
    rig.tell_lan(60, {{place, true}});
  }
  const RelayCourse course =
      observe(rig, 60.01, 61.5, [&](double) { rig.at_bob().rx_bytes += 32; });
  CHECK(course.times_of("endpoint " + place).size() >= 2);
}

TEST_CASE("a report says how often the direct way was tried, and when it will be") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  rig.step(0);
  publish(rig, 0.1);
  rig.step(0.1);
  rig.handshake(0.4);
  rig.step(0.4);
  const std::string why = "the first answer came that way, 0.3 s after the first try; ";
  CHECK(report_of(rig, 0.41).path_reason == why + "tried directly once, and now");
  const auto alive = [&, last = 0.0](double now) mutable {
    if (now - last < 10) return;
    last = now;
    rig.handshake(now);
  };
  (void)observe(rig, 0.41, 3, alive);
  const std::string reason = report_of(rig, 3).path_reason;
  CHECK(reason.starts_with(why + "tried directly once, next in "));
  CHECK(reason.ends_with(" s"));
  (void)observe(rig, 3, 200, alive);
  CHECK(report_of(rig, 200).path_reason.starts_with(why + "tried directly 6 times, next in "));
  CHECK(report_of(rig, 200).path_reason.ends_with(" min"));
  // What is tried anew begins with one.
  rig.at_bob().endpoint = endpoint(bob_home);
  rig.pass(200, 204, 128, 128);
  REQUIRE(report_of(rig, 204).path() == "direct");
  CHECK(report_of(rig, 204).path_reason.find("tried") == std::string::npos);
}

TEST_CASE("two symmetric NATs get no pulse") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  const auto symmetric = schema::NatMapping::address_and_port_dependent;
  rig.step(0);
  publish_own(rig, 0.05, symmetric);
  publish(rig, 0.1, {bob_home}, {hub}, symmetric);
  rig.step(0.1);
  rig.handshake(0.4);
  CHECK(observe(rig, 0.4, 30).times_of("endpoint " + bob_home).empty());
}

TEST_CASE("a place inside the tunnel gets no pulse") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  rest(rig);
  rig.tell_lan(20, {{"10.77.0.3:51820", true}});
  CHECK(observe(rig, 20, 40).times_of("10.77.0.3:51820").empty());
}

TEST_CASE("a session that ends in the middle of a move is contacted anew") {
  Rig rig(smaller, {}, settings_with(RelayUse::first));
  const double moved = move(rig);
  rig.step(moved + 200);
  CHECK_FALSE(rig.machine().memory().at(bob).back_to);
  CHECK(report_of(rig, moved + 200.1).state != "relayed");
}
