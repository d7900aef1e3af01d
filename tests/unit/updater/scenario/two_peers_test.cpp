#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "tests/simulation/schedule.hpp"
#include "tests/simulation/world.hpp"

namespace {

using model::Conditions;
using model::Time;
using model::Traffic;
using model::World;

constexpr std::uint32_t seeds = 25;

Conditions with_pings() {
  Conditions conditions;
  conditions.traffic = Traffic::pings;
  return conditions;
}

Conditions lossy() {
  Conditions conditions;
  conditions.loss = 0.1;
  return conditions;
}

struct Figures {
  Time median = 0;
  Time worst = 0;
};

Figures figures_of(std::vector<Time> times, const char* what) {
  std::sort(times.begin(), times.end());
  const Figures figures{times[times.size() / 2], times.back()};
  std::printf("%s: median %.2f s, worst %.2f s of %zu\n", what, figures.median, figures.worst,
              times.size());
  return figures;
}

/// The times from the later start of two updaters to a session, over many seeds.
std::vector<Time> contact_times(const Conditions& common, Time max_offset) {
  std::vector<Time> times;
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed + 1);
    std::uniform_real_distribution<double> offset(0, max_offset);
    std::uniform_real_distribution<double> delay(0.001, 0.2);
    Conditions conditions = common;
    conditions.delays[0] = conditions.delays[1] = delay(random);
    World world(seed, conditions);
    const Time first = offset(random);
    const Time second = offset(random);
    world.start_updater(0, 10 + first);
    world.start_updater(1, 10 + second);
    const auto direct = world.run_until_direct(100);
    REQUIRE(direct);
    times.push_back(*direct - 10 - std::max(first, second));
    world.run_until(*direct + 20);
    CHECK(world.writes_to_live_peers() == std::vector<std::string>());
  }
  return times;
}

}  // namespace

TEST_CASE("two updaters behind cone NATs that start together meet within 3 s") {
  const auto figures = figures_of(contact_times({}, 0.1), "started together");
  CHECK(figures.median <= 1.2);
  CHECK(figures.worst <= 3);
}

TEST_CASE("a later start meets the earlier one at once, unless their initiations cross") {
  // The earlier side repeats every 5 s. A kick that crosses one of these initiations costs both
  // sides 5 s, sometimes twice.
  const auto figures = figures_of(contact_times({}, 60), "started within a minute");
  CHECK(figures.median <= 1.2);
  CHECK(figures.worst <= 40);
}

TEST_CASE("with traffic before, it is WireGuard's own 5 s that are lost") {
  const auto figures = figures_of(contact_times(with_pings(), 3), "traffic before");
  CHECK(figures.median <= 6);
  CHECK(figures.worst <= 40);
}

TEST_CASE("a tenth of all packets lost delays, and does not prevent") {
  CHECK(figures_of(contact_times(lossy(), 3), "10 % lost").worst <= 60);
}

TEST_CASE("after a silent rebinding under traffic both sides find each other again") {
  for (const std::size_t moved : {0U, 1U}) {
    CAPTURE(moved);
    std::vector<Time> silences;
    for (std::uint32_t seed = 0; seed < seeds; ++seed) {
      CAPTURE(seed);
      World world(seed, with_pings());
      world.start_updater(0, 1);
      world.start_updater(1, 1);
      REQUIRE(world.run_until_reply(0, 100));
      const Time moment = 30 + static_cast<Time>(seed) / seeds;  // at any phase of the readings
      world.rebind(moved, moment);
      world.run_until(moment + 0.1);  // packets that were under way have arrived
      const auto reply = world.run_until_reply(0, 130);
      REQUIRE(reply);
      silences.push_back(*reply - moment);
      world.run_until(*reply + 20);
      CHECK(world.writes_to_live_peers() == std::vector<std::string>());
    }
    // The answering side would send nothing through its new mapping without its echo request.
    const auto figures =
        figures_of(silences, moved == 0 ? "the NAT of the side that asks rebinds"
                                        : "the NAT of the side that answers rebinds");
    CHECK(figures.median <= 5);
    CHECK(figures.worst <= 10);
  }
}

TEST_CASE("after the change of an own address under traffic the other side hears it again") {
  for (const std::size_t moved : {0U, 1U}) {
    CAPTURE(moved);
    std::vector<Time> silences;
    for (std::uint32_t seed = 0; seed < seeds; ++seed) {
      CAPTURE(seed);
      World world(seed, with_pings());
      world.start_updater(0, 1);
      world.start_updater(1, 1);
      REQUIRE(world.run_until_reply(0, 100));
      const Time moment = 30 + static_cast<Time>(seed) / seeds;
      world.readdress(moved, moment, true);
      world.run_until(moment + 0.1);
      const auto reply = world.run_until_reply(0, 130);
      REQUIRE(reply);
      silences.push_back(*reply - moment);
      world.run_until(*reply + 20);
      CHECK(world.writes_to_live_peers() == std::vector<std::string>());
    }
    const auto figures = figures_of(silences, moved == 0 ? "the side that asks changes its address"
                                                         : "the side that answers changes it");
    CHECK(figures.median <= 2);
    CHECK(figures.worst <= 5);
  }
}

TEST_CASE(
    "over many schedules: two cones meet within a minute, and nothing is done to live peers") {
  constexpr std::uint32_t schedules = 300;
  for (std::uint32_t seed = 0; seed < schedules; ++seed) {
    CAPTURE(seed);
    const model::Schedule schedule = model::make_schedule(seed);
    const model::Outcome outcome = model::run(schedule, updater::RelayUse::never);
    const bool is_cone_pair = schedule.conditions.nats[0] == model::NatKind::cone &&
                              schedule.conditions.nats[1] == model::NatKind::cone;
    if (is_cone_pair && may_be_direct(schedule)) CHECK(outcome.contact_after.value_or(1e9) <= 60);
    if (may_be_direct(schedule)) CHECK(outcome.contact_after);
    // Several losses in a row look like silence.
    if (schedule.conditions.loss == 0)
      CHECK(outcome.writes_to_live_peers == std::vector<std::string>());
  }
}
