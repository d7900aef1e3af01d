// Lanes: the short way of data through a session that is in use, and what look_ahead() finds of it.

#include <doctest/doctest.h>

#include "dnsd/point/relay/relay.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

using namespace relay_test;
namespace rules = dnsd::relay_rules;

TEST_CASE("what look_ahead has found passes where it would pass without, and nowhere else") {
  Pair pair;
  pair.make_session(7);
  // The same index once more: bob sends under it to carol.
  Peer& carol = pair.net.add("203.0.113.30:4713");
  REQUIRE(pair.net.pass(made_initiation(pair.bob, 7), carol.place) == Kind::forward);
  REQUIRE(pair.net.pass(made_response(carol, 21, 7), pair.bob.place) == Kind::forward);

  Octets data = made_data(7);
  const noise::Path nowhere = path_of("203.0.113.99:1");
  const auto look = [&](const noise::Path& path) {
    Relay::Arrival arrival{.datagram = data, .path = &path};
    pair.net.relay->look_ahead(std::span(&arrival, 1));
    return arrival;
  };
  const auto pass = [&](const Relay::Arrival& arrival) {
    return pair.net.relay->receive(arrival, pair.net.clock.now.steady, 1);
  };
  const auto before = pair.net.counters().packets;
  std::vector<Relay::Arrival> many(100, {.datagram = data, .path = &pair.alice.place});
  pair.net.relay->look_ahead(many);
  CHECK(pair.net.counters().packets == before);
  for (const Relay::Arrival& one : many) CHECK(pass(one).path->remote == pair.bob.place.remote);
  CHECK(pass(look(pair.bob.place)).path->remote == carol.place.remote);
  CHECK(pass(look(carol.place)).kind == Kind::not_relayed);
  CHECK(pass(look(nowhere)).kind != Kind::forward);

  SUBCASE("the sender is elsewhere by then") {
    const Relay::Arrival seen = look(pair.alice.place);
    pair.net.relay->set_place(pair.alice.key(), nowhere, pair.net.clock.now.steady);
    CHECK(pass(seen).kind != Kind::forward);
    CHECK(pass(look(nowhere)).path->remote == pair.bob.place.remote);
  }
  SUBCASE("the session is over by then") {
    const Relay::Arrival seen = look(pair.alice.place);
    pair.wait(seconds(200));
    CHECK(pass(seen).kind == Kind::not_relayed);
  }
  SUBCASE("the pair is gone by then, and another stands in its place") {
    const Relay::Arrival seen = look(pair.alice.place);
    pair.net.relay->remove_peer(pair.bob.key());
    Peer& dave = pair.net.add("203.0.113.40:4714");
    REQUIRE(pair.net.pass(made_initiation(dave, 95), carol.place) == Kind::forward);
    REQUIRE(pair.net.pass(made_initiation(dave, 90), pair.alice.place) == Kind::forward);
    REQUIRE(pair.net.pass(made_response(pair.alice, 91, 90), dave.place) == Kind::forward);
    CHECK(pass(seen).kind == Kind::not_relayed);
  }
}

TEST_CASE("a lane is that of one session, one sender and one place") {
  Pair pair;
  pair.make_session(7);
  const auto sends = [&](const noise::Path& from) { return pair.net.pass(made_data(7), from); };
  REQUIRE(sends(pair.alice.place) == Kind::forward);
  REQUIRE(sends(pair.alice.place) == Kind::forward);
  const noise::Path elsewhere = path_of("203.0.113.99:1");

  SUBCASE("counts are those of all data, also after the session") {
    const auto count = [&] {
      for (const auto& one : pair.net.relay->pairs()) {
        if (one.from == pair.alice.key()) return std::pair(one.packets, one.octets);
      }
      return std::pair(std::uint64_t{0}, std::uint64_t{0});
    };
    const auto [packets, octets] = count();
    CHECK(packets == 3);  // an initiation before
    CHECK(octets == noise::initiation_octets + 2 * made_data(7).size());
    pair.wait(seconds(200));
    CHECK(sends(pair.alice.place) == Kind::not_relayed);
    CHECK(count() == std::pair(packets, octets));
  }
  SUBCASE("who was not seen for long gets nothing, and sends nothing") {
    const auto now = pair.net.clock.now.steady;
    const auto see = [&](const Peer& peer, auto when) {
      pair.net.relay->set_place(peer.key(), peer.place, when);
    };
    see(pair.bob, now - rules::place_life);
    CHECK(sends(pair.alice.place) == Kind::drop);
    CHECK(pair.net.counters().no_place == 1);
    see(pair.bob, now);
    see(pair.alice, now - rules::place_life);
    CHECK(sends(pair.alice.place) != Kind::forward);
    see(pair.alice, now);
    CHECK(sends(pair.alice.place) == Kind::forward);
  }
  SUBCASE("its place was given to another") {
    Peer& carol = pair.net.add("203.0.113.30:4713");
    pair.net.relay->set_place(carol.key(), pair.alice.place, pair.net.clock.now.steady);
    CHECK(sends(pair.alice.place) != Kind::forward);
  }
  SUBCASE("its receiver moved") {
    pair.net.relay->set_place(pair.bob.key(), elsewhere, pair.net.clock.now.steady);
    Octets data = made_data(7);
    CHECK(pair.net.relay->receive(data, pair.alice.place, pair.net.clock.now.steady).path->remote ==
          elsewhere.remote);
  }
  SUBCASE("the sender's rate counts") {
    pair.net.relay->set_rates({.sender = 8'000, .total = 0});
    int passed = 0;
    while (sends(pair.alice.place) == Kind::forward && passed < 10'000) ++passed;
    CHECK(passed < 10'000);
    CHECK(pair.net.counters().over_rate == 1);
  }
  SUBCASE("another sender under its index does not prolong it") {
    Peer& carol = pair.net.add("203.0.113.30:4713");
    pair.wait(seconds(100));
    REQUIRE(pair.net.pass(made_initiation(pair.bob, 7), carol.place) == Kind::forward);
    REQUIRE(pair.net.pass(made_response(carol, 21, 7), pair.bob.place) == Kind::forward);
    CHECK(sends(pair.bob.place) == Kind::forward);
    pair.wait(seconds(95));
    CHECK(sends(pair.bob.place) == Kind::forward);
    CHECK(sends(pair.alice.place) == Kind::not_relayed);
  }
  SUBCASE("what passes counts as use: the session that is idle goes first") {
    for (noise::SessionIndex index = 20; index < 24; ++index) {
      pair.wait(seconds(1));
      pair.make_session(index);
      CHECK(pair.alice_sends(index) == Kind::forward);
    }
    pair.wait(rules::idle_life - seconds(3));
    CHECK(sends(pair.alice.place) == Kind::forward);
    pair.wait(seconds(4));
    pair.make_session(24);
    CHECK(sends(pair.alice.place) == Kind::forward);
    CHECK(pair.alice_sends(20) == Kind::not_relayed);
  }
}

}  // namespace
