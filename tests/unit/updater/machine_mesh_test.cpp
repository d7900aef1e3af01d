#include <doctest/doctest.h>

#include "tests/unit/updater/rig.hpp"
#include "updater/machine.hpp"

// A peer that joined the mesh, on the device: who has its allowed-ips.

using namespace one_machine;

namespace {

using Mesh = updater::PeerMemory::Mesh;

const auto route = prefix("10.77.0.3/32");
constexpr unsigned device_index = 7;

updater::Settings with_mesh() {
  updater::Settings settings{{hub}, 25s, false};
  settings.mesh.ranges = {prefix("10.77.0.0/24")};
  return settings;
}

updater::Memory with_bob() {
  updater::Memory memory;
  memory[bob].mesh = Mesh::added;
  memory[bob].mesh_device = device_index;
  memory[bob].routes = {route};
  return memory;
}

/// Bob joined. The hub carries the addresses of all.
Rig make_rig(std::vector<base::Prefix> of_hub = {prefix("10.77.0.0/24")},
             updater::Memory memory = with_bob()) {
  Rig rig(smaller, std::move(memory), with_mesh());
  rig.at_bob().allowed_ips.clear();
  rig.at_hub().allowed_ips = std::move(of_hub);
  return rig;
}

bool has_route(const wg::DevicePeer& peer) {
  return std::count(peer.allowed_ips.begin(), peer.allowed_ips.end(), route) == 1;
}

/// Bob answers echo requests from now on.
void answer(Rig& rig, double from, double until) {
  for (const double now : times(from, until, 0.1)) {
    if (!rig.step(now).probes.empty()) {
      rig.at_bob().rx_bytes += 64;
      rig.machine().learn_round_trip(bob, 2ms);
    }
  }
}

}  // namespace

TEST_CASE("a joined peer has its address from the first handshake until its session is lost") {
  Rig rig = make_rig();
  rig.step(0);
  rig.publish(0.1, {bob_home});
  for (const double now : times(0.1, 30, 0.25)) {
    rig.step(now);
    CHECK_FALSE(has_route(rig.at_bob()));
  }
  rig.handshake(30);
  const Plan plan = rig.step(30);
  CHECK(has_route(rig.at_bob()));
  CHECK(plan.probes == std::vector<updater::Probe>{{bob, address("10.77.0.3")}});
  answer(rig, 30.1, 32);
  CHECK(has_route(rig.at_bob()));
  CHECK(rig.machine().describe(at(32), rig.device()).peers[0].path() == "direct");
  double now = 32;
  for (; has_route(rig.at_bob()) && now < 60; now += 0.1) {
    rig.at_bob().tx_bytes += 128;
    rig.step(now);
  }
  CHECK(now < 32.8);
  CHECK(rig.machine().describe(at(now), rig.device()).peers[0].path() == "hub");
  // A suspect peer is not asked the hub's way, and a reply that came by it says nothing.
  for (const double later : times(now, now + 8, 0.25)) {
    CHECK(rig.step(later).probes.empty());
    rig.machine().learn_round_trip(bob, 500ms);
  }
  CHECK(rig.machine().describe(at(now), rig.device()).peers[0].round_trip == 2ms);
}

TEST_CASE("no echo request, and no reply, that took the hub's way speaks for a peer's session") {
  Rig rig = make_rig();
  rig.step(0);
  rig.publish(0.1, {bob_home});
  for (const double now : times(0.1, 20, 0.25)) {
    CHECK(rig.step(now).probes.empty());
    rig.machine().learn_round_trip(bob, 2ms);
  }
  CHECK_FALSE(rig.machine().describe(at(20), rig.device()).peers[0].round_trip);
}

TEST_CASE("when the updater stops, the hub gets the address back") {
  Rig rig = make_rig();
  rig.connect();
  answer(rig, 0.7, 3);
  REQUIRE(has_route(rig.at_bob()));
  rig.apply(rig.machine().give_back(rig.device()));
  CHECK_FALSE(has_route(rig.at_bob()));
}

TEST_CASE("what the hub has itself is lent, and comes back in every case") {
  Rig rig = make_rig({prefix("10.77.0.1/32"), route});
  rig.connect();
  answer(rig, 0.7, 3);
  REQUIRE(has_route(rig.at_bob()));
  REQUIRE_FALSE(has_route(rig.at_hub()));
  REQUIRE(rig.machine().memory().at(bob).lenders.size() == 1);
  SUBCASE("the session is lost") {
    for (const double now : times(3, 6, 0.1)) {
      rig.at_bob().tx_bytes += 128;
      rig.step(now);
    }
  }
  SUBCASE("the updater stops") {
    rig.apply(rig.machine().give_back(rig.device()));
  }
  SUBCASE("somebody removes the peer") {
    rig.device().peers.erase(rig.device().peers.begin());
    (void)rig.machine().observe_mesh(at(3), rig.device(), device_index);
    (void)rig.machine().step(at(3), rig.device(), {});
    auto plan = rig.machine().step(at(3.1), rig.device(), {});
    rig.apply(plan.changes);
    CHECK(has_route(rig.device().peers[0]));
    return;
  }
  SUBCASE("the updater is killed, and the session dies meanwhile") {
    Rig later = make_rig({prefix("10.77.0.1/32")}, rig.machine().memory());
    later.at_bob() = rig.at_bob();
    later.step(400);
    CHECK(has_route(later.at_hub()));
    CHECK_FALSE(has_route(later.at_bob()));
    return;
  }
  CHECK(has_route(rig.at_hub()));
  CHECK_FALSE(has_route(rig.at_bob()));
}

TEST_CASE("an address that belongs to somebody else by now is not taken, and that is told once") {
  Rig rig = make_rig();
  wg::DevicePeer other;
  other.public_key = key(0x66);
  other.allowed_ips = {prefix("10.77.0.0/28")};
  rig.device().peers.push_back(other);
  rig.handshake(0);
  std::size_t told = 0;
  for (const double now : times(0, 5, 0.25)) {
    for (const auto& note : rig.step(now).notes)
      told +=
          note.text.find("10.77.0.3/32 lies inside 10.77.0.0/28") == std::string::npos ? 0U : 1U;
    CHECK_FALSE(has_route(rig.at_bob()));
  }
  CHECK(told == 1);
}

TEST_CASE("with mesh switched off nothing is taken, and what was left is given back") {
  Rig rig(smaller, with_bob());
  rig.at_bob().allowed_ips = {route};
  rig.at_hub().allowed_ips = {prefix("10.77.0.0/24")};
  rig.connect();
  CHECK_FALSE(has_route(rig.at_bob()));
}

TEST_CASE("the allowed-ips of a configured peer are never touched") {
  Rig rig(smaller, {}, with_mesh());
  rig.at_hub().allowed_ips = {prefix("10.77.0.0/24")};
  const auto touches = [](const std::vector<Change>& changes) {
    return std::any_of(changes.begin(), changes.end(), [](const Change& change) {
      return std::any_of(change.updates.begin(), change.updates.end(), [](const auto& update) {
        return update.allowed_ips || !update.more_allowed_ips.empty();
      });
    });
  };
  rig.connect();
  CHECK_FALSE(touches(rig.pass(1, 20, 1000, 1000)));
  CHECK_FALSE(touches(rig.pass(20, 300, 0, 1000)));
  CHECK_FALSE(touches(rig.machine().give_back(rig.device())));
  CHECK(rig.machine().describe(at(300), rig.device()).peers[0].has_detour);
}
