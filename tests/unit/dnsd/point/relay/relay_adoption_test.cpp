// Sessions that were made on the direct way, when one of both moves to the relay.

#include <doctest/doctest.h>

#include <algorithm>

#include "dnsd/point/relay/relay.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

using namespace relay_test;
namespace rules = dnsd::relay_rules;

struct Direct {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  Peer& carol = net.add("203.0.113.30:4713");

  Direct() { net.connect_directly(alice, bob); }
  Kind alice_sends() { return net.pass(net.data(alice, bob), alice.place); }
  Kind bob_sends() { return net.pass(net.data(bob, alice), bob.place); }
  bool adopt(Peer& peer, Peer& other) {
    return net.relay->adopt(peer.key(), other.key(), net.clock.now.steady);
  }
};

TEST_CASE("a session that was made directly is unknown to the relay, until it is adopted") {
  Direct direct;
  CHECK(direct.alice_sends() == Kind::not_relayed);
  CHECK(direct.bob_sends() == Kind::not_relayed);
  CHECK(direct.adopt(direct.alice, direct.bob));
  CHECK(direct.alice_sends() == Kind::forward);
  CHECK(direct.net.in_flight.back().first == direct.bob.place);
  CHECK(direct.bob_sends() == Kind::forward);
  CHECK(direct.net.in_flight.back().first == direct.alice.place);
  CHECK(direct.net.counters().adopted == 1);
  // From now on it is a session as others are: for 190 s, and of unlimited packets.
  for (int i = 0; i < 30; ++i) {
    direct.net.pass_time(seconds(5));
    direct.net.see_all();
    (void)direct.alice.end.take_sent();
    (void)direct.bob.end.take_sent();
    for (int k = 0; k < 10; ++k) CHECK(direct.alice_sends() == Kind::forward);
    CHECK(direct.bob_sends() == Kind::forward);
  }
  CHECK(direct.net.counters().adopted == 1);
  std::size_t routes = 0;
  for (const auto& change : direct.net.relay->take_changes()) routes += change.routes.size();
  CHECK(routes == 2);
}

TEST_CASE("whoever sends first, and whoever asked") {
  Direct direct;
  SUBCASE("the one that asked") {
    CHECK(direct.adopt(direct.alice, direct.bob));
    CHECK(direct.alice_sends() == Kind::forward);
    CHECK(direct.bob_sends() == Kind::forward);
  }
  SUBCASE("the other one") {
    CHECK(direct.adopt(direct.alice, direct.bob));
    CHECK(direct.bob_sends() == Kind::forward);
    CHECK(direct.alice_sends() == Kind::forward);
  }
  SUBCASE("both asked at once, and more is in flight") {
    CHECK(direct.adopt(direct.alice, direct.bob));
    CHECK(direct.adopt(direct.bob, direct.alice));
    CHECK(direct.alice_sends() == Kind::forward);
    CHECK(direct.alice_sends() == Kind::forward);
    CHECK(direct.bob_sends() == Kind::forward);
    CHECK(direct.bob_sends() == Kind::forward);
  }
  CHECK(direct.net.counters().adopted == 1);
  direct.net.deliver_all();
  CHECK(direct.net.pings(direct.alice, direct.bob));
  CHECK(direct.net.pings(direct.bob, direct.alice));
}

TEST_CASE("only for five seconds, and the answer within two") {
  Direct direct;
  CHECK(direct.adopt(direct.alice, direct.bob));
  SUBCASE("the request is over") {
    direct.net.clock.pass(seconds(5));
    CHECK(direct.alice_sends() == Kind::not_relayed);
    CHECK(direct.adopt(direct.alice, direct.bob));
    CHECK(direct.alice_sends() == Kind::forward);
  }
  SUBCASE("no answer in time") {
    CHECK(direct.alice_sends() == Kind::forward);
    direct.net.clock.pass(milliseconds(2001));
    CHECK(direct.bob_sends() == Kind::forward);
    CHECK(direct.net.counters().adopted == 0);
    // A new packet is a new question.
    CHECK(direct.alice_sends() == Kind::forward);
    CHECK(direct.net.counters().adopted == 1);
  }
  SUBCASE("none at all: it is forgotten") {
    CHECK(direct.alice_sends() == Kind::forward);
    direct.net.clock.pass(seconds(5));
    CHECK(direct.bob_sends() == Kind::not_relayed);
    direct.net.relay->tick(direct.net.clock.now.steady);
    CHECK(direct.net.relay->take_changes().empty());
  }
}

TEST_CASE("sixteen packets of an index, the first four at once") {
  Direct direct;
  CHECK(direct.adopt(direct.alice, direct.bob));
  int passed = 0;
  for (int i = 0; i < 4; ++i) CHECK(direct.alice_sends() == Kind::forward);
  CHECK(direct.alice_sends() == Kind::drop);
  CHECK(direct.net.counters().unadopted == 1);
  passed = 4;
  for (int i = 0; i < 48; ++i) {
    direct.net.clock.pass(milliseconds(100));
    if (direct.alice_sends() == Kind::forward) ++passed;
  }
  CHECK(passed == 16);
}

TEST_CASE("nothing else is passed on by it") {
  Direct direct;
  Net& net = direct.net;
  CHECK(direct.adopt(direct.alice, direct.bob));
  const Octets data = net.data(direct.alice, direct.bob);
  CHECK(net.pass(data, direct.carol.place) == Kind::not_relayed);
  CHECK(net.pass(data, path_of("203.0.113.77:7")) == Kind::not_relayed);
  net.own.indices.insert(index_at(data, 4));
  CHECK(net.pass(data, direct.alice.place) == Kind::not_relayed);  // for the point itself
  net.own.indices.clear();
  net.relay->clear_place(direct.bob.key());
  CHECK(net.pass(data, direct.alice.place) == Kind::drop);
  CHECK(net.counters().no_place == 1);
}

TEST_CASE("who is no peer, or the same, is not adopted") {
  Direct direct;
  const wg::PublicKey stranger = noise::KeyPair::draw().public_key();
  const auto now = direct.net.clock.now.steady;
  CHECK_FALSE(direct.net.relay->adopt(direct.alice.key(), stranger, now));
  CHECK_FALSE(direct.net.relay->adopt(stranger, direct.alice.key(), now));
  CHECK_FALSE(direct.net.relay->adopt(direct.alice.key(), direct.alice.key(), now));
}

TEST_CASE("a stranger that forges the place first does not keep the session out") {
  Direct direct;
  CHECK(direct.adopt(direct.alice, direct.bob));
  for (std::uint8_t i = 1; i <= 2; ++i) {
    Octets forged(32, 5);
    noise::write_data_header(i, 1, base::MutableBytes(forged).first(16));
    for (int k = 0; k < 20; ++k) (void)direct.net.pass(forged, direct.alice.place);
  }
  CHECK(direct.alice_sends() == Kind::forward);
  CHECK(direct.bob_sends() == Kind::forward);
  CHECK(direct.alice_sends() == Kind::forward);
  direct.net.deliver_all();
  CHECK(direct.net.pings(direct.alice, direct.bob));
  CHECK(direct.net.pings(direct.bob, direct.alice));
}

TEST_CASE("two peers at once: packets go to each in turn, until it is clear whose they are") {
  Direct direct;
  Net& net = direct.net;
  net.connect_directly(direct.alice, direct.carol);
  CHECK(direct.adopt(direct.alice, direct.bob));
  CHECK(direct.adopt(direct.alice, direct.carol));
  int reached = 0;
  for (int i = 0; i < 12; ++i) {
    net.clock.pass(milliseconds(200));
    const std::size_t before = direct.bob.accepted() + direct.carol.accepted();
    REQUIRE(net.ping(direct.alice, direct.bob));
    REQUIRE(net.ping(direct.alice, direct.carol));
    net.step();
    net.step();
    reached += static_cast<int>(direct.bob.accepted() + direct.carol.accepted() - before);
  }
  CHECK(reached >= 8);
  // Bob has one session to answer in, and so has carol.
  CHECK(direct.bob_sends() == Kind::forward);
  CHECK(net.in_flight.back().first == direct.alice.place);
  CHECK(net.pass(net.data(direct.carol, direct.alice), direct.carol.place) == Kind::forward);
  CHECK(net.in_flight.back().first == direct.alice.place);
}

TEST_CASE("of five sessions that the relay knows the oldest makes room") {
  Direct direct;
  Net& net = direct.net;
  net.clock.pass(seconds(1));
  for (int i = 0; i < 5; ++i) {
    net.connect(direct.alice, direct.bob);
    net.pass_time(seconds(10));
    net.see_all();
  }
  net.connect_directly(direct.alice, direct.bob);
  CHECK(direct.alice_sends() == Kind::not_relayed);
  CHECK(direct.adopt(direct.alice, direct.bob));
  CHECK(direct.alice_sends() == Kind::forward);
  CHECK(direct.bob_sends() == Kind::forward);
  CHECK(net.counters().adopted == 1);
  std::size_t routes = 0;
  for (const auto& change : net.relay->take_changes()) routes += change.routes.size();
  CHECK(routes == 10);
}

TEST_CASE("a peer moves eight others at once, and one that is removed is forgotten") {
  Direct direct;
  Net& net = direct.net;
  for (int i = 0; i < 8; ++i) {
    Peer& other = net.add("203.0.113.5" + std::to_string(i) + ":1");
    CHECK(direct.adopt(direct.alice, other));
  }
  CHECK_FALSE(direct.adopt(direct.alice, direct.carol));
  net.relay->remove_peer(net.peers.back()->key());
  CHECK(direct.adopt(direct.alice, direct.carol));
  net.relay->remove_peer(direct.alice.key());
  CHECK(direct.alice_sends() == Kind::not_relayed);
  net.clock.pass(seconds(5));
  net.relay->tick(net.clock.now.steady);
  net.know(direct.alice);
  CHECK(direct.adopt(direct.alice, direct.carol));
}

}  // namespace
