// Entries: what an initiation and a response make, how long it lasts, what it may push out; rates;
// what survives a restart.

#include <doctest/doctest.h>

#include <algorithm>

#include "dnsd/point/relay/relay.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "noise/mac_checker.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

using namespace relay_test;
namespace rules = dnsd::relay_rules;

TEST_CASE("before the response no data passes, but a cookie does") {
  Pair pair;
  REQUIRE(pair.initiate(8) == Kind::forward);
  CHECK(pair.bob_sends(8) == Kind::drop);
  CHECK(pair.net.counters().unconfirmed == 1);
  CHECK(pair.alice_sends(7) == Kind::not_relayed);
  Octets cookie(64);
  noise::write_cookie_reply(8, {}, Octets(32, 4), cookie);
  CHECK(pair.net.pass(cookie, pair.bob.place) == Kind::forward);
  CHECK(pair.respond(7, 8) == Kind::forward);
  CHECK(pair.bob_sends(8) == Kind::forward);
  CHECK(pair.alice_sends(7) == Kind::forward);
  CHECK(pair.net.pass(cookie, pair.bob.place) == Kind::forward);
}

TEST_CASE("what is no answer to the initiation makes no session") {
  Pair pair;
  REQUIRE(pair.initiate(8) == Kind::forward);
  Octets response = made_response(pair.alice, 7, 8);
  SUBCASE("with a mac1 for somebody else") {
    noise::MacWriter().write(pair.bob.key(), {}, response);
    CHECK(pair.net.pass(response, pair.bob.place) == Kind::drop);
    CHECK(pair.net.counters().wrong_mac == 1);
  }
  SUBCASE("to another index") {
    CHECK(pair.respond(7, 9) == Kind::not_relayed);
  }
  SUBCASE("from the sender itself") {
    CHECK(pair.net.pass(response, pair.alice.place) == Kind::not_relayed);
  }
  SUBCASE("from nowhere") {
    CHECK(pair.net.pass(response, path_of("203.0.113.77:7")) == Kind::not_relayed);
  }
  SUBCASE("six seconds later") {
    pair.wait(seconds(6));
    CHECK(pair.net.pass(response, pair.bob.place) == Kind::not_relayed);
  }
  SUBCASE("with an index of the point's own") {
    pair.net.own.indices.insert(7);
    CHECK(pair.net.pass(response, pair.bob.place) == Kind::drop);
    CHECK(pair.net.counters().collision == 1);
  }
  CHECK(pair.bob_sends(8) != Kind::forward);
  CHECK(pair.alice_sends(7) != Kind::forward);
}

TEST_CASE("an index that the recipient already answers under is not taken again") {
  Pair pair;
  Peer& carol = pair.net.add("203.0.113.30:4713");
  REQUIRE(pair.initiate(8) == Kind::forward);
  CHECK(pair.net.pass(made_initiation(pair.bob, 8), carol.place) == Kind::drop);
  REQUIRE(pair.respond(7, 8) == Kind::forward);
  CHECK(pair.net.pass(made_initiation(pair.bob, 8), carol.place) == Kind::drop);
  CHECK(pair.net.counters().collision == 2);
  // Of another recipient it is another one.
  CHECK(pair.net.pass(made_initiation(carol, 8), pair.alice.place) == Kind::forward);
}

TEST_CASE("two initiations of an ordered pair wait, the oldest goes") {
  Pair pair;
  for (const noise::SessionIndex index : {12U, 14U, 16U}) {
    CHECK(pair.initiate(index) == Kind::forward);
    pair.wait(milliseconds(1));
  }
  CHECK(pair.respond(11, 12) == Kind::not_relayed);
  CHECK(pair.respond(13, 14) == Kind::forward);
  CHECK(pair.respond(15, 16) == Kind::forward);
}

TEST_CASE("a session lasts 190 s from its response, however much it is used") {
  Pair pair;
  pair.make_session(7);
  for (int second = 0; second < 190; ++second) {
    CHECK(pair.alice_sends(7) == Kind::forward);
    CHECK(pair.bob_sends(8) == Kind::forward);
    pair.wait(seconds(1));
    if (second % 10 == 0) pair.net.relay->tick(pair.net.clock.now.steady);
  }
  CHECK(pair.alice_sends(7) == Kind::not_relayed);
  CHECK(pair.bob_sends(8) == Kind::not_relayed);
}

TEST_CASE("further responses: only the initiator knows which one is true") {
  Pair pair;
  REQUIRE(pair.initiate(8) == Kind::forward);
  for (noise::SessionIndex index = 101; index <= 104; ++index)
    CHECK(pair.respond(index, 8) == Kind::forward);
  CHECK(pair.respond(105, 8) == Kind::drop);
  CHECK(pair.net.counters().unconfirmed == 1);
  SUBCASE("it may use any, and no more are taken") {
    CHECK(pair.alice_sends(103) == Kind::forward);
    CHECK(pair.bob_sends(8) == Kind::forward);
    CHECK(pair.alice_sends(105) == Kind::not_relayed);
    CHECK(pair.respond(106, 8) == Kind::drop);
    for (const auto& change : pair.net.relay->take_changes()) {
      REQUIRE(change.routes.size() == 1);
      CHECK(change.routes[0].index == (change.from == pair.alice.key() ? 103 : 8));
    }
  }
  SUBCASE("all end with the session") {
    pair.wait(seconds(190));
    for (noise::SessionIndex index = 101; index <= 104; ++index) {
      CHECK(pair.alice_sends(index) == Kind::not_relayed);
      CHECK_FALSE(pair.net.relay->uses_index(pair.alice.key(), index));
    }
  }
}

TEST_CASE("after the first use, or six seconds, no further response is taken") {
  Pair pair;
  pair.make_session(7);
  SUBCASE("used") {
    CHECK(pair.alice_sends(7) == Kind::forward);
  }
  SUBCASE("six seconds") {
    pair.wait(seconds(6));
  }
  CHECK(pair.respond(107, 8) == Kind::drop);
  CHECK(pair.alice_sends(107) == Kind::not_relayed);
}

TEST_CASE("five sessions of a pair; a sixth pushes out none that is in use") {
  Pair pair;
  const std::array<noise::SessionIndex, 5> all = {11, 21, 31, 41, 51};
  for (const noise::SessionIndex index : all) {
    pair.make_session(index);
    CHECK(pair.alice_sends(index) == Kind::forward);
    pair.wait(seconds(2));
  }
  const auto lives = [&](noise::SessionIndex index) {
    return pair.alice_sends(index) == Kind::forward && pair.bob_sends(index + 1) == Kind::forward;
  };
  SUBCASE("its initiation needs a cookie") {
    CHECK(pair.initiate(62) == Kind::reply);
    CHECK(std::all_of(all.begin(), all.end(), lives));
  }
  SUBCASE("also one that began before all were in use") {
    pair.wait(seconds(30));  // all idle
    REQUIRE(pair.initiate(62) == Kind::forward);
    CHECK(std::all_of(all.begin(), all.end(), lives));
    CHECK(pair.respond(61, 62) == Kind::drop);
    CHECK(pair.net.counters().table_full == 1);
    CHECK(std::all_of(all.begin(), all.end(), lives));
  }
  SUBCASE("the oldest of those that were idle for half a minute goes") {
    for (int i = 0; i < 30; ++i) {
      pair.wait(seconds(1));
      CHECK(lives(11));
    }
    pair.make_session(61);
    CHECK(std::all_of(all.begin() + 2, all.end(), lives));
    CHECK((lives(11) && lives(61)));
    CHECK_FALSE(lives(21));
  }
}

TEST_CASE("a pair that begins anew every seven seconds never waits for a cookie") {
  Pair pair;
  for (noise::SessionIndex index = 11; index < 300; index += 10) {
    pair.make_session(index);
    for (int i = 0; i < 7; ++i) {
      if (i < 3) CHECK(pair.alice_sends(index) == Kind::forward);
      pair.wait(seconds(1));
    }
  }
  CHECK(pair.net.counters().cookies == 0);
}

TEST_CASE("a session that its initiator has not used in five seconds makes room") {
  Pair pair;
  pair.make_session(11);
  CHECK(pair.alice_sends(11) == Kind::forward);
  for (const noise::SessionIndex index : {21U, 31U, 41U, 51U, 61U, 71U}) {
    pair.make_session(index);
    pair.wait(seconds(5));
    CHECK(pair.alice_sends(11) == Kind::forward);
  }
  CHECK(pair.alice_sends(21) == Kind::not_relayed);
  CHECK(pair.alice_sends(71) == Kind::forward);
}

TEST_CASE("a rekey: packets of both sessions pass meanwhile") {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  net.connect(alice, bob);
  for (int rekey = 0; rekey < 4; ++rekey) {
    for (int i = 0; i < 17; ++i) {
      net.pass_time(seconds(7));
      net.see_all();
      net.deliver_all();  // keepalives
      CHECK(net.pings(alice, bob));
      CHECK(net.pings(bob, alice));
    }
    const Octets late = net.data(bob, alice);
    net.pass_time(seconds(1));
    CHECK(net.ping(alice, bob));  // begins the handshake
    net.deliver_all();
    CHECK(net.pass(late, bob.place) == Kind::forward);
  }
  CHECK(net.counters().unconfirmed == 0);
  CHECK(net.counters().cookies == 0);
  CHECK(net.counters().table_full == 0);
}

TEST_CASE("a sender has its rate, a burst that a datagram of any size fits in, and all have one") {
  Pair pair({.sender = 8'000'000, .total = 12'000'000});  // 1 and 1.5 octets per µs
  Peer& carol = pair.net.add("203.0.113.30:4713");
  pair.make_session(7);
  REQUIRE(pair.net.pass(made_initiation(carol, 18), pair.bob.place) == Kind::forward);
  REQUIRE(pair.net.pass(made_response(pair.bob, 17, 18), carol.place) == Kind::forward);
  const auto count = [&](noise::SessionIndex index, const Peer& from) {
    int passed = 0;
    while (pair.net.pass(made_data(index, 972), from.place) == Kind::forward) ++passed;
    return passed;
  };
  CHECK(count(7, pair.alice) == 150);  // the burst in all
  CHECK(pair.net.counters().over_total == 1);
  pair.wait(milliseconds(150));
  CHECK(count(7, pair.alice) == 150);
  pair.wait(milliseconds(100));
  CHECK(count(7, pair.alice) == 150);
  // 250 of its own at first, and 100 each time.
  CHECK(pair.net.counters().over_rate == 0);
  pair.wait(milliseconds(100));
  CHECK(count(7, pair.alice) == 150);
  pair.wait(milliseconds(100));
  CHECK(count(7, pair.alice) == 100);
  CHECK(pair.net.counters().over_rate == 2);
  CHECK(count(17, pair.bob) == 50);
  // Handshakes are not counted.
  CHECK(pair.initiate(28) == Kind::forward);
  pair.net.relay->set_rates({.sender = 0, .total = 0});
  for (int i = 0; i < 1'000; ++i) CHECK(pair.alice_sends(7) == Kind::forward);
}

TEST_CASE("the greatest datagram fits in the smallest rate's burst") {
  Pair pair({.sender = 1'000, .total = 1'000});
  pair.make_session(7);
  CHECK(pair.net.pass(made_data(7, 65'487), pair.alice.place) == Kind::forward);
  CHECK(pair.net.pass(made_data(7, 65'487), pair.alice.place) == Kind::forward);
  CHECK(pair.net.pass(made_data(7, 65'487), pair.alice.place) == Kind::drop);
}

TEST_CASE("a run of datagrams is passed on as one, and counted as many") {
  Pair pair;
  pair.make_session(7);
  const auto before = pair.net.counters();
  Octets run = made_data(7, 40'000);
  const auto verdict =
      pair.net.relay->receive(run, pair.alice.place, pair.net.clock.now.steady, 40);
  CHECK(verdict.kind == Kind::forward);
  CHECK(pair.net.counters().packets == before.packets + 40);
  CHECK(pair.net.counters().octets == before.octets + 40'000);
  CHECK(pair.net.relay->receive(run, pair.bob.place, pair.net.clock.now.steady, 40).kind ==
        Kind::not_relayed);
}

TEST_CASE("sessions survive a restart") {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  std::vector<Relay::Change> saved;
  const auto save = [&] {
    for (Relay::Change& change : net.relay->take_changes()) {
      std::erase_if(
          saved, [&](const auto& old) { return old.from == change.from && old.to == change.to; });
      saved.push_back(std::move(change));
    }
  };
  net.connect(alice, bob);
  const Octets early = net.data(bob, alice);
  save();
  CHECK(saved.size() == 2);
  net.pass_time(seconds(20));
  REQUIRE(net.initiate(alice, bob));
  net.deliver_all();
  save();
  CHECK(saved.size() == 2);
  CHECK(net.pings(alice, bob));
  save();
  const auto restart = [&] {
    net.restart();
    CHECK(net.pass(net.data(alice, bob), alice.place) == Kind::not_relayed);
    for (const auto& change : saved) {
      for (const auto& route : change.routes) net.relay->restore(route, net.clock.now.steady);
    }
  };
  SUBCASE("both of them, both ways") {
    restart();
    CHECK(net.pings(alice, bob));
    CHECK(net.pings(bob, alice));
    CHECK(net.pass(early, bob.place) == Kind::forward);
    CHECK(net.pass(early, path_of("203.0.113.99:9")) == Kind::ask_back);
  }
  SUBCASE("no longer than they would have lasted") {
    net.clock.pass(seconds(170));
    restart();
    net.see_all();
    CHECK(net.pass(early, bob.place) == Kind::not_relayed);
  }
  SUBCASE("twice is once") {
    restart();
    for (const auto& change : saved) {
      for (const auto& route : change.routes) net.relay->restore(route, net.clock.now.steady);
    }
    std::size_t routes = 0;
    for (const auto& change : net.relay->take_changes()) routes += change.routes.size();
    CHECK(routes == 4);
  }
  SUBCASE("not of peers that are gone") {
    net.restart();
    net.relay->remove_peer(bob.key());
    for (const auto& change : saved) {
      for (const auto& route : change.routes) net.relay->restore(route, net.clock.now.steady);
    }
    CHECK(net.relay->take_changes().empty());
    CHECK(net.relay->pairs().empty());
  }
}

TEST_CASE("what is over leaves the state, and then the relay sleeps") {
  Pair pair;
  CHECK_FALSE(pair.net.relay->next_deadline());
  pair.make_session(7);
  CHECK(pair.net.relay->take_changes().size() == 2);
  CHECK(pair.net.relay->take_changes().empty());
  CHECK(pair.net.relay->next_deadline());
  pair.wait(seconds(190));
  REQUIRE(*pair.net.relay->next_deadline() <= pair.net.clock.now.steady);
  pair.net.relay->tick(pair.net.clock.now.steady);
  const auto changes = pair.net.relay->take_changes();
  CHECK(changes.size() == 2);
  for (const auto& change : changes) CHECK(change.routes.empty());
  CHECK_FALSE(pair.net.relay->next_deadline());
  CHECK(pair.net.relay->pairs().size() == 2);  // still counted
}

TEST_CASE("a peer makes so many pairs; the idle ones make room, those in use stay") {
  Pair pair;
  pair.make_session(7);
  CHECK(pair.alice_sends(7) == Kind::forward);
  std::vector<wg::PublicKey> strangers;
  const std::size_t count = rules::pairs_per_peer;
  for (std::size_t i = 0; i < count; ++i) {
    base::Octets32 octets{};
    noise::fill_random(octets);
    strangers.emplace_back(octets);
    pair.net.relay->add_peer(strangers.back());
  }
  noise::SessionIndex index = 1'000;
  std::size_t passed = 0;
  for (const wg::PublicKey& stranger : strangers) {
    pair.wait(seconds(1));
    pair.net.relay->set_place(
        stranger,
        {{base::IpAddress(std::array<std::uint8_t, 4>{10, 0, static_cast<std::uint8_t>(index >> 8U),
                                                      static_cast<std::uint8_t>(index)}),
          base::Port{1}},
         {}},
        pair.net.clock.now.steady);
    Octets initiation(noise::initiation_octets);
    noise::write_initiation(index++, stranger, Octets(48, 1), Octets(28, 2), initiation);
    noise::MacWriter().write(stranger, {}, initiation);
    if (pair.net.pass(initiation, pair.alice.place) == Kind::forward) ++passed;
    if (index % 180 == 0) {
      pair.make_session(index << 16U);
      CHECK(pair.alice_sends(index << 16U) == Kind::forward);
    }
  }
  CHECK(passed == count);  // each had its second
  CHECK(pair.net.relay->pairs().size() == 2);
}

}  // namespace
