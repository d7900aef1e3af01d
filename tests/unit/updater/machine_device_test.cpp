#include <doctest/doctest.h>

#include "tests/unit/updater/rig.hpp"
#include "updater/machine.hpp"

// What surrounds the peers: the device, its file, the rounds and the clock.

using namespace one_machine;

TEST_CASE("a device that vanished and returned is met anew") {
  Rig rig(smaller);
  rig.connect();
  rig.machine().lose_device();
  rig.at_bob() = wg::DevicePeer{};
  rig.at_bob().public_key = bob;
  const Plan plan = rig.step(100);
  CHECK(plan.lookups.size() == 1);
  rig.publish(100, {bob_home});
  CHECK(about_bob(rig.step(100).changes) ==
        Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
}

TEST_CASE("one round is settled when every peer is looked up and the late kick has happened") {
  Rig rig(larger, {}, {{hub}, 25s, true});
  rig.at_bob().persistent_keepalive = 17s;
  CHECK(rig.step(0).changes.empty());  // a single round has no later: it turns no keepalive off
  CHECK(!rig.machine().is_settled());
  rig.publish(0.1, {bob_home});
  rig.step(0.1);
  CHECK(!rig.machine().is_settled());
  rig.step(0.65);
  CHECK(rig.machine().is_settled());
  for (const double now : times(1, 30, 1)) CHECK(rig.step(now).changes.empty());
}

TEST_CASE("a peer that works already is looked up at the start, too, and then rarely") {
  Rig rig(smaller);
  rig.at_bob().endpoint = endpoint(bob_home);
  rig.at_bob().latest_handshake = handshake_at(-5);
  CHECK(rig.step(0).lookups.size() == 1);
  rig.publish(0.1, {bob_home});
  for (const double now : times(1, 30, 1)) {
    rig.at_bob().rx_bytes += 32;
    CHECK(rig.step(now).lookups.empty());
  }
}

TEST_CASE("the same inputs and the same seed give the same plans") {
  const auto play = [] {
    Rig rig(smaller);
    std::vector<base::SteadyTime> lookups;
    for (const double now : times(0, 100, 0.5)) {
      const Plan plan = rig.step(now);
      if (plan.lookups.empty()) continue;
      lookups.push_back(at(now).steady);
      rig.fail(now, LookupError::no_endpoint);
    }
    return lookups;
  };
  CHECK(play() == play());
}

TEST_CASE("wg-quick down saves the file under us: what was ours does not become the user's") {
  Rig rig(smaller);
  rig.connect();
  rig.pass(1.6, 10.6, 100, 100);
  REQUIRE(rig.at_bob().persistent_keepalive == 25s);
  const auto vanish = [&] {
    rig.at_bob().rx_bytes = rig.at_bob().tx_bytes = 0;
    rig.at_bob().latest_handshake.reset();
  };
  const auto give_back = [&] {
    rig.apply(rig.machine().give_back(rig.device()));
    return rig.at_bob().persistent_keepalive;
  };

  SUBCASE("it vanishes and returns as the saved file says") {
    rig.machine().lose_device();
    vanish();
    rig.step(20);
    CHECK(give_back() == 0s);
  }
  SUBCASE("so quickly that only its counters tell") {
    vanish();
    rig.step(11);
    CHECK(give_back() == 0s);
  }
  SUBCASE("and the updater starts again meanwhile") {
    rig.machine().lose_device();
    vanish();
    Rig later(smaller, rig.machine().memory());
    later.at_bob() = rig.at_bob();
    later.step(20);
    later.apply(later.machine().give_back(later.device()));
    CHECK(later.at_bob().persistent_keepalive == 0s);
  }
  SUBCASE("the user's own file has another endpoint, or none: its keepalive is the user's") {
    rig.machine().lose_device();
    vanish();
    rig.at_bob().endpoint.reset();
    rig.step(20);
    CHECK(give_back() == 25s);
  }
}

TEST_CASE("a clock that is set is told once, in each direction, and nothing waits for it") {
  constexpr std::chrono::seconds years = 56 * 8766h;
  Rig rig(smaller);
  rig.connect();
  rig.pass(1, 20, 1000, 1000);
  std::chrono::seconds offset = 0s;
  const auto told = [&](double now) {
    rig.at_bob().rx_bytes += 1000;
    rig.at_bob().tx_bytes += 1000;
    const Plan plan = rig.machine().step({at(now).steady, at(now).wall + offset}, rig.device(), {});
    CHECK(about_bob(plan.changes).empty());
    CHECK(plan.next - at(now).steady <= 1s);
    std::size_t count = 0;
    for (const auto& note : plan.notes)
      count += note.text.find("this host's clock") != std::string::npos ? 1U : 0U;
    return count;
  };
  const auto behind = [&](double now) {
    return rig.machine()
        .describe({at(now).steady, at(now).wall + offset}, rig.device())
        .clock_behind;
  };
  CHECK(told(20) == 0);
  CHECK(!behind(20));
  for (const auto next : {-years, std::chrono::seconds(0), years}) {
    CAPTURE(next.count());
    offset = next;
    CHECK(told(21) == 1);
    CHECK(told(22) == 0);
    CHECK(behind(22).has_value() == (next < 0s));
  }
  offset += 4s;  // NTP steps the clock a little
  CHECK(told(23) == 0);
}
