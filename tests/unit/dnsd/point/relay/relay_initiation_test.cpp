// For whom an initiation is, how many pass, and cookies in a recipient's name.

#include <doctest/doctest.h>

#include <algorithm>

#include "dnsd/point/relay/relay.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "noise/mac_checker.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

using namespace relay_test;
namespace rules = dnsd::relay_rules;

struct Two {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
};

/// An initiation that anybody can make: only its mac1 is right.
Octets forged_initiation(const wg::PublicKey& receiver, noise::SessionIndex index) {
  Octets result(noise::initiation_octets, 0x55);
  std::copy_n(Octets{1, 0, 0, 0}.begin(), 4, result.begin());
  for (std::size_t i = 0; i < 4; ++i) result[4 + i] = static_cast<std::uint8_t>(index >> (8U * i));
  std::fill(result.end() - 16, result.end(), std::uint8_t{0});
  noise::MacWriter().write(receiver, {}, result);
  return result;
}

/// Keys at places of their own that do nothing.
void add_strangers(Net& net, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    base::Octets32 octets{};
    noise::fill_random(octets);
    const wg::PublicKey key(octets);
    net.relay->add_peer(key);
    net.relay->set_place(
        key,
        {{base::IpAddress(std::array<std::uint8_t, 4>{10, 0, static_cast<std::uint8_t>(i >> 8U),
                                                      static_cast<std::uint8_t>(i)}),
          base::Port{1}},
         {}},
        net.clock.now.steady);
  }
}

TEST_CASE("crossing initiations: one of both is held back, and there is a session at once") {
  Two two;
  REQUIRE(two.net.initiate(two.alice, two.bob));
  REQUIRE(two.net.initiate(two.bob, two.alice));
  two.net.deliver_all();
  CHECK(two.net.counters().crossing == 1);
  CHECK(two.net.pings(two.alice, two.bob));
  CHECK(two.net.pings(two.bob, two.alice));
}

TEST_CASE("the other direction is held back for a second, and once in six") {
  Two two;
  Net& net = two.net;
  CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::forward);
  SUBCASE("as long as it is under way") {
    net.clock.pass(milliseconds(999));
    CHECK(net.pass(net.initiation(two.bob, two.alice), two.bob.place) == Kind::drop);
    // At once again, as who lost its first one does.
    CHECK(net.pass(net.initiation(two.bob, two.alice), two.bob.place) == Kind::forward);
    net.clock.pass(seconds(5));
    CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::forward);
    CHECK(net.pass(net.initiation(two.bob, two.alice), two.bob.place) == Kind::forward);
    net.clock.pass(seconds(2));
    CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::forward);
    CHECK(net.pass(net.initiation(two.bob, two.alice), two.bob.place) == Kind::drop);
  }
  SUBCASE("not later") {
    net.clock.pass(seconds(1));
    CHECK(net.pass(net.initiation(two.bob, two.alice), two.bob.place) == Kind::forward);
  }
  SUBCASE("not after its response") {
    net.step();
    net.step();
    CHECK(net.pass(net.initiation(two.bob, two.alice), two.bob.place) == Kind::forward);
  }
}

TEST_CASE("4 initiations at once and 2 per second pass, then there is a cookie") {
  Two two;
  Net& net = two.net;
  for (int i = 0; i < 4; ++i)
    CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::forward);
  CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::reply);
  net.clock.pass(milliseconds(500));
  CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::forward);
  CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::reply);
  CHECK(net.relay->reply().size() == noise::cookie_reply_octets);
  CHECK(net.counters().cookies == 2);
  // Of another ordered pair they say nothing.
  CHECK(net.pass(net.initiation(two.bob, two.alice), two.bob.place) != Kind::reply);
}

TEST_CASE("who was given the cookie gets through, also while its place is forged") {
  Two two;
  Net& net = two.net;
  noise::SessionIndex index = 1;
  const auto flood = [&] {
    for (int i = 0; i < 20; ++i)
      net.pass(forged_initiation(two.bob.key(), index++), two.alice.place);
  };
  flood();
  REQUIRE(net.initiate(two.alice, two.bob, 2));
  net.step();
  net.step();
  CHECK(two.alice.accepted() == 0);
  for (int i = 0; i < 54; ++i) {
    flood();
    net.pass_time(milliseconds(100));
    net.step();
  }
  net.deliver_all();
  CHECK(two.alice.accepted() >= 1);
  CHECK(net.pings(two.alice, two.bob));
  CHECK(net.pings(two.bob, two.alice));
  CHECK(two.bob.end.engine.counters().cookies == 0);
}

TEST_CASE("a cookie of ours is taken out, and counts at its place alone") {
  Two two;
  Net& net = two.net;
  Peer& carol = net.add("203.0.113.30:4713");
  for (int i = 0; i < 4; ++i) (void)net.pass(net.initiation(two.alice, two.bob), two.alice.place);
  const Octets asked = net.initiation(two.alice, two.bob);
  REQUIRE(net.pass(asked, two.alice.place) == Kind::reply);
  const auto reply = noise::parse_message(net.relay->reply());
  noise::MacWriter writer;
  Octets copy = asked;
  writer.write(two.bob.key(), net.clock.now.steady, copy);
  REQUIRE(copy == asked);
  REQUIRE(writer.take(two.bob.key(), std::get<noise::CookieReply>(*reply), net.clock.now.steady));
  noise::SessionIndex index = 100;
  const auto proven = [&](const wg::PublicKey& receiver) {
    Octets result = forged_initiation(receiver, index++);
    writer.write(receiver, net.clock.now.steady, result);
    CHECK(std::any_of(result.end() - 16, result.end(), [](auto octet) { return octet != 0; }));
    return result;
  };
  net.in_flight.clear();
  const Octets original = proven(two.bob.key());
  CHECK(net.pass(original, two.alice.place) == Kind::forward);
  Octets expected = original;
  std::fill(expected.end() - 16, expected.end(), std::uint8_t{0});
  CHECK(net.in_flight.back().second == expected);
  SUBCASE("from another place it is nothing, and left alone") {
    const Octets foreign = proven(two.bob.key());
    CHECK(net.pass(foreign, carol.place) == Kind::forward);
    CHECK(net.in_flight.back().second == foreign);
    for (int i = 0; i < 3; ++i) (void)net.pass(proven(two.bob.key()), carol.place);
    CHECK(net.pass(proven(two.bob.key()), carol.place) == Kind::reply);
  }
  SUBCASE("so many pass, no more: nobody is flooded with them") {
    for (int i = 0; i < 3; ++i)
      CHECK(net.pass(proven(two.bob.key()), two.alice.place) == Kind::forward);
    CHECK(net.pass(proven(two.bob.key()), two.alice.place) == Kind::drop);
    CHECK(net.counters().too_many_initiations == 1);
    net.clock.pass(milliseconds(500));
    CHECK(net.pass(proven(two.bob.key()), two.alice.place) == Kind::forward);
  }
  SUBCASE("after two minutes it is old") {
    net.clock.pass(seconds(114));
    CHECK(net.pass(original, two.alice.place) == Kind::forward);
    net.clock.pass(seconds(6));
    net.see_all();
    const Octets old = original;
    CHECK(net.pass(old, two.alice.place) == Kind::forward);
    CHECK(net.in_flight.back().second == old);
  }
}

TEST_CASE("the recipient's own cookie passes, so many times") {
  Two two;
  Net& net = two.net;
  const Octets initiation = net.initiation(two.alice, two.bob);
  REQUIRE(net.pass(initiation, two.alice.place) == Kind::forward);
  const auto cookie = [&] {
    two.bob.end.engine.note_backlog(net.clock.now.steady);
    two.bob.end.receive({{}, initiation}, net.to_relay, net.clock.now);
    return net.sent(two.bob);
  };
  const Octets reply = cookie();
  REQUIRE(reply.size() == noise::cookie_reply_octets);
  for (int i = 0; i < 4; ++i) CHECK(net.pass(reply, two.bob.place) == Kind::forward);
  CHECK(net.pass(reply, two.bob.place) == Kind::drop);
  CHECK(net.counters().too_many_cookies == 1);
  // A cookie for a session of nobody.
  Octets other = reply;
  other[4] ^= 1U;
  CHECK(net.pass(other, two.bob.place) == Kind::not_relayed);
  CHECK(net.pass(reply, two.alice.place) == Kind::not_relayed);
}

TEST_CASE("a busy recipient: its cookie goes through the relay, and the next attempt succeeds") {
  Two two;
  Net& net = two.net;
  REQUIRE(net.initiate(two.alice, two.bob, 2));
  two.bob.end.engine.note_backlog(net.clock.now.steady);
  net.step();
  net.step();
  CHECK(two.bob.end.engine.counters().cookies == 1);
  net.pass_time(milliseconds(5400));
  two.bob.end.engine.note_backlog(net.clock.now.steady);
  net.deliver_all();
  CHECK(two.bob.end.engine.counters().cookies == 1);
  CHECK(net.pings(two.alice, two.bob));
}

TEST_CASE("among a thousand peers the first initiation arrives") {
  Two two;
  add_strangers(two.net, 1'000);
  for (int i = 0; i < 2; ++i) two.net.add("203.0.113.3" + std::to_string(i) + ":1");
  CHECK(two.net.pass(two.net.initiation(two.alice, *two.net.peers.back()), two.alice.place) ==
        Kind::forward);
}

TEST_CASE("searches are counted per sender; partners are found without one") {
  Two two;
  Net& net = two.net;
  net.connect(two.alice, two.bob);
  add_strangers(net, 500);
  const Octets nobodys = forged_initiation(noise::KeyPair::draw().public_key(), 1);
  const auto pass = [&] { return net.pass(nobodys, two.alice.place); };
  for (unsigned i = 0; i < rules::search_burst; ++i) CHECK(pass() == Kind::drop);
  CHECK(net.counters().no_recipient == rules::search_burst);
  CHECK(pass() == Kind::drop);
  CHECK(net.counters().searched_too_much == 1);
  net.clock.pass(seconds(1));
  CHECK(pass() == Kind::drop);
  CHECK(net.counters().no_recipient == rules::search_burst + 1);
  CHECK(pass() == Kind::drop);
  CHECK(net.counters().searched_too_much == 2);
  CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::forward);
  // Bob has his own.
  CHECK(net.pass(nobodys, two.bob.place) == Kind::drop);
  CHECK(net.counters().searched_too_much == 2);
}

TEST_CASE("above the budget a few keys are tried, somewhere: it is found in time") {
  Two two;
  Net& net = two.net;
  add_strangers(net, 500);
  const Octets nobodys = forged_initiation(noise::KeyPair::draw().public_key(), 1);
  for (unsigned i = 0; i < rules::search_burst; ++i) (void)net.pass(nobodys, two.alice.place);
  const Octets initiation = net.initiation(two.alice, two.bob);
  int tries = 1;
  while (net.pass(initiation, two.alice.place) != Kind::forward && tries < 20) ++tries;
  CHECK(tries <= 9);
}

TEST_CASE("in a small network no flood keeps a sender from its first contact") {
  Two two;
  Net& net = two.net;
  add_strangers(net, rules::keys_without_budget - 2);
  const Octets nobodys = forged_initiation(noise::KeyPair::draw().public_key(), 1);
  for (int i = 0; i < 1'000; ++i) (void)net.pass(nobodys, two.alice.place);
  CHECK(net.counters().searched_too_much == 0);
  CHECK(net.pass(net.initiation(two.alice, two.bob), two.alice.place) == Kind::forward);
}

}  // namespace
