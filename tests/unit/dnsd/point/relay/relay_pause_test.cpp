// Moments without data of a pair, while one of both moves its session to the direct way.

#include <doctest/doctest.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "dnsd/point/relay/relay.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "noise/message.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

using namespace relay_test;
namespace rules = dnsd::relay_rules;

/// alice and bob with a session, in which she sends under 7 and he under 8, and has sent.
struct Paused : Pair {
  explicit Paused(dnsd::RelayRates rates = {}) : Pair(rates) {
    make_session(7);
    REQUIRE(alice_sends(7) == Kind::forward);
    REQUIRE(bob_sends(8) == Kind::forward);
  }
  bool pause(const Peer& peer, const Peer& other, milliseconds length = milliseconds(400)) {
    return net.relay->pause(peer.key(), other.key(), length, net.clock.now.steady);
  }
  /// `from` sends under `index`, `to` under `index` + 1.
  void make_session(Peer& from, Peer& to, noise::SessionIndex index) {
    REQUIRE(net.pass(made_initiation(to, index + 1), from.place) == Kind::forward);
    REQUIRE(net.pass(made_response(from, index, index + 1), to.place) == Kind::forward);
  }
  using Pair::make_session;
};

TEST_CASE("no data of the pair passes, in either direction and in no session, until the end") {
  Paused pair;
  pair.make_session(20);
  REQUIRE(pair.alice_sends(20) == Kind::forward);  // bob has not sent in it
  CHECK(pair.pause(pair.alice, pair.bob, milliseconds(500)));
  const auto pass_all = [&](Kind expected) {
    CHECK(pair.alice_sends(7) == expected);
    CHECK(pair.bob_sends(8) == expected);
    CHECK(pair.alice_sends(20) == expected);
    CHECK(pair.bob_sends(21) == expected);
  };
  pass_all(Kind::drop);
  pair.wait(milliseconds(499));
  pass_all(Kind::drop);
  CHECK(pair.net.counters().paused == 8);
  pair.wait(milliseconds(1));
  pass_all(Kind::forward);
  pass_all(Kind::forward);
  CHECK(pair.net.counters().paused == 8);
  CHECK(pair.net.counters().pauses == 1);
  for (const auto& one : pair.net.relay->pairs()) {
    CAPTURE(one.from == pair.alice.key());
    // The handshakes, and what was passed on.
    CHECK(one.packets == (one.from == pair.alice.key() ? 2 + 2 + 4 : 2 + 1 + 4));
  }
}

TEST_CASE("it lasts as long as was asked, between 0.4 and 2 seconds") {
  using std::chrono::hours;
  const struct {
    milliseconds asked;
    milliseconds expected;
  } rows[] = {
      {milliseconds(0), milliseconds(400)},
      {milliseconds(399), milliseconds(400)},
      {milliseconds(400), milliseconds(400)},
      {milliseconds(401), milliseconds(401)},
      {milliseconds(1999), milliseconds(1999)},
      {milliseconds(2000), milliseconds(2000)},
      {milliseconds(2001), milliseconds(2000)},
      {hours(24), milliseconds(2000)},
      {milliseconds(4'294'967'295), milliseconds(2000)},
  };
  for (const auto& row : rows) {
    CAPTURE(row.asked.count());
    Paused pair;
    CHECK(pair.pause(pair.bob, pair.alice, row.asked));
    pair.wait(row.expected - milliseconds(1));
    CHECK(pair.alice_sends(7) == Kind::drop);
    CHECK(pair.bob_sends(8) == Kind::drop);
    pair.wait(milliseconds(1));
    CHECK(pair.alice_sends(7) == Kind::forward);
    CHECK(pair.bob_sends(8) == Kind::forward);
  }
}

TEST_CASE("runs that the kernel joined are dropped whole, and cost the sender nothing") {
  Paused pair({.sender = 8'000, .total = 8'000});
  CHECK(pair.pause(pair.alice, pair.bob));
  Octets run = made_data(7, 45'000);
  const auto send = [&] {
    return pair.net.relay->receive(run, pair.alice.place, pair.net.clock.now.steady, 45).kind;
  };
  for (int i = 0; i < 10; ++i) CHECK(send() == Kind::drop);
  CHECK(pair.net.counters().paused == 450);
  pair.wait(milliseconds(400));
  CHECK(send() == Kind::forward);
  CHECK(pair.net.counters().over_rate + pair.net.counters().over_total == 0);
}

TEST_CASE("what was received together with the request is dropped, too") {
  Paused pair;
  Octets data = made_data(7);
  Relay::Arrival seen{.datagram = data, .path = &pair.alice.place};
  pair.net.relay->look_ahead(std::span(&seen, 1));
  CHECK(pair.pause(pair.alice, pair.bob));
  CHECK(pair.net.relay->receive(seen, pair.net.clock.now.steady, 1).kind == Kind::drop);
  pair.wait(milliseconds(400));
  CHECK(pair.net.relay->receive(seen, pair.net.clock.now.steady, 1).kind == Kind::forward);
}

TEST_CASE(
    "handshakes and cookies pass, and the data of a session that is made meanwhile does not") {
  Paused pair;
  CHECK(pair.pause(pair.alice, pair.bob));
  CHECK(pair.initiate(31) == Kind::forward);
  Octets cookie(noise::cookie_reply_octets);
  for (const noise::SessionIndex index : {31U, 8U}) {
    noise::write_cookie_reply(index, {}, Octets(32, 4), cookie);
    CHECK(pair.net.pass(cookie, pair.bob.place) == Kind::forward);
  }
  CHECK(pair.respond(30, 31) == Kind::forward);
  CHECK(pair.respond(40, 31) == Kind::forward);  // once more: alice has not used it
  CHECK(pair.alice_sends(30) == Kind::drop);
  CHECK(pair.bob_sends(31) == Kind::drop);
  CHECK(pair.net.counters().paused == 2);
  pair.wait(milliseconds(400));
  CHECK(pair.alice_sends(30) == Kind::forward);
  CHECK(pair.bob_sends(31) == Kind::forward);
}

TEST_CASE("two ends that rekey in a pause go on after it, in the new session") {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  net.connect(alice, bob);
  CHECK(net.relay->pause(bob.key(), alice.key(), milliseconds(0), net.clock.now.steady));
  net.clock.pass(milliseconds(100));
  REQUIRE(net.initiate(alice, bob));
  net.deliver_all();
  CHECK(net.counters().paused > 0);  // what an initiator sends at once
  CHECK_FALSE(net.pings(alice, bob));
  CHECK_FALSE(net.pings(bob, alice));
  net.clock.pass(milliseconds(400));
  CHECK(net.pings(alice, bob));
  CHECK(net.pings(bob, alice));
}

TEST_CASE("once in five seconds, from beginning to beginning, whoever asks") {
  for (const milliseconds length : {milliseconds(400), milliseconds(2000)}) {
    for (const bool is_same : {true, false}) {
      CAPTURE(length.count());
      CAPTURE(is_same);
      Paused pair;
      Peer& first = pair.alice;
      Peer& second = is_same ? pair.alice : pair.bob;
      Peer& other = is_same ? pair.bob : pair.alice;
      CHECK(pair.pause(first, pair.bob, length));
      pair.wait(length);
      CHECK_FALSE(pair.pause(second, other));
      CHECK(pair.alice_sends(7) == Kind::forward);
      pair.wait(seconds(5) - length - milliseconds(1));
      CHECK_FALSE(pair.pause(second, other));
      CHECK(pair.alice_sends(7) == Kind::forward);
      pair.wait(milliseconds(1));
      CHECK(pair.pause(second, other));
      CHECK(pair.alice_sends(7) == Kind::drop);
      CHECK(pair.net.counters().pauses == 2);
    }
  }
}

TEST_CASE("who asks again while it lasts is told so, and it is no longer for that") {
  Paused pair;
  Peer& carol = pair.net.add("203.0.113.30:4713");
  pair.make_session(carol, pair.alice, 50);
  CHECK(pair.pause(pair.alice, pair.bob));
  pair.wait(milliseconds(200));
  CHECK_FALSE(pair.pause(pair.bob, pair.alice));
  CHECK(pair.pause(pair.alice, pair.bob, milliseconds(2000)));
  CHECK(pair.net.counters().pauses == 1);
  CHECK(pair.pause(pair.alice, carol));  // another pair
  CHECK(pair.net.counters().pauses == 2);
  pair.wait(milliseconds(199));
  CHECK(pair.pause(pair.alice, pair.bob));
  CHECK(pair.alice_sends(7) == Kind::drop);
  pair.wait(milliseconds(1));
  CHECK_FALSE(pair.pause(pair.alice, pair.bob));
  CHECK(pair.alice_sends(7) == Kind::forward);
  CHECK(pair.net.pass(made_data(50), carol.place) == Kind::drop);
  // The other side, too.
  pair.wait(seconds(5));
  CHECK(pair.pause(pair.bob, pair.alice));
  CHECK_FALSE(pair.pause(pair.alice, pair.bob));
  CHECK(pair.pause(pair.bob, pair.alice));
  CHECK(pair.net.counters().pauses == 3);
}

TEST_CASE("without two peers and a session between them there is none") {
  Paused pair;
  Peer& carol = pair.net.add("203.0.113.30:4713");
  const auto now = [&] { return pair.net.clock.now.steady; };
  const wg::PublicKey stranger = noise::KeyPair::draw().public_key();
  const wg::PublicKey point = pair.net.point.public_key();
  for (const wg::PublicKey& other : {stranger, point, pair.alice.key(), carol.key()}) {
    CAPTURE(other.to_base64());
    CHECK_FALSE(pair.net.relay->pause(pair.alice.key(), other, milliseconds(400), now()));
    CHECK_FALSE(pair.net.relay->pause(other, pair.alice.key(), milliseconds(400), now()));
  }
  SUBCASE("an initiation is none") {
    REQUIRE(pair.net.pass(made_initiation(carol, 60), pair.alice.place) == Kind::forward);
    CHECK_FALSE(pair.pause(pair.alice, carol));
    REQUIRE(pair.net.pass(made_response(pair.alice, 61, 60), carol.place) == Kind::forward);
    CHECK(pair.pause(pair.alice, carol));
  }
  SUBCASE("nor is one that is over") {
    pair.wait(rules::session_life - milliseconds(1));
    CHECK(pair.pause(pair.alice, pair.bob));
    pair.wait(seconds(5));
    CHECK_FALSE(pair.pause(pair.alice, pair.bob));
  }
  SUBCASE("who is removed has none") {
    pair.net.relay->remove_peer(pair.bob.key());
    CHECK_FALSE(pair.pause(pair.alice, pair.bob));
    CHECK_FALSE(pair.pause(pair.bob, pair.alice));
  }
  SUBCASE("what is refused leaves nothing behind") {
    Net empty;
    Peer& dave = empty.add("203.0.113.40:4714");
    Peer& erin = empty.add("203.0.113.50:4715");
    CHECK_FALSE(empty.relay->pause(dave.key(), erin.key(), milliseconds(400), now()));
    CHECK(!empty.relay->next_deadline().has_value());
    CHECK(pair.net.counters().pauses == 0);
  }
}

TEST_CASE("other pairs are not touched, also under the same index") {
  Paused pair;
  Peer& carol = pair.net.add("203.0.113.30:4713");
  pair.make_session(pair.bob, carol, 7);  // bob sends to carol under what alice sends under
  pair.make_session(pair.alice, carol, 40);
  const auto bob_sends = [&] { return pair.net.pass(made_data(7), pair.bob.place); };
  REQUIRE(bob_sends() == Kind::forward);
  SUBCASE("the pair whose lane it is") {
    CHECK(pair.pause(pair.alice, pair.bob));
    CHECK(pair.alice_sends(7) == Kind::drop);
    CHECK(bob_sends() == Kind::forward);
  }
  SUBCASE("the other one") {
    CHECK(pair.pause(carol, pair.bob));
    CHECK(pair.alice_sends(7) == Kind::forward);
    CHECK(bob_sends() == Kind::drop);
  }
  CHECK(pair.alice_sends(40) == Kind::forward);
  CHECK(pair.net.pass(made_data(41), carol.place) == Kind::forward);
  CHECK(pair.net.pass(made_data(77), pair.alice.place) == Kind::not_relayed);
}

TEST_CASE("one peer has eight at once, and may be the other one of any number") {
  Paused pair;
  std::vector<Peer*> others;
  for (noise::SessionIndex i = 0; i < 10; ++i) {
    others.push_back(&pair.net.add("203.0.113.6" + std::to_string(i) + ":1"));
    pair.make_session(pair.alice, *others.back(), 100 + 2 * i);
  }
  CHECK(pair.pause(pair.alice, *others[0]));
  for (std::size_t i = 1; i < 8; ++i) CHECK(pair.pause(pair.alice, *others[i], milliseconds(2000)));
  CHECK_FALSE(pair.pause(pair.alice, *others[8]));
  CHECK(pair.net.pass(made_data(116), pair.alice.place) == Kind::forward);
  CHECK(pair.pause(pair.alice, *others[7]));  // asked again
  CHECK(pair.pause(*others[9], pair.alice));
  pair.wait(milliseconds(399));
  CHECK_FALSE(pair.pause(pair.alice, *others[8]));
  pair.wait(milliseconds(1));  // the first is over
  CHECK(pair.pause(pair.alice, *others[8]));
  CHECK_FALSE(pair.pause(pair.alice, pair.bob));
  pair.wait(milliseconds(1600));
  CHECK(pair.pause(pair.alice, pair.bob));
  CHECK(pair.net.counters().pauses == 11);
}

TEST_CASE("nothing is left of it when one of both is removed") {
  for (const bool is_asker : {true, false}) {
    CAPTURE(is_asker);
    Paused pair;
    Peer& gone = is_asker ? pair.alice : pair.bob;
    Peer& stays = is_asker ? pair.bob : pair.alice;
    CHECK(pair.pause(pair.alice, pair.bob, milliseconds(2000)));
    pair.net.relay->remove_peer(gone.key());
    CHECK(pair.alice_sends(7) != Kind::forward);
    // Another pair in its place.
    Peer& carol = pair.net.add("203.0.113.30:4713");
    pair.make_session(stays, carol, 40);
    CHECK(pair.net.pass(made_data(40), stays.place) == Kind::forward);
    CHECK(pair.pause(stays, carol));
    CHECK(pair.net.pass(made_data(40), stays.place) == Kind::drop);
    // The same pair again.
    pair.net.know(gone);
    pair.make_session(50);
    CHECK(pair.alice_sends(50) == Kind::forward);
    CHECK(pair.pause(pair.bob, pair.alice));
    CHECK(pair.alice_sends(50) == Kind::drop);
  }
}

TEST_CASE("sessions of the run before have pauses, too") {
  Paused pair;
  std::vector<dnsd::RelayRoute> routes;
  for (const auto& change : pair.net.relay->take_changes())
    routes.insert(routes.end(), change.routes.begin(), change.routes.end());
  REQUIRE(routes.size() == 2);
  SUBCASE("after a restart") {
    pair.net.restart();
    for (const auto& route : routes) pair.net.relay->restore(route, pair.net.clock.now.steady);
    CHECK(pair.pause(pair.alice, pair.bob));
  }
  SUBCASE("a route that comes back in a pause") {
    CHECK(pair.pause(pair.alice, pair.bob));
    for (dnsd::RelayRoute& route : routes) {
      route.index += 40;
      pair.net.relay->restore(route, pair.net.clock.now.steady);
    }
    CHECK(pair.alice_sends(47) == Kind::drop);
    CHECK(pair.bob_sends(48) == Kind::drop);
  }
  CHECK(pair.alice_sends(7) == Kind::drop);
  CHECK(pair.bob_sends(8) == Kind::drop);
  pair.wait(milliseconds(400));
  CHECK(pair.alice_sends(7) == Kind::forward);
  CHECK(pair.bob_sends(8) == Kind::forward);
}

TEST_CASE("what may be adopted waits for the end, whether it was asked for before or meanwhile") {
  for (const bool is_before : {true, false}) {
    CAPTURE(is_before);
    Paused pair;
    const Net& net = pair.net;
    const auto adopt = [&] {
      CHECK(net.relay->adopt(pair.bob.key(), pair.alice.key(), net.clock.now.steady));
    };
    if (is_before) adopt();
    CHECK(pair.pause(pair.alice, pair.bob));
    if (!is_before) adopt();
    for (int i = 0; i < 20; ++i) {
      CHECK(pair.alice_sends(70) == Kind::drop);
      CHECK(pair.bob_sends(71) == Kind::drop);
    }
    CHECK(net.counters().paused == 40);
    pair.wait(milliseconds(400));
    CHECK(pair.alice_sends(70) == Kind::forward);
    CHECK(pair.bob_sends(71) == Kind::forward);
    CHECK(net.counters().adopted == 1);
    CHECK(net.counters().unadopted == 0);
  }
}

TEST_CASE(
    "a session with another peer is adopted meanwhile, where it is clear that it is no other") {
  Paused pair;
  Net& net = pair.net;
  Peer& carol = net.add("203.0.113.30:4713");
  const auto adopt = [&](Peer& other) {
    CHECK(net.relay->adopt(pair.alice.key(), other.key(), net.clock.now.steady));
  };
  const auto carol_sends = [&] { return net.pass(made_data(73), carol.place); };
  adopt(carol);
  CHECK(pair.pause(pair.alice, pair.bob));
  SUBCASE("alice's is carol's alone") {
    CHECK(pair.alice_sends(72) == Kind::forward);
    CHECK(net.in_flight.back().first == carol.place);
    CHECK(carol_sends() == Kind::forward);
    CHECK(net.counters().adopted == 1);
  }
  SUBCASE("alice's may be bob's") {
    adopt(pair.bob);
    CHECK(carol_sends() == Kind::forward);
    CHECK(pair.alice_sends(72) == Kind::forward);
    CHECK(net.in_flight.back().first == carol.place);
    CHECK(net.counters().adopted == 0);
    CHECK(net.counters().paused == 0);
    CHECK(pair.bob_sends(71) == Kind::drop);
    CHECK(net.counters().paused == 1);
  }
}

TEST_CASE("a pair that had a pause is kept until it may have the next one") {
  Paused pair;
  Net& net = pair.net;
  pair.wait(rules::session_life - milliseconds(1));
  CHECK(pair.pause(pair.alice, pair.bob));
  pair.wait(milliseconds(500));
  // More pairs of alice, each of which takes the place of one that is idle.
  for (std::size_t i = 0; i < rules::pairs_per_peer; ++i) {
    base::Octets32 octets{1, 2, static_cast<std::uint8_t>(i / 256), static_cast<std::uint8_t>(i)};
    net.relay->add_peer(wg::PublicKey(octets));
    (void)net.relay->adopt(pair.alice.key(), wg::PublicKey(octets), net.clock.now.steady);
  }
  pair.make_session(40);
  CHECK_FALSE(pair.pause(pair.alice, pair.bob));
  pair.wait(milliseconds(4500));
  CHECK(pair.pause(pair.alice, pair.bob));
}

}  // namespace
