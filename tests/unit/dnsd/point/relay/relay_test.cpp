// Which datagrams are passed on, and which are not.

#include "dnsd/point/relay/relay.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>

#include "noise/mac_checker.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

using namespace relay_test;

const noise::Path nowhere = path_of("203.0.113.99:1111");

/// alice and bob with a session, carol without.
struct Three {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  Peer& carol = net.add("[2001:db8::30]:4713");

  Three() {
    net.connect(alice, bob);
    net.verdicts.clear();
  }
};

TEST_CASE("a handshake through the relay, and data both ways") {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  REQUIRE(net.initiate(alice, bob));
  net.deliver_all();
  CHECK(net.pings(alice, bob));
  CHECK(net.pings(bob, alice));
  CHECK(std::all_of(net.verdicts.begin(), net.verdicts.end(),
                    [](Kind kind) { return kind == Kind::forward; }));
  CHECK(net.counters().packets == net.verdicts.size());
  const auto pairs = net.relay->pairs();
  REQUIRE(pairs.size() == 2);
  CHECK(pairs[0].packets + pairs[1].packets == net.counters().packets);
  CHECK(pairs[0].octets + pairs[1].octets == net.counters().octets);
}

TEST_CASE("what is not for the relay goes to the engine") {
  Three three;
  Net& net = three.net;
  Octets for_point = net.initiation(three.alice, three.bob);
  noise::MacWriter().write(net.point.public_key(), {}, for_point);
  const Octets initiation = net.initiation(three.alice, three.carol);
  const Octets data = net.data(three.alice, three.bob);
  Octets other_index = data;
  other_index[4] ^= 1U;
  CHECK(net.pass(for_point, three.alice.place) == Kind::not_relayed);
  CHECK(net.pass(initiation, nowhere) == Kind::not_relayed);
  CHECK(net.pass(other_index, three.alice.place) == Kind::not_relayed);
  CHECK(net.pass(other_index, nowhere) == Kind::not_relayed);
  // A session of alice is none of carol's.
  CHECK(net.pass(data, three.carol.place) == Kind::not_relayed);
  CHECK(net.pass(data, three.alice.place) == Kind::forward);
}

TEST_CASE("a message is as long as its type says") {
  struct Row {
    std::uint8_t type;
    std::size_t octets;
    Kind kind;
  };
  for (const Row& row : std::vector<Row>{{4, 31, Kind::not_relayed},
                                         {4, 32, Kind::forward},
                                         {4, 65'487, Kind::forward},
                                         {5, 32, Kind::not_relayed},
                                         {0, 32, Kind::not_relayed},
                                         {3, 63, Kind::not_relayed},
                                         {3, 64, Kind::forward},
                                         {3, 65, Kind::not_relayed}}) {
    CAPTURE(row.type);
    CAPTURE(row.octets);
    Three three;
    Octets datagram = three.net.data(three.alice, three.bob);
    datagram.resize(row.octets);
    datagram[0] = row.type;
    CHECK(three.net.pass(datagram, three.alice.place) == row.kind);
    Octets reserved = datagram;
    reserved[3] = 1;
    CHECK(three.net.pass(reserved, three.alice.place) == Kind::not_relayed);
  }
  Three three;
  Octets initiation = three.net.initiation(three.alice, three.carol);
  initiation.push_back(0);
  CHECK(three.net.pass(initiation, three.alice.place) == Kind::not_relayed);
  initiation.resize(147);
  CHECK(three.net.pass(initiation, three.alice.place) == Kind::not_relayed);
  CHECK(three.net.pass({}, three.alice.place) == Kind::not_relayed);
}

TEST_CASE("an initiation for nobody here is dropped") {
  Three three;
  Net& net = three.net;
  const Octets original = net.initiation(three.alice, three.carol);
  SUBCASE("for a key that is no peer") {
    Octets stranger = original;
    noise::MacWriter().write(noise::KeyPair::draw().public_key(), {}, stranger);
    CHECK(net.pass(stranger, three.alice.place) == Kind::drop);
  }
  SUBCASE("with a mac1 of nobody") {
    Octets wrong = original;
    wrong[40] ^= 1U;
    CHECK(net.pass(wrong, three.alice.place) == Kind::drop);
  }
  SUBCASE("for its own sender") {
    Octets own = original;
    noise::MacWriter().write(three.alice.key(), {}, own);
    CHECK(net.pass(own, three.alice.place) == Kind::drop);
  }
  CHECK(net.counters().no_recipient == 1);
  CHECK(net.in_flight.empty());
}

TEST_CASE("a peer without a place, or on trial, neither sends nor receives") {
  Three three;
  Net& net = three.net;
  const Octets from_alice = net.data(three.alice, three.bob);
  const Octets from_bob = net.data(three.bob, three.alice);
  const Octets new_one = net.initiation(three.alice, three.bob);
  SUBCASE("on trial") {
    net.relay->clear_place(three.bob.key());
  }
  SUBCASE("not seen for three minutes") {
    net.clock.pass(seconds(180));
    net.relay->set_place(three.alice.key(), three.alice.place, net.clock.now.steady);
  }
  SUBCASE("somebody else is there now") {
    net.relay->set_place(three.carol.key(), three.bob.place, net.clock.now.steady);
    CHECK(net.pass(from_bob, three.bob.place) == Kind::not_relayed);
  }
  CHECK(net.pass(from_alice, three.alice.place) == Kind::drop);
  CHECK(net.pass(new_one, three.alice.place) == Kind::drop);
  CHECK(net.pass(from_bob, three.bob.place) != Kind::forward);
  CHECK(net.counters().no_place + net.counters().no_recipient == 2);
  net.relay->set_place(three.bob.key(), three.bob.place, net.clock.now.steady);
  CHECK(net.pass(from_alice, three.alice.place) == Kind::forward);
  CHECK(net.pass(from_bob, three.bob.place) == Kind::forward);
}

TEST_CASE("just before three minutes a place still counts") {
  Three three;
  const Octets data = three.net.data(three.alice, three.bob);
  three.net.see_all();
  three.net.clock.pass(seconds(180) - milliseconds(1));
  CHECK(three.net.pass(data, three.alice.place) == Kind::forward);
}

TEST_CASE("packets go to where the recipient is now, from the address it speaks to") {
  Three three;
  Net& net = three.net;
  const noise::Path moved{*base::Endpoint::parse("203.0.113.21:99"),
                          *base::IpAddress::parse("198.51.100.2")};
  net.relay->set_place(three.bob.key(), moved, net.clock.now.steady);
  CHECK(net.pass(net.data(three.alice, three.bob), three.alice.place) == Kind::forward);
  CHECK(net.in_flight.back().first == moved);
  CHECK(net.pass(net.data(three.bob, three.alice), moved) == Kind::forward);
}

TEST_CASE("a peer that was removed takes its sessions with it") {
  Three three;
  Net& net = three.net;
  (void)net.relay->take_changes();
  const auto index = index_at(net.data(three.alice, three.bob), 4);
  CHECK(net.relay->uses_index(three.alice.key(), index));
  CHECK_FALSE(net.relay->uses_index(three.bob.key(), index));
  net.relay->remove_peer(three.bob.key());
  CHECK_FALSE(net.relay->uses_index(three.alice.key(), index));
  CHECK(net.pass(net.data(three.alice, three.bob), three.alice.place) == Kind::not_relayed);
  const auto changes = net.relay->take_changes();
  CHECK(changes.size() == 2);
  for (const auto& change : changes) CHECK(change.routes.empty());
  CHECK(net.relay->pairs().empty());
  net.know(three.bob);
  net.clock.pass(seconds(1));
  CHECK(net.pass(net.data(three.alice, three.bob), three.alice.place) == Kind::not_relayed);
  net.connect(three.alice, three.bob);
}

TEST_CASE("a known index from an unknown place: the peer that sends under it is asked") {
  Three three;
  Net& net = three.net;
  const Octets data = net.data(three.bob, three.alice);
  CHECK(net.pass(data, nowhere) == Kind::ask_back);
  CHECK(net.asked == std::vector{three.bob.key()});
  SUBCASE("once in a second") {
    CHECK(net.pass(data, nowhere) == Kind::drop);
    CHECK(net.pass(net.data(three.alice, three.bob), nowhere) == Kind::ask_back);
    net.clock.pass(seconds(1));
    CHECK(net.pass(data, nowhere) == Kind::ask_back);
    CHECK(net.counters().ask_backs == 3);
    CHECK(net.counters().unknown_place == 4);
  }
  SUBCASE("not if the index is one of the point's own sessions") {
    net.clock.pass(seconds(1));
    net.own.indices.insert(index_at(data, 4));
    CHECK(net.pass(data, nowhere) == Kind::not_relayed);
  }
  SUBCASE("not after the session") {
    net.clock.pass(seconds(191));
    CHECK(net.pass(data, nowhere) == Kind::not_relayed);
  }
}

TEST_CASE("nobody is asked for an index that the peer itself has not used") {
  // Whoever forges both places knows the indices of a session that it makes up.
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  REQUIRE(net.initiate(alice, bob));
  const Octets initiation = net.sent(alice);
  CHECK(net.pass(initiation, alice.place) == Kind::forward);
  Octets data(32, 0);
  data[0] = 4;
  std::copy_n(initiation.begin() + 4, 4, data.begin() + 4);
  CHECK(net.pass(data, nowhere) == Kind::not_relayed);
  net.step();
  net.step();
  REQUIRE(net.counters().packets >= 2);
  CHECK(net.pass(data, nowhere) == Kind::not_relayed);
}

TEST_CASE("after the first one an ask-back sends out no more octets than came in") {
  Three three;
  Net& net = three.net;
  Octets data = net.data(three.bob, three.alice);
  data.resize(32);
  CHECK(net.pass(data, nowhere) == Kind::ask_back);  // on trust
  const auto asked_at = [&] {
    int datagrams = 1;
    for (; net.pass(data, nowhere) != Kind::ask_back; ++datagrams) net.clock.pass(seconds(1));
    return datagrams;
  };
  CHECK(asked_at() == 4);  // of 60 octets each; 148 go out, with headers of at most 48
  CHECK(asked_at() == 4);
  // Where it came to a new place it had really moved.
  net.relay->set_place(three.bob.key(), path_of("203.0.113.21:1"), net.clock.now.steady);
  net.clock.pass(seconds(1));
  CHECK(asked_at() == 1);
}

}  // namespace
