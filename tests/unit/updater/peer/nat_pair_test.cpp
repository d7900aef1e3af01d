#include "updater/peer/nat_pair.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/world.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using model::NatKind;
using model::World;
using schema::NatMapping;
using Maybe = std::optional<NatMapping>;

constexpr auto eim = NatMapping::endpoint_independent;
constexpr auto adm = NatMapping::address_dependent;
constexpr auto apdm = NatMapping::address_and_port_dependent;

/// The times, seconds, of the log lines of one side that contain these words.
std::vector<double> find_times(const World& world, std::string_view side, std::string_view words) {
  std::vector<double> found;
  for (const std::string& line : world.log()) {
    if (line.find(words) != std::string::npos && line.substr(9, side.size()) == side)
      found.push_back(std::stod(line));
  }
  return found;
}

std::size_t count_between(const std::vector<double>& times, double from, double until) {
  return static_cast<std::size_t>(std::count_if(
      times.begin(), times.end(), [&](double time) { return time >= from && time < until; }));
}

World make_world(NatKind alice, NatKind bob, model::Traffic traffic = model::Traffic::none) {
  model::Conditions conditions;
  conditions.nats = {alice, bob};
  conditions.traffic = traffic;
  conditions.traffic_begins = 250;
  return {1, conditions};
}

}  // namespace

TEST_CASE("a pair is hopeless by what both NATs do, and only when the trial has proved it") {
  const std::vector<base::Endpoint> v4 = {endpoint("203.0.113.1:1"), endpoint("192.168.1.2:1")};
  const std::vector<base::Endpoint> v6 = {endpoint("[2001:db8::1]:1"), v4[0]};
  const struct {
    std::string what;
    Maybe own;
    Maybe peer;
    std::span<const base::Endpoint> candidates;
    std::chrono::seconds lasted;
    bool round_over;
    bool heard;
    bool expected;
  } rows[] = {
      {"both symmetric", apdm, adm, v4, 6s, true, false, true},
      {"both symmetric, the round is not over", apdm, adm, v4, 5s, false, false, false},
      {"both symmetric, but heard", apdm, adm, v4, 6s, true, true, false},
      {"both symmetric, and IPv6", apdm, adm, v6, 60s, true, false, false},
      {"varies is symmetric", NatMapping::varies, NatMapping::varies, v4, 6s, true, false, true},
      {"symmetric here, 20 s", apdm, eim, v4, 20s, true, false, true},
      {"symmetric there, 20 s", eim, apdm, v4, 20s, true, false, true},
      {"symmetric here, 19 s", apdm, eim, v4, 19s, true, false, false},
      {"symmetric there, but heard", eim, apdm, v4, 60s, true, true, false},
      {"two cones", eim, eim, v4, 600s, true, false, false},
      {"here unknown", NatMapping::unknown, apdm, v4, 600s, true, false, false},
      {"there unknown", apdm, NatMapping::unknown, v4, 600s, true, false, false},
      {"here not told", std::nullopt, apdm, v4, 600s, true, false, false},
      {"there not told", apdm, std::nullopt, v4, 600s, true, false, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const updater::Trial trial{row.own,    row.peer,       row.candidates,
                               row.lasted, row.round_over, row.heard};
    CHECK(updater::find_proven_obstacle(trial).has_value() == row.expected);
  }
}

TEST_CASE("hopeless pairs are called so within 30 s, fall silent, and try again rarely") {
  const struct {
    NatKind alice;
    NatKind bob;
    std::string_view why;
  } rows[] = {
      {NatKind::symmetric, NatKind::symmetric, "both NATs are symmetric (here apdm, there apdm)"},
      {NatKind::symmetric, NatKind::cone, "the NAT here is symmetric (apdm)"},
      {NatKind::symmetric, NatKind::firewall, "the NAT here is symmetric (apdm)"},
      {NatKind::cone, NatKind::symmetric, "the NAT there is symmetric (apdm)"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    World world = make_world(row.alice, row.bob);
    world.start_updater(0, 1);
    world.start_updater(1, 1.5);
    world.run_until(3600);
    CHECK(!world.is_direct());
    const auto said = find_times(world, "alice", std::string("hopeless: ") + std::string(row.why));
    REQUIRE(said.size() == 1);
    CHECK(said.front() < 31);
    CHECK(find_times(world, "bob", "hopeless: ").size() == 1);
    const auto initiations = find_times(world, "alice", "initiation to");
    CHECK(count_between(initiations, said.front() + 110, said.front() + 235) == 0);
    const auto retries = find_times(world, "alice", "occasional retry");
    CHECK(retries.size() >= 3);
    CHECK(retries.size() <= 6);
    for (const double retry : retries) {
      const std::size_t sent = count_between(initiations, retry, retry + 110);
      CHECK(sent >= 15);  // one attempt of WireGuard's
      CHECK(sent <= 21);
    }
  }
}

TEST_CASE("a hopeless peer is tried again at once on traffic, and on a mapping of its own") {
  World world = make_world(NatKind::symmetric, NatKind::cone, model::Traffic::pings);
  world.start_updater(0, 1);
  world.start_updater(1, 1);
  world.run_until(252.5);
  CHECK(find_times(world, "alice", "there is traffic for it").size() == 1);
  const auto before = find_times(world, "alice", "the world sees this host elsewhere now").size();
  world.rebind(0, 252.6);
  world.run_until(400);
  CHECK(find_times(world, "alice", "the world sees this host elsewhere now").size() > before);
}

TEST_CASE("an open side and a symmetric NAT meet, whoever comes first") {
  for (const double late : {0.0, 45.0, 300.0}) {
    CAPTURE(late);
    World world = make_world(NatKind::none, NatKind::symmetric);
    world.start_updater(0, 1);
    world.start_updater(1, 1 + late);
    const auto direct = world.run_until_direct(3600);
    REQUIRE(direct);
    CHECK(*direct < 1 + late + 12);
  }
}
