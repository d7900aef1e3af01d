#include <doctest/doctest.h>

#include <algorithm>

#include "noise/engine.hpp"
#include "tests/unit/lib/noise/engine_fixture.hpp"

// What strangers, replays and floods can do to an engine.

namespace {

using namespace wg_test;

TEST_CASE("an unregistered peer gets no answer") {
  Tunnel tunnel;
  tunnel.server.engine.remove_peer(tunnel.client.engine.public_key(), tunnel.clock.now.steady);
  tunnel.connect(home);
  CHECK(tunnel.server.engine.counters().unregistered == 1);
  CHECK(tunnel.client.out.events.empty());
  SUBCASE("and is served once it is") {
    tunnel.server.engine.add_peer(tunnel.client.engine.public_key(), {});
    tunnel.clock.pass(seconds(5));
    tunnel.connect(home);
    CHECK(tunnel.client.out.events.size() == 2);
  }
}

TEST_CASE("attack: an initiation cut at every length, or with any octet changed") {
  Tunnel tunnel;
  const Datagram initiation = initiation_of(tunnel);
  const Octets& octets = initiation.octets;
  for (std::size_t size = 0; size < octets.size(); ++size)
    tunnel.server.receive({home, Octets(octets.begin(), octets.begin() + static_cast<long>(size))},
                          home, tunnel.clock.now);
  CHECK(tunnel.server.engine.counters().malformed == octets.size());
  for (std::size_t i = 0; i < octets.size() - 16; ++i) {
    Datagram changed = initiation;
    changed.octets[i] ^= 0x80;
    tunnel.server.receive(changed, home, tunnel.clock.now);
  }
  Datagram longer = initiation;
  longer.octets.push_back(0);
  tunnel.server.receive(longer, home, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  CHECK(tunnel.server.engine.counters().wrong_mac1 == octets.size() - 4 - 16);
  // None of these packets was accepted as the peer's.
  tunnel.server.receive(initiation, home, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.size() == 1);
}

TEST_CASE("attack: a recorded initiation from another address") {
  Tunnel tunnel;
  const Datagram initiation = initiation_of(tunnel);
  tunnel.server.receive(initiation, home, tunnel.clock.now);
  tunnel.deliver_all(home);
  tunnel.server.out.events.clear();
  tunnel.clock.pass(seconds(1));
  tunnel.server.receive(initiation, elsewhere, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  CHECK(tunnel.server.engine.counters().old_timestamp == 1);

  const auto mark = tunnel.server.engine.mark(tunnel.client.engine.public_key());
  REQUIRE(mark.has_value());
  CHECK(tunnel.server.engine.take_marked() == std::vector{tunnel.client.engine.public_key()});
  CHECK(tunnel.server.engine.take_marked().empty());
  REQUIRE(tunnel.client_sends());  // its session is still at the old address
  tunnel.deliver_all(home);
  REQUIRE(tunnel.server.out.events.size() == 1);
  CHECK(tunnel.server.out.events[0].received.is_proven);
}

TEST_CASE("attack: recorded initiations, older and older ones in order, tell nothing of a clock") {
  Tunnel tunnel;
  tunnel.server.out.answers_old = true;
  const wg::PublicKey client = tunnel.client.engine.public_key();
  // Some were answered, some never arrived.
  std::vector<Datagram> recorded;
  for (int i = 0; i < 20; ++i, tunnel.clock.pass(seconds(5))) {
    recorded.push_back(initiation_of(tunnel));
    if (i % 2 == 0) tunnel.server.receive(recorded.back(), home, tunnel.clock.now);
    tunnel.deliver_all(home);
  }
  tunnel.connect(home);
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  SUBCASE("to the peer while it is there") {}
  SUBCASE("after its session") {
    tunnel.clock.pass(seconds(600));
    tunnel.server.engine.tick(tunnel.clock.now);
  }
  SUBCASE("after a new registration") {
    tunnel.server.engine.remove_peer(client, tunnel.clock.now.steady);
    tunnel.server.engine.add_peer(client, {});
  }
  const auto mark = tunnel.server.engine.mark(client);
  tunnel.server.out.events.clear();
  for (const Datagram& datagram : recorded) {
    tunnel.clock.pass(seconds(2));
    tunnel.server.receive(datagram, home, tunnel.clock.now);
    tunnel.deliver_all(home);
    tunnel.server.receive(datagram, elsewhere, tunnel.clock.now);
    tunnel.deliver_all(elsewhere);
  }
  CHECK(tunnel.server.out.behind.empty());
  CHECK(tunnel.server.out.events.empty());
  CHECK(tunnel.server.engine.mark(client) == mark);
}

TEST_CASE("attack: old initiations do not disturb a session, nor one that begins") {
  Tunnel tunnel;
  tunnel.server.out.answers_old = true;
  const Datagram old = initiation_of(tunnel);
  tunnel.clock.pass(seconds(5));
  tunnel.connect(home);
  tunnel.server.receive(old, elsewhere, tunnel.clock.now);
  (void)tunnel.server.take_sent();
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  CHECK(tunnel.server.out.events.back().received.is_proven);

  tunnel.clock.pass(seconds(130));
  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  tunnel.server.receive(old, elsewhere, tunnel.clock.now);
  tunnel.server.out.events.clear();
  tunnel.deliver_all(home);
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  CHECK_FALSE(tunnel.server.out.events.empty());
  CHECK(tunnel.server.engine.counters().unknown_session == 0);
}

TEST_CASE("attack: a recorded initiation after its peer was removed and added again") {
  Tunnel tunnel;
  const wg::PublicKey client = tunnel.client.engine.public_key();
  const Datagram initiation = initiation_of(tunnel);
  tunnel.server.receive(initiation, home, tunnel.clock.now);
  tunnel.deliver_all(home);
  (void)tunnel.server.engine.take_marked();
  tunnel.server.engine.remove_peer(client, tunnel.clock.now.steady);
  bool is_answered = false;
  SUBCASE("at once") {}
  SUBCASE("a day later, but for a second") {
    tunnel.clock.pass(std::chrono::hours(24) - seconds(1));
  }
  SUBCASE("a day later: nobody keeps it for ever") {
    tunnel.clock.pass(std::chrono::hours(24));
    is_answered = true;
  }
  tunnel.server.engine.tick(tunnel.clock.now);
  tunnel.server.engine.add_peer(client, {});
  // What survives a restart is told again.
  CHECK(tunnel.server.engine.take_marked().size() == (is_answered ? 0U : 1U));
  tunnel.server.receive(initiation, elsewhere, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.size() == (is_answered ? 1U : 0U));
  if (is_answered) return;
  tunnel.clock.pass(seconds(5));
  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.size() == 1);
}

TEST_CASE("a mark that was saved is respected by the next run") {
  wg::PrivateKey secret;
  noise::fill_random(secret.span());
  Clock clock;
  End client{{.answers_keepalives = false}};
  Recorder first_out;
  noise::Engine first(noise::KeyPair(secret), first_out, {});
  first.add_peer(client.engine.public_key(), {});
  client.engine.add_peer(first.public_key(), {});
  REQUIRE(client.engine.initiate(first.public_key(), home, 1, clock.now));
  const Datagram recorded = client.take_sent()[0];
  Octets octets = recorded.octets;
  first.receive(octets, home, clock.now);
  REQUIRE(first_out.sent.size() == 1);

  Recorder out;
  noise::Engine second(noise::KeyPair(secret), out, {});
  second.add_peer(client.engine.public_key(), {}, *first.mark(client.engine.public_key()));
  octets = recorded.octets;
  second.receive(octets, elsewhere, clock.now);
  CHECK(out.sent.empty());
  CHECK(second.counters().old_timestamp == 1);
}

TEST_CASE("attack: what we sent comes back to us") {
  Tunnel tunnel;
  tunnel.server.engine.add_peer(tunnel.server.engine.public_key(), {});  // even with our own key
  REQUIRE(
      tunnel.server.engine.initiate(tunnel.client.engine.public_key(), home, 1, tunnel.clock.now));
  for (Datagram& datagram : tunnel.server.take_sent())
    tunnel.server.receive(datagram, elsewhere, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  tunnel.clock.pass(seconds(6));
  const Datagram initiation = initiation_of(tunnel);
  tunnel.server.receive(initiation, home, tunnel.clock.now);
  const Datagram response = tunnel.server.out.sent.at(0);
  tunnel.server.receive(response, elsewhere, tunnel.clock.now);  // reflected
  tunnel.deliver_all(home);
  REQUIRE(tunnel.server.engine.send(tunnel.client.engine.public_key(), ping(), tunnel.clock.now));
  const Datagram data = tunnel.server.take_sent().at(0);
  tunnel.server.receive(data, elsewhere, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  CHECK(tunnel.server.out.events.size() == 1);
}

TEST_CASE("attack: data replayed, reordered, held back, changed, or for another index") {
  Tunnel tunnel;
  tunnel.connect(home);
  const Datagram first = data_of(tunnel, ping());
  const Datagram second = data_of(tunnel, ping());
  auto& events = tunnel.server.out.events;
  events.clear();
  tunnel.server.receive(second, home, tunnel.clock.now);
  REQUIRE(events.size() == 1);
  CHECK(events[0].received.is_newest);
  SUBCASE("replayed") {
    tunnel.server.receive(second, elsewhere, tunnel.clock.now);
    CHECK(events.size() == 1);
    CHECK(tunnel.server.engine.counters().replayed == 1);
  }
  SUBCASE("held back and released from another address: authentic, and moves nothing") {
    tunnel.server.receive(first, elsewhere, tunnel.clock.now);
    REQUIRE(events.size() == 2);
    CHECK_FALSE(events[1].received.is_newest);
    CHECK_FALSE(events[1].received.is_proven);
    tunnel.server.receive(first, elsewhere, tunnel.clock.now);
    CHECK(events.size() == 2);
  }
  SUBCASE("changed") {
    for (std::size_t i = noise::data_header_octets; i < first.octets.size(); ++i) {
      Datagram changed = first;
      changed.octets[i] ^= 1;
      tunnel.server.receive(changed, home, tunnel.clock.now);
    }
    CHECK(events.size() == 1);
    tunnel.server.receive(first, home, tunnel.clock.now);  // still valid
    CHECK(events.size() == 2);
  }
  SUBCASE("cut at every length") {
    for (std::size_t size = 0; size < first.octets.size(); ++size)
      tunnel.server.receive(
          {home, Octets(first.octets.begin(), first.octets.begin() + static_cast<long>(size))},
          home, tunnel.clock.now);
    CHECK(events.size() == 1);
  }
  SUBCASE("another index") {
    Datagram changed = first;
    changed.octets[4] ^= 1;
    tunnel.server.receive(changed, elsewhere, tunnel.clock.now);
    CHECK(events.size() == 1);
    REQUIRE(tunnel.server.out.unknown.size() == 1);
    CHECK(tunnel.server.out.unknown[0] == elsewhere);
  }
  CHECK(std::all_of(tunnel.server.out.sent.begin(), tunnel.server.out.sent.end(),
                    [](const Datagram& datagram) { return datagram.path == home; }));
}

TEST_CASE("attack: a peer that writes another's address on its data makes nobody write there") {
  Tunnel tunnel;
  tunnel.connect(home);
  tunnel.server.out.events.clear();
  REQUIRE(tunnel.client_sends());
  REQUIRE(tunnel.client_sends(ping()));
  for (Datagram& datagram : tunnel.client.take_sent())
    tunnel.server.receive(datagram, elsewhere, tunnel.clock.now);
  CHECK(tunnel.server.out.events.size() == 2);
  CHECK_FALSE(tunnel.server.out.events[0].received.is_proven);
  CHECK(tunnel.server.out.inner_packets.empty());
  tunnel.clock.pass(seconds(11));
  tunnel.server.engine.tick(tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
}

TEST_CASE("attack: a peer that begins handshakes without end costs 50 per second") {
  Tunnel tunnel;
  int answered = 0;
  for (int i = 0; i < 1000; ++i, tunnel.clock.pass(milliseconds(1))) {
    tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
    answered += static_cast<int>(tunnel.server.take_sent().size());
  }
  CHECK(answered == 50);
  CHECK(tunnel.server.engine.counters().limited == 950);
}

TEST_CASE("under load a peer must prove its address by a cookie, and gets through") {
  Tunnel tunnel;
  // A flood from a stranger that knows our public key and nothing else.
  End stranger;
  stranger.engine.add_peer(tunnel.server.engine.public_key(), {});
  const auto flood = [&](int count) {
    for (int i = 0; i < count; ++i) {
      (void)stranger.engine.initiate(tunnel.server.engine.public_key(), tunnel.to_server, 1,
                                     tunnel.clock.now);
      noise::Path spoofed = elsewhere;
      spoofed.remote.port = static_cast<base::Port>(1024 + i % 1000);
      for (Datagram& datagram : stranger.take_sent())
        tunnel.server.receive(datagram, spoofed, tunnel.clock.now);
    }
  };
  flood(201);
  CHECK(tunnel.server.engine.is_under_load(tunnel.clock.now.steady));
  CHECK(tunnel.server.engine.counters().cookies == 1);
  CHECK(tunnel.server.engine.counters().unregistered == 200);
  (void)tunnel.server.take_sent();

  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  auto reply = tunnel.server.take_sent();
  REQUIRE(reply.size() == 1);
  CHECK(reply[0].octets.size() == noise::cookie_reply_octets);
  SUBCASE("the cookie opens the door, from that address") {
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    tunnel.clock.pass(seconds(5));
    flood(300);
    (void)tunnel.server.take_sent();
    const Datagram again = initiation_of(tunnel);
    tunnel.server.receive(again, elsewhere, tunnel.clock.now);
    CHECK(tunnel.server.take_sent().at(0).octets.size() == noise::cookie_reply_octets);
    tunnel.server.receive(again, home, tunnel.clock.now);
    CHECK(tunnel.server.take_sent().at(0).octets.size() == noise::response_octets);
  }
  SUBCASE("a cookie reply that was changed, or comes twice, opens nothing") {
    Datagram changed = reply[0];
    changed.octets.back() ^= 1;
    tunnel.client.receive(changed, tunnel.to_server, tunnel.clock.now);
    CHECK(tunnel.client.engine.counters().not_authentic == 1);
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    CHECK(tunnel.client.engine.counters().not_authentic == 2);
  }
  SUBCASE("a flood in the name of a victim with its cookie stops at the source limit") {
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    int answered = 0;
    for (int i = 0; i < 100; ++i) {
      tunnel.clock.pass(milliseconds(1));
      flood(5);
      (void)tunnel.server.take_sent();
      tunnel.server.engine.reset_peer(tunnel.client.engine.public_key());
      tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
      answered += static_cast<int>(tunnel.server.take_sent().size());
    }
    CHECK(answered == 6);  // 5 at once, one more within 100 ms
  }
  SUBCASE("once the flood is over nobody is asked") {
    tunnel.clock.pass(milliseconds(1100));
    tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
    CHECK(tunnel.server.take_sent().at(0).octets.size() == noise::response_octets);
  }
}

TEST_CASE("a backlog is load, however few handshakes are in it") {
  Tunnel tunnel;
  tunnel.server.engine.note_backlog(tunnel.clock.now.steady);
  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  CHECK(tunnel.server.take_sent().at(0).octets.size() == noise::cookie_reply_octets);
  tunnel.clock.pass(seconds(1));
  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  CHECK(tunnel.server.take_sent().at(0).octets.size() == noise::response_octets);
}

}  // namespace
