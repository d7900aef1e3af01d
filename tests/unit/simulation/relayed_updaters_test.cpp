#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/simulation/schedule.hpp"
#include "tests/simulation/world.hpp"

// Two updaters, and a host that passes packets on. `simulate` runs the same over 10 000 schedules.
namespace {

using model::Conditions;
using model::Group;
using model::NatKind;
using model::Outcome;
using model::Schedule;
using model::Time;
using model::Traffic;
using model::World;
using updater::RelayUse;

constexpr std::uint32_t schedules = 8;

Time median_of(std::vector<Time> times) {
  REQUIRE(!times.empty());
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

/// The time of a round trip through the relay.
Time relayed_round_trip(const Conditions& conditions) {
  return 2 * (conditions.hub_delays[0] + conditions.hub_delays[1]);
}

/// Alice pings bob through NATs that never connect, or that do.
Conditions with_pings(RelayUse use, NatKind kind) {
  Conditions conditions;
  conditions.nats = {kind, kind};
  conditions.delays = {0.05, 0.05};
  conditions.hub_delays = {0.025, 0.025};
  conditions.relays = true;
  conditions.use = use;
  conditions.traffic = Traffic::pings;
  conditions.traffic_begins = 15;
  return conditions;
}

}  // namespace

TEST_CASE("with a relay every pair has contact, and nothing is written to live direct peers") {
  for (const RelayUse use : {RelayUse::first, RelayUse::fallback}) {
    CAPTURE(to_string(use));
    for (std::uint32_t seed = 0; seed < schedules; ++seed) {
      CAPTURE(seed);
      const Schedule schedule = model::make_schedule(seed);
      const Outcome outcome = model::run(schedule, use);
      CHECK(outcome.contact_after.value_or(1e9) <= 60);
      if (outcome.contact_after && schedule.rebinds) CHECK(outcome.repaired_after);
      if (schedule.conditions.loss == 0)
        CHECK(outcome.writes_to_live_peers == std::vector<std::string>());
    }
  }
}

TEST_CASE("relay: first has the first reply after two round trips where nothing was sent before") {
  std::vector<Time> beyond;  // two round trips
  for (std::uint32_t seed = 0; beyond.size() < schedules; ++seed) {
    CAPTURE(seed);
    const Schedule schedule = model::make_schedule(seed);
    if (schedule.conditions.loss > 0 || schedule.group == Group::traffic) continue;
    const Outcome outcome = model::run(schedule, RelayUse::first);
    REQUIRE(outcome.reply_after);
    beyond.push_back(*outcome.reply_after - 2 * relayed_round_trip(schedule.conditions));
  }
  std::printf("first reply, less two round trips: median %.2f s, worst %.2f s\n", median_of(beyond),
              *std::max_element(beyond.begin(), beyond.end()));
  CHECK(median_of(beyond) <= 0.15);
}

TEST_CASE("a relay that is never used changes nothing") {
  for (std::uint32_t seed = 0; seed < 3; ++seed) {
    CAPTURE(seed);
    Conditions conditions = with_pings(RelayUse::never, NatKind::symmetric);
    World world(seed, conditions);
    world.start_updater(0, 12);
    world.start_updater(1, 12);
    CHECK(!world.run_until_connected(60));
    CHECK(world.hub().counters().packets == 0);
  }
}

TEST_CASE("after a rebinding under pings the silence is short, whichever NAT forgets") {
  for (const NatKind kind : {NatKind::cone, NatKind::symmetric}) {
    for (const std::size_t moved : {0U, 1U}) {
      std::vector<Time> silences;
      for (std::uint32_t seed = 0; seed < 5; ++seed) {
        CAPTURE(seed);
        World world(seed, with_pings(RelayUse::fallback, kind));
        world.start_updater(0, 12);
        world.start_updater(1, 12);
        REQUIRE(world.run_until_reply(0, 100));
        const Time moment = 50 + static_cast<Time>(seed) / 5;
        world.run_until(moment);
        world.rebind(moved, moment);
        world.run_until(moment + 0.11);  // packets that were under way have arrived
        const auto reply = world.run_until_reply(0, 130);
        REQUIRE(reply);
        silences.push_back(*reply - moment);
        world.run_until(*reply + 20);
        CHECK(world.writes_to_live_peers() == std::vector<std::string>());
      }
      const Time worst = *std::max_element(silences.begin(), silences.end());
      std::printf("%s, %s rebinds: median %.2f s, worst %.2f s of silence\n", to_string(kind),
                  moved == 0 ? "the asking side" : "the answering side", median_of(silences),
                  worst);
      CHECK(median_of(silences) <= 1.1 + 4 * 0.1);
      CHECK(worst <= 2.5 + 4 * 0.1);
    }
  }
}

TEST_CASE("both updaters and the relay give one course for one seed") {
  const Schedule schedule = model::make_schedule(11);
  for (const RelayUse use : {RelayUse::first, RelayUse::fallback, RelayUse::never})
    CHECK(model::run(schedule, use).log == model::run(schedule, use).log);
}
