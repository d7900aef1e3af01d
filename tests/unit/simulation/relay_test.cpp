#include <doctest/doctest.h>

#include <array>
#include <string>

#include "tests/simulation/world.hpp"
#include "tests/unit/updater/samples.hpp"

// The world's relay, which is the product's, with models of WireGuard alone: what facts.md measured
// with wireguard-go has to come out here.
namespace {

using namespace samples;
using model::Conditions;
using model::Kind;
using model::NatKind;
using model::Time;
using model::World;

constexpr std::array<NatKind, 8> kinds = {
    NatKind::none,     NatKind::cone_eif,  NatKind::cone_adf,  NatKind::cone,
    NatKind::firewall, NatKind::symmetric, NatKind::accepting, NatKind::double_nat};
constexpr Time round_trip = 0.1;
constexpr Time start = 12;  ///< by then the hub has seen both

Conditions relayed(NatKind alice, NatKind bob) {
  Conditions conditions;
  conditions.nats = {alice, bob};
  conditions.delays = {round_trip / 2, round_trip / 2};
  conditions.hub_delays = {round_trip / 4, round_trip / 4};
  conditions.relays = true;
  return conditions;
}

void point(World& world, std::size_t side, const base::Endpoint& to) {
  auto& tunnel = world.tunnel(side);
  tunnel.set({tunnel.shown.public_key, to, std::nullopt});
}

void kick(model::WireGuard& tunnel) {
  tunnel.set({tunnel.shown.public_key, std::nullopt, 0s});
  tunnel.set({tunnel.shown.public_key, std::nullopt, 25s});
}

/// Both are pointed at the hub, and these sides kick at once. \return the time of the session.
std::optional<Time> connect(World& world, bool alice_kicks, bool bob_kicks) {
  world.run_until(start);
  for (const std::size_t side : {0U, 1U}) point(world, side, world.hub().place());
  if (alice_kicks) kick(world.tunnel(0));
  if (bob_kicks) kick(world.tunnel(1));
  const auto done = world.run_until_connected(start + 30);
  return done ? std::optional(*done - start) : std::nullopt;
}

/// A relayed pair, of which `side` sends ten packets per second from now on.
void send_steadily(World& world, std::size_t side, Kind kind) {
  for (int i = 0; i < 600; ++i)
    world.schedule(world.now() + 0.1 * i, [&world, side, kind] { world.tunnel(side).send(kind); });
}

}  // namespace

TEST_CASE("every pair of NATs has a session through the relay after one and a half round trips") {
  for (const NatKind alice : kinds) {
    for (const NatKind bob : kinds) {
      CAPTURE(to_string(alice));
      CAPTURE(to_string(bob));
      World world(1, relayed(alice, bob));
      CHECK(connect(world, true, false) == doctest::Approx(1.5 * round_trip));
      CHECK(world.hub().counters().packets >= 3);
    }
  }
}

TEST_CASE("two behind one box that turns nothing round have a session through the relay") {
  Conditions conditions = relayed(NatKind::cone, NatKind::cone);
  conditions.shares_nat = true;
  World world(1, conditions);
  world.run_until(start - 1);
  point(world, 0, endpoint("203.0.113.1:41001"));
  point(world, 1, endpoint("203.0.113.1:40001"));
  kick(world.tunnel(0));
  world.schedule(start - 0.5, [&world] { kick(world.tunnel(1)); });
  CHECK(!world.run_until_direct(start + 10));
  World other(1, conditions);
  CHECK(connect(other, true, false) == doctest::Approx(1.5 * round_trip));
}

TEST_CASE("of two initiations at the same instant the relay holds one back") {
  World world(1, relayed(NatKind::symmetric, NatKind::symmetric));
  CHECK(connect(world, true, true) == doctest::Approx(1.5 * round_trip));
  CHECK(world.hub().counters().crossing == 1);
}

TEST_CASE("without the relay nothing arrives through the hub") {
  Conditions conditions = relayed(NatKind::cone, NatKind::cone);
  conditions.relays = false;
  World world(1, conditions);
  CHECK(!connect(world, true, true));
}

TEST_CASE(
    "after a rebinding under a relayed flow the point asks back, and nobody else has to act") {
  for (const NatKind kind : {NatKind::cone, NatKind::symmetric, NatKind::double_nat}) {
    CAPTURE(to_string(kind));
    World world(1, relayed(kind, NatKind::symmetric));
    REQUIRE(connect(world, true, false));
    send_steadily(world, 0, Kind::request);
    world.run_until(start + 20);
    world.rebind(0, start + 20);
    world.run_until(start + 20.05);
    CHECK(!world.is_connected());
    const auto again = world.run_until_connected(start + 60);
    REQUIRE(again);
    // The next packet, and a round trip with the hub.
    CHECK(*again - (start + 20) <= 0.1 + 1.5 * round_trip);
    CHECK(world.hub().counters().ask_backs == 1);
    CHECK(world.run_until_reply(0, start + 60).value_or(1e9) - (start + 20) <=
          0.3 + 2 * round_trip);
  }
}

TEST_CASE("a session that was made directly goes through the relay only if it is adopted") {
  for (const bool is_asked_for : {true, false}) {
    CAPTURE(is_asked_for);
    World world(1, relayed(NatKind::cone, NatKind::cone));
    world.run_until(start);
    point(world, 0, endpoint("203.0.113.2:41001"));
    point(world, 1, endpoint("203.0.113.1:40001"));
    kick(world.tunnel(1));
    world.run_until(start + 0.5);
    kick(world.tunnel(0));
    REQUIRE(world.run_until_direct(start + 10));
    send_steadily(world, 0, Kind::request);
    const Time moment = start + 20;
    world.run_until(moment);
    world.rebind(0, moment);
    world.run_until(moment + 0.1);  // what was under way has arrived
    kick(world.hub_tunnel(0));
    point(world, 0, world.hub().place());
    if (is_asked_for) CHECK(world.ask_adoption(0));
    const auto reply = world.run_until_reply(0, moment + 60);
    REQUIRE(reply);
    const Time took = *reply - moment - 0.1;
    CHECK(world.tunnel(1).shown.endpoint == world.hub().place());  // roamed
    if (is_asked_for) {
      CHECK(took <= 0.1 + 2.5 * round_trip);  // the hub first proves the new place
      CHECK(world.hub().counters().adopted == 1);
    } else {
      CHECK(took > 14);
    }
  }
}

TEST_CASE("whoever forges initiations of a peer delays it by the 5 s of a cookie") {
  World world(1, relayed(NatKind::cone, NatKind::cone));
  world.run_until(start);
  const auto& hub = world.hub();
  point(world, 0, hub.place());
  for (int i = 0; i < 400; ++i)
    world.schedule(start + 0.05 * i, [&world] { world.forge_initiation(0); });
  world.run_until(start + 1);
  CHECK(hub.counters().cookies > 10);
  CHECK(hub.counters().packets > 0);  // some pass, and are not authentic
  CHECK(world.tunnel(1).shown.rx_bytes == 0);
  kick(world.tunnel(0));
  const auto done = world.run_until_connected(start + 20);
  REQUIRE(done);
  // Its first initiation is answered with a cookie, the next one carries that.
  CHECK(*done - start - 1 > 5);
  CHECK(*done - start - 1 < 5.4 + 1.5 * round_trip);
}

TEST_CASE("the same seed gives the same course") {
  const auto tell = [](std::uint32_t seed) {
    World world(seed, relayed(NatKind::cone, NatKind::symmetric));
    (void)connect(world, true, true);
    send_steadily(world, 0, Kind::request);
    world.rebind(1, start + 20);
    world.run_until(start + 200);
    return std::make_tuple(world.log(), world.tunnel(0).shown.rx_bytes,
                           world.tunnel(1).shown.tx_bytes, world.hub().counters().packets);
  };
  CHECK(tell(7) == tell(7));
  CHECK(tell(7) != tell(8));
}
