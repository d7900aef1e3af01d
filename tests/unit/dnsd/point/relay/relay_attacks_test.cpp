// Attacks on the relay by people who know public keys, can write any source address, and see what
// passes. Octets out never exceed octets in, sessions in use stay, and new ones are made.
#include <doctest/doctest.h>

#include <cstring>
#include <optional>
#include <random>

#include "dnsd/point/relay/relay.hpp"
#include "noise/mac_checker.hpp"
#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

using namespace relay_test;

namespace {

constexpr std::size_t headers = 28;  // octets of IPv4 and UDP
constexpr std::size_t ask_back_octets = noise::initiation_octets + headers;

/// Makes what is right in form and in mac1, and keeps the books of what becomes of it.
class Attacker {
 public:
  explicit Attacker(Net& net) : net_(net) {}

  noise::SessionIndex draw() { return static_cast<noise::SessionIndex>(random_()); }
  noise::Path somewhere() {
    const auto host = draw() % 250 + 1;
    return path_of("198.18.7." + std::to_string(host) + ":" +
                   std::to_string(1024 + draw() % 60000));
  }

  Octets initiation(const wg::PublicKey& target, noise::SessionIndex sender) {
    Octets made(noise::initiation_octets);
    noise::write_initiation(sender, key(), Octets(48, 1), Octets(28, 2), made);
    noise::MacWriter().write(target, net_.clock.now.steady, made);
    return made;
  }
  Octets response(const wg::PublicKey& target, noise::SessionIndex sender,
                  noise::SessionIndex receiver) {
    Octets made(noise::response_octets);
    noise::write_response(sender, receiver, key(), Octets(16, 3), made);
    noise::MacWriter().write(target, net_.clock.now.steady, made);
    return made;
  }
  Octets cookie(noise::SessionIndex receiver) {
    Octets made(noise::cookie_reply_octets);
    noise::write_cookie_reply(receiver, {}, Octets(32, 4), made);
    return made;
  }
  static Octets data(noise::SessionIndex receiver, std::size_t size = 32) {
    Octets made(size, 5);
    noise::write_data_header(receiver, 1, base::MutableBytes(made).first(16));
    return made;
  }

  Kind send(Octets datagram, const noise::Path& from) {
    in += datagram.size() + headers;
    const auto verdict = net_.relay->receive(datagram, from, net_.clock.now.steady);
    ++sent;
    if (verdict.kind == Kind::forward) {
      ++forwarded;
      out += datagram.size() + headers;
      if (Peer* const peer = net_.at(*verdict.path); peer != nullptr && delivers)
        peer->end.receive({{}, datagram}, net_.to_relay, net_.clock.now);
    } else if (verdict.kind == Kind::reply) {
      ++replied;
      out += net_.relay->reply().size() + headers;
    } else if (verdict.kind == Kind::ask_back) {
      ++asked;
      out += ask_back_octets;
    }
    return verdict.kind;
  }

  std::size_t sent = 0;
  std::size_t forwarded = 0;
  std::size_t replied = 0;
  std::size_t asked = 0;
  std::size_t in = 0;
  std::size_t out = 0;
  bool delivers = true;  ///< what is passed on reaches the peer

 private:
  wg::PublicKey key() {
    std::array<std::uint8_t, 32> octets{};
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random_());
    return wg::PublicKey(octets);
  }

  Net& net_;
  std::mt19937 random_{20261130};
};

struct Scene {
  Scene() {
    net.connect(alice, bob);
    alice_sends = index_at(observe(alice, bob), 4);
    bob_sends = index_at(observe(bob, alice), 4);
  }
  /// Data of a session, which arrives, too.
  Octets observe(Peer& from, Peer& to) {
    REQUIRE(net.ping(from, to));
    Octets seen;
    for (wg_test::Datagram& one : from.end.take_sent()) {  // maybe a keepalive for another peer
      if (index_at(one.octets, 0) == 4) seen = one.octets;
      net.pass(std::move(one.octets), from.place);
    }
    arrive();
    REQUIRE(!seen.empty());
    return seen;
  }
  /// What is in flight, and what follows.
  void arrive() {
    net.step();
    net.deliver_all();
  }
  /// In the session that both have had from the beginning.
  void check_untouched() {
    CHECK(index_at(observe(alice, bob), 4) == alice_sends);
    CHECK(index_at(observe(bob, alice), 4) == bob_sends);
    CHECK(net.pings(alice, bob));
    CHECK(net.pings(bob, alice));
  }
  /// Seconds until `from` has a new session with `to`, while `attack` runs a hundred times a
  /// second.
  template <typename Attack>
  std::optional<double> meet(Peer& from, Peer& to, Attack attack) {
    REQUIRE(net.initiate(from, to, 20));
    const int before = to.inner_packets();
    for (int i = 0; i < 1500; ++i) {
      attack();
      net.deliver_all();
      if (net.ping(from, to)) {
        net.deliver_all();
        if (to.inner_packets() > before) return i * 0.01;
      }
      net.pass_time(milliseconds(10));
      net.see_all();
    }
    return std::nullopt;
  }

  Net net;
  Peer& alice = net.add("192.0.2.1:1001");
  Peer& bob = net.add("192.0.2.2:1002");
  Peer& carol = net.add("192.0.2.3:1003");
  Peer& dave = net.add("192.0.2.4:1004");
  Attacker attacker{net};
  noise::SessionIndex alice_sends{};
  noise::SessionIndex bob_sends{};
};

}  // namespace

TEST_CASE("attack: a stranger has nothing passed on, whatever index and key it uses") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 200; ++i) {
      for (const auto index : {attacker.draw(), scene.alice_sends, scene.bob_sends}) {
        attacker.send(Attacker::data(index), attacker.somewhere());
        attacker.send(attacker.cookie(index), attacker.somewhere());
        attacker.send(attacker.response(scene.alice.key(), attacker.draw(), index),
                      attacker.somewhere());
      }
      attacker.send(attacker.initiation(scene.bob.key(), attacker.draw()), attacker.somewhere());
    }
    scene.net.pass_time(seconds(1));
    scene.net.see_all();
  }
  CHECK(attacker.forwarded == 0);
  CHECK(attacker.replied == 0);
  CHECK(attacker.asked <= 22);  // both may have moved, and are asked once a second
  CHECK(attacker.out <= attacker.in);
  scene.check_untouched();
}

TEST_CASE("attack: guessed indices from a forged place are passed on to nobody") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  for (int i = 0; i < 5000; ++i) {
    attacker.send(Attacker::data(attacker.draw()), scene.alice.place);
    attacker.send(attacker.cookie(attacker.draw()), scene.alice.place);
    attacker.send(attacker.response(scene.bob.key(), attacker.draw(), attacker.draw()),
                  scene.alice.place);
  }
  CHECK(attacker.forwarded + attacker.replied + attacker.asked == 0);
  scene.check_untouched();
}

TEST_CASE("attack: initiations in a peer's place pass within its allowance; it gets in itself") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  SUBCASE("for a peer that it has no session with") {
    const auto taken = scene.meet(scene.alice, scene.carol, [&] {
      for (int i = 0; i < 10; ++i)
        attacker.send(attacker.initiation(scene.carol.key(), attacker.draw()), scene.alice.place);
    });
    REQUIRE(taken);
    CHECK(*taken <= 5.5);
    CHECK(attacker.forwarded <= 4 + 2 * (*taken + 1));
  }
  SUBCASE("for all others") {
    const auto taken = scene.meet(scene.alice, scene.carol, [&] {
      for (Peer* const one : {&scene.bob, &scene.carol, &scene.dave})
        attacker.send(attacker.initiation(one->key(), attacker.draw()), scene.alice.place);
    });
    REQUIRE(taken);
    CHECK(*taken <= 5.5);
    CHECK(attacker.forwarded <= 3 * (4 + 2 * (*taken + 1)));
  }
  SUBCASE("for keys that nobody has") {
    const auto taken = scene.meet(scene.alice, scene.carol, [&] {
      for (int i = 0; i < 10; ++i) {
        const auto nobody = noise::KeyPair::draw().public_key();
        attacker.send(attacker.initiation(nobody, attacker.draw()), scene.alice.place);
      }
    });
    REQUIRE(taken);
    CHECK(*taken <= 0.5);
    CHECK(attacker.forwarded + attacker.replied == 0);
  }
  CHECK(attacker.out <= attacker.in);
  scene.check_untouched();
}

TEST_CASE("attack: a registered peer that floods another keeps nobody else from it") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  const auto taken = scene.meet(scene.dave, scene.bob, [&] {
    for (int i = 0; i < 10; ++i) {
      attacker.send(attacker.initiation(scene.bob.key(), attacker.draw()), scene.carol.place);
      attacker.send(attacker.cookie(attacker.draw()), scene.carol.place);
    }
  });
  REQUIRE(taken);
  CHECK(*taken <= 0.5);
  CHECK(attacker.out <= attacker.in);
  scene.check_untouched();
}

TEST_CASE(
    "attack: forged handshakes in both places push out no session, and keep no new one away") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  attacker.delivers = false;
  const bool is_fed = [] {
    bool fed = false;
    SUBCASE("and nothing more") {
      fed = false;
    }
    SUBCASE("with data in the forged sessions") {
      fed = true;
    }
    return fed;
  }();
  std::vector<std::pair<noise::SessionIndex, noise::SessionIndex>> made;
  const auto attack = [&] {
    const auto sender = attacker.draw();
    const auto receiver = attacker.draw();
    if (attacker.send(attacker.initiation(scene.bob.key(), sender), scene.alice.place) ==
        Kind::forward)
      made.emplace_back(sender, receiver);
    attacker.send(attacker.response(scene.alice.key(), receiver, sender), scene.bob.place);
    if (!is_fed) return;
    for (const auto& [first, second] : made) {
      attacker.send(Attacker::data(second), scene.alice.place);
      attacker.send(Attacker::data(first), scene.bob.place);
    }
  };
  for (int i = 0; i < 3000; ++i) {
    attack();
    scene.net.pass_time(milliseconds(10));
    scene.net.see_all();
    if (i % 300 == 0) scene.check_untouched();
  }
  const auto taken = scene.meet(scene.alice, scene.bob, attack);
  REQUIRE(taken);
  CHECK(*taken <= 5.5);
  CHECK(attacker.out <= attacker.in);
}

TEST_CASE("attack: a handshake takes over no index that is in use") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  const noise::SessionIndex of_point = 0x01020304;
  scene.net.own.indices.insert(of_point);
  for (const auto taken : {of_point, scene.alice_sends}) {
    const auto sender = attacker.draw();
    CHECK(attacker.send(attacker.initiation(scene.carol.key(), sender), scene.alice.place) ==
          Kind::forward);
    CHECK(attacker.send(attacker.response(scene.alice.key(), taken, sender), scene.carol.place) ==
          Kind::drop);
  }
  // As the sender's index: what carol answers under.
  CHECK(attacker.send(attacker.initiation(scene.bob.key(), of_point), scene.carol.place) !=
        Kind::forward);
  CHECK(attacker.send(Attacker::data(of_point), scene.alice.place) == Kind::not_relayed);
  CHECK(scene.net.counters().collision == 3);
  scene.check_untouched();
}

TEST_CASE("attack: what was recorded passes within the allowance, from its own place alone") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  Net& net = scene.net;
  const Octets initiation = net.initiation(scene.alice, scene.carol);
  net.pass(initiation, scene.alice.place);
  scene.arrive();
  REQUIRE(net.pings(scene.alice, scene.carol));
  net.pass_time(seconds(10));
  net.see_all();
  for (int i = 0; i < 1000; ++i) {
    attacker.send(initiation, scene.alice.place);
    attacker.send(initiation, attacker.somewhere());
    attacker.send(initiation, scene.bob.place);
    if (i % 100 == 99) net.pass_time(milliseconds(10));
  }
  CHECK(attacker.forwarded <= 2 * 5);
  CHECK(attacker.out <= attacker.in);
  CHECK(net.pings(scene.alice, scene.carol));
  scene.check_untouched();
}

TEST_CASE("attack: pauses for ever silence the pair of who asks for them, two of five seconds") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  attacker.delivers = false;
  Net& net = scene.net;
  net.connect(scene.carol, scene.bob);
  const noise::SessionIndex carol_sends = index_at(scene.observe(scene.carol, scene.bob), 4);
  constexpr int per_second = 100;
  std::vector<int> dropped{0};  // of carol's, until each step
  for (int i = 0; i < 60 * per_second; ++i) {
    const auto ask = [&](const Peer& other) {
      (void)net.relay->pause(scene.carol.key(), other.key(), milliseconds(4'294'967'295),
                             net.clock.now.steady);
    };
    for (const auto& peer : net.peers) ask(*peer);
    const bool is_passed =
        attacker.send(Attacker::data(carol_sends), scene.carol.place) == Kind::forward;
    dropped.push_back(dropped.back() + (is_passed ? 0 : 1));
    REQUIRE(attacker.send(Attacker::data(scene.alice_sends), scene.alice.place) == Kind::forward);
    REQUIRE(attacker.send(Attacker::data(scene.bob_sends), scene.bob.place) == Kind::forward);
    net.clock.pass(milliseconds(1000 / per_second));
    net.see_all();
  }
  for (std::size_t i = 5 * per_second; i < dropped.size(); ++i)
    REQUIRE(dropped[i] - dropped[i - 5 * per_second] <= 2 * per_second);
  CHECK(dropped.back() == 12 * 2 * per_second);
  CHECK(net.counters().pauses == 12);
  CHECK(net.counters().paused == 12 * 2 * per_second);
}

TEST_CASE("attack: initiations between all peers fill tables that are bounded, and no others") {
  Scene scene;
  Attacker& attacker = scene.attacker;
  attacker.delivers = false;
  Net& net = scene.net;
  std::vector<std::pair<wg::PublicKey, noise::Path>> crowd;
  for (int i = 0; i < 50; ++i) {
    Octets octets(32);
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(attacker.draw());
    std::array<std::uint8_t, 32> key{};
    std::copy(octets.begin(), octets.end(), key.begin());
    crowd.emplace_back(wg::PublicKey(key), path_of("198.51.100.7:" + std::to_string(2000 + i)));
    net.relay->add_peer(crowd.back().first);
  }
  for (int i = 0; i < 4'000; ++i) {
    if (i % 1000 == 0) {
      net.pass_time(milliseconds(100));
      net.see_all();
      for (const auto& [key, place] : crowd) net.relay->set_place(key, place, net.clock.now.steady);
    }
    const auto& from = crowd[attacker.draw() % crowd.size()];
    const auto& to = crowd[attacker.draw() % crowd.size()];
    attacker.send(attacker.initiation(to.first, attacker.draw()), from.second);
  }
  CHECK(attacker.forwarded > 500);
  CHECK(attacker.out <= attacker.in);
  scene.check_untouched();
  const auto taken = scene.meet(scene.dave, scene.bob, [] {});
  REQUIRE(taken);
  CHECK(*taken <= 0.5);
}
