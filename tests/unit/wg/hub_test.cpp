#include "wg/hub.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "hub_fixture.hpp"

namespace {

using namespace wg_test;
using Kind = wg::Received::Kind;

const wg::Path home = path_of("203.0.113.10:4711");
const wg::Path elsewhere = path_of("203.0.113.99:1111");

Octets ping() {
  return Octets(40, 0x45);
}

wg::PresharedKey some_psk(std::uint8_t octet) {
  wg::PresharedKey psk;
  std::fill(psk.span().begin(), psk.span().end(), octet);
  return psk;
}

/// The client's initiation, not delivered.
Datagram initiation_of(Tunnel& tunnel) {
  REQUIRE(tunnel.client.hub.initiate(tunnel.server.hub.public_key(), tunnel.to_server, 1,
                                     tunnel.clock.now));
  auto sent = tunnel.client.take_sent();
  REQUIRE(sent.size() == 1);
  return sent[0];
}

/// The one datagram that the client sends for a keepalive or an inner packet, not delivered.
Datagram data_of(Tunnel& tunnel, base::Bytes inner = {}) {
  REQUIRE(tunnel.client_sends(inner));
  auto sent = tunnel.client.take_sent();
  REQUIRE(sent.size() == 1);
  return sent[0];
}

TEST_CASE("a handshake, and the first packet confirms it where it was answered") {
  wg::PresharedKey psk;
  SUBCASE("without a preshared key") {}
  SUBCASE("with one") {
    psk = some_psk(7);
  }
  Tunnel tunnel(psk);
  const Datagram initiation = initiation_of(tunnel);
  CHECK(initiation.octets.size() == wg::initiation_octets);
  tunnel.server.receive(initiation, home, tunnel.clock.now);
  CHECK(tunnel.server.out.events.empty());  // an initiation alone proves no address
  REQUIRE(tunnel.server.out.sent.size() == 1);
  CHECK(tunnel.server.out.sent[0].octets.size() == wg::response_octets);
  CHECK(tunnel.server.out.sent[0].path == home);
  tunnel.deliver_all(home);
  REQUIRE(tunnel.server.out.events.size() == 1);
  const Event& event = tunnel.server.out.events[0];
  CHECK(event.peer == tunnel.client.hub.public_key());
  CHECK(event.received.kind == Kind::keepalive);
  CHECK(event.received.path == home);
  CHECK(event.received.is_newest);
  CHECK(event.received.is_proven);
}

TEST_CASE("different preshared keys make no session") {
  Tunnel tunnel(some_psk(1));
  tunnel.server.hub.add_peer(tunnel.client.hub.public_key(), some_psk(2));
  tunnel.connect(home);
  CHECK(tunnel.server.out.events.empty());
  CHECK(tunnel.client.out.events.empty());
  CHECK(tunnel.client.hub.counters().not_authentic == 1);
}

TEST_CASE("a keepalive is answered by a keepalive, at once") {
  Tunnel tunnel;
  tunnel.connect(home);
  tunnel.client.out.events.clear();
  CHECK(data_of(tunnel).octets.size() == wg::keepalive_octets);
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  REQUIRE(tunnel.client.out.events.size() == 1);
  CHECK(tunnel.client.out.events[0].received.kind == Kind::keepalive);
}

TEST_CASE("inner packets go both ways, padded to 16 octets") {
  Tunnel tunnel;
  tunnel.connect(home);
  REQUIRE(tunnel.client_sends(ping()));
  REQUIRE(tunnel.server.hub.send(tunnel.client.hub.public_key(), Octets(16, 1), tunnel.clock.now));
  tunnel.deliver_all(home);
  Octets padded = ping();
  padded.resize(48);
  REQUIRE(tunnel.server.out.inner_packets.size() == 1);
  CHECK(tunnel.server.out.inner_packets[0].second == padded);
  REQUIRE(tunnel.client.out.inner_packets.size() == 1);
  CHECK(tunnel.client.out.inner_packets[0].second == Octets(16, 1));
}

TEST_CASE("an inner packet that nobody answers is acknowledged by a keepalive after 10 s") {
  Tunnel tunnel;
  tunnel.connect(home);
  REQUIRE(tunnel.client_sends(ping()));
  tunnel.deliver_all(home);
  tunnel.client.out.events.clear();
  tunnel.clock.pass(milliseconds(9999));
  tunnel.server.hub.tick(tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  REQUIRE(tunnel.server.hub.next_deadline().has_value());
  tunnel.clock.pass(milliseconds(1));
  CHECK(*tunnel.server.hub.next_deadline() <= tunnel.clock.now.steady);
  tunnel.server.hub.tick(tunnel.clock.now);
  REQUIRE(tunnel.server.out.sent.size() == 1);
  CHECK(tunnel.server.out.sent[0].octets.size() == wg::keepalive_octets);
  tunnel.server.hub.tick(tunnel.clock.now);
  CHECK(tunnel.server.out.sent.size() == 1);
}

TEST_CASE("who is not registered gets silence") {
  Tunnel tunnel;
  tunnel.server.hub.remove_peer(tunnel.client.hub.public_key());
  tunnel.connect(home);
  CHECK(tunnel.server.hub.counters().unregistered == 1);
  CHECK(tunnel.client.out.events.empty());
  SUBCASE("and is served once it is") {
    tunnel.server.hub.add_peer(tunnel.client.hub.public_key(), {});
    tunnel.clock.pass(seconds(5));
    tunnel.connect(home);
    CHECK(tunnel.client.out.events.size() == 2);
  }
}

TEST_CASE("a peer that is removed, or gets another preshared key, has no session any more") {
  Tunnel tunnel;
  tunnel.connect(home);
  SUBCASE("removed") {
    tunnel.server.hub.remove_peer(tunnel.client.hub.public_key());
  }
  SUBCASE("changed") {
    tunnel.server.hub.add_peer(tunnel.client.hub.public_key(), some_psk(1));
  }
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  CHECK(tunnel.server.out.unknown.size() == 1);
  CHECK(tunnel.server.out.events.size() == 1);
}

TEST_CASE("adding a known peer again changes nothing") {
  Tunnel tunnel;
  tunnel.connect(home);
  tunnel.server.hub.add_peer(tunnel.client.hub.public_key(), {});
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  CHECK(tunnel.server.out.events.size() == 2);
}

// ---- attacks ----

TEST_CASE("attack: an initiation cut at every length, or with any octet changed") {
  Tunnel tunnel;
  const Datagram initiation = initiation_of(tunnel);
  const Octets& octets = initiation.octets;
  for (std::size_t size = 0; size < octets.size(); ++size)
    tunnel.server.receive({home, Octets(octets.begin(), octets.begin() + static_cast<long>(size))},
                          home, tunnel.clock.now);
  CHECK(tunnel.server.hub.counters().malformed == octets.size());
  for (std::size_t i = 0; i < octets.size() - 16; ++i) {
    Datagram changed = initiation;
    changed.octets[i] ^= 0x80;
    tunnel.server.receive(changed, home, tunnel.clock.now);
  }
  Datagram longer = initiation;
  longer.octets.push_back(0);
  tunnel.server.receive(longer, home, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  CHECK(tunnel.server.hub.counters().wrong_mac1 == octets.size() - 4 - 16);
  // None of this was taken for the peer's.
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
  CHECK(tunnel.server.hub.counters().old_timestamp == 1);

  const auto mark = tunnel.server.hub.mark(tunnel.client.hub.public_key());
  REQUIRE(mark.has_value());
  CHECK(tunnel.server.hub.take_marked() == std::vector{tunnel.client.hub.public_key()});
  CHECK(tunnel.server.hub.take_marked().empty());
  REQUIRE(tunnel.client_sends());  // its session stays where it was
  tunnel.deliver_all(home);
  REQUIRE(tunnel.server.out.events.size() == 1);
  CHECK(tunnel.server.out.events[0].received.is_proven);
}

TEST_CASE("a mark that was saved is respected by the next run") {
  wg::PrivateKey secret;
  wg::fill_random(secret.span());
  Clock clock;
  End client{{.answers_keepalives = false}};
  Recorder first_out;
  wg::Hub first(wg::KeyPair(secret), first_out, {});
  first.add_peer(client.hub.public_key(), {});
  client.hub.add_peer(first.public_key(), {});
  REQUIRE(client.hub.initiate(first.public_key(), home, 1, clock.now));
  const Datagram recorded = client.take_sent()[0];
  Octets octets = recorded.octets;
  first.receive(octets, home, clock.now);
  REQUIRE(first_out.sent.size() == 1);

  Recorder out;
  wg::Hub second(wg::KeyPair(secret), out, {});
  second.add_peer(client.hub.public_key(), {}, *first.mark(client.hub.public_key()));
  octets = recorded.octets;
  second.receive(octets, elsewhere, clock.now);
  CHECK(out.sent.empty());
  CHECK(second.counters().old_timestamp == 1);
}

TEST_CASE("attack: what we sent comes back to us") {
  Tunnel tunnel;
  tunnel.server.hub.add_peer(tunnel.server.hub.public_key(), {});  // even so
  REQUIRE(tunnel.server.hub.initiate(tunnel.client.hub.public_key(), home, 1, tunnel.clock.now));
  for (Datagram& datagram : tunnel.server.take_sent())
    tunnel.server.receive(datagram, elsewhere, tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  tunnel.clock.pass(seconds(6));
  const Datagram initiation = initiation_of(tunnel);
  tunnel.server.receive(initiation, home, tunnel.clock.now);
  const Datagram response = tunnel.server.out.sent.at(0);
  tunnel.server.receive(response, elsewhere, tunnel.clock.now);  // reflected
  tunnel.deliver_all(home);
  REQUIRE(tunnel.server.hub.send(tunnel.client.hub.public_key(), ping(), tunnel.clock.now));
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
    CHECK(tunnel.server.hub.counters().replayed == 1);
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
    for (std::size_t i = wg::data_header_octets; i < first.octets.size(); ++i) {
      Datagram changed = first;
      changed.octets[i] ^= 1;
      tunnel.server.receive(changed, home, tunnel.clock.now);
    }
    CHECK(events.size() == 1);
    tunnel.server.receive(first, home, tunnel.clock.now);  // still good
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
  tunnel.server.hub.tick(tunnel.clock.now);
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
  CHECK(tunnel.server.hub.counters().limited == 950);
}

TEST_CASE("under load a peer must prove its address by a cookie, and gets through") {
  Tunnel tunnel;
  // A flood by somebody who knows our public key and nothing else.
  End stranger;
  stranger.hub.add_peer(tunnel.server.hub.public_key(), {});
  const auto flood = [&](int count) {
    for (int i = 0; i < count; ++i) {
      (void)stranger.hub.initiate(tunnel.server.hub.public_key(), tunnel.to_server, 1,
                                  tunnel.clock.now);
      wg::Path spoofed = elsewhere;
      spoofed.remote.port = static_cast<base::Port>(1024 + i % 1000);
      for (Datagram& datagram : stranger.take_sent())
        tunnel.server.receive(datagram, spoofed, tunnel.clock.now);
    }
  };
  flood(201);
  CHECK(tunnel.server.hub.is_under_load(tunnel.clock.now.steady));
  CHECK(tunnel.server.hub.counters().cookies == 1);
  CHECK(tunnel.server.hub.counters().unregistered == 200);
  (void)tunnel.server.take_sent();

  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  auto reply = tunnel.server.take_sent();
  REQUIRE(reply.size() == 1);
  CHECK(reply[0].octets.size() == wg::cookie_reply_octets);
  SUBCASE("the cookie opens the door, from that address") {
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    tunnel.clock.pass(seconds(5));
    flood(300);
    (void)tunnel.server.take_sent();
    const Datagram again = initiation_of(tunnel);
    tunnel.server.receive(again, elsewhere, tunnel.clock.now);
    CHECK(tunnel.server.take_sent().at(0).octets.size() == wg::cookie_reply_octets);
    tunnel.server.receive(again, home, tunnel.clock.now);
    CHECK(tunnel.server.take_sent().at(0).octets.size() == wg::response_octets);
  }
  SUBCASE("a cookie reply that was changed, or comes twice, opens nothing") {
    Datagram changed = reply[0];
    changed.octets.back() ^= 1;
    tunnel.client.receive(changed, tunnel.to_server, tunnel.clock.now);
    CHECK(tunnel.client.hub.counters().not_authentic == 1);
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    CHECK(tunnel.client.hub.counters().not_authentic == 2);
  }
  SUBCASE("a flood in the name of a victim with its cookie stops at the source limit") {
    tunnel.client.receive(reply[0], tunnel.to_server, tunnel.clock.now);
    int answered = 0;
    for (int i = 0; i < 100; ++i) {
      tunnel.clock.pass(milliseconds(1));
      flood(5);
      (void)tunnel.server.take_sent();
      tunnel.server.hub.reset_peer(tunnel.client.hub.public_key());
      tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
      answered += static_cast<int>(tunnel.server.take_sent().size());
    }
    CHECK(answered == 6);  // 5 at once, one more within 100 ms
  }
  SUBCASE("once the flood is over nobody is asked") {
    tunnel.clock.pass(milliseconds(1100));
    tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
    CHECK(tunnel.server.take_sent().at(0).octets.size() == wg::response_octets);
  }
}

TEST_CASE("a backlog is load, however few handshakes are in it") {
  Tunnel tunnel;
  tunnel.server.hub.note_backlog(tunnel.clock.now.steady);
  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  CHECK(tunnel.server.take_sent().at(0).octets.size() == wg::cookie_reply_octets);
  tunnel.clock.pass(seconds(1));
  tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
  CHECK(tunnel.server.take_sent().at(0).octets.size() == wg::response_octets);
}

// ---- we begin ----

TEST_CASE("an answer to our initiation proves the address that it was sent to") {
  Tunnel tunnel;
  REQUIRE(tunnel.server.hub.initiate(tunnel.client.hub.public_key(), home, 1, tunnel.clock.now));
  const Datagram initiation = tunnel.server.take_sent().at(0);
  CHECK(initiation.path == home);
  tunnel.client.receive(initiation, tunnel.to_server, tunnel.clock.now);
  const Datagram response = tunnel.client.take_sent().at(0);
  SUBCASE("from there") {
    tunnel.server.receive(response, home, tunnel.clock.now);
    REQUIRE(tunnel.server.out.events.size() == 1);
    CHECK(tunnel.server.out.events[0].received.kind == Kind::response);
    CHECK(tunnel.server.out.events[0].received.is_proven);
    // It gets a keepalive at once, and may use the session.
    tunnel.deliver_all(home);
    CHECK(tunnel.client.out.events.size() == 1);
    CHECK(tunnel.client_sends());
    // The answer again is for nobody.
    tunnel.server.receive(response, home, tunnel.clock.now);
    CHECK(tunnel.server.hub.counters().unknown_session == 1);
  }
  SUBCASE("and no other one") {
    tunnel.server.receive(response, elsewhere, tunnel.clock.now);
    REQUIRE(tunnel.server.out.events.size() == 1);
    CHECK_FALSE(tunnel.server.out.events[0].received.is_proven);
    CHECK(tunnel.server.out.sent.empty());
  }
  SUBCASE("changed in any octet it is nothing, and the real one still counts") {
    for (std::size_t i = 0; i < response.octets.size() - 16; ++i) {
      Datagram changed = response;
      changed.octets[i] ^= 1;
      tunnel.server.receive(changed, home, tunnel.clock.now);
    }
    CHECK(tunnel.server.out.events.empty());
    tunnel.server.receive(response, home, tunnel.clock.now);
    CHECK(tunnel.server.out.events.size() == 1);
  }
}

TEST_CASE("attempts are repeated after 5 s to 5.333 s, and end") {
  Tunnel tunnel;
  REQUIRE(tunnel.server.hub.initiate(tunnel.client.hub.public_key(), home, 3, tunnel.clock.now));
  int sent = 0;
  for (int i = 0; i < 40'000; i += 10, tunnel.clock.pass(milliseconds(10))) {
    tunnel.server.hub.tick(tunnel.clock.now);
    const auto count = static_cast<int>(tunnel.server.take_sent().size());
    sent += count;
    if (count > 0 && sent == 2) CHECK((i >= 5000 && i <= 5340));
  }
  CHECK(sent == 3);
}

TEST_CASE("both begin at the same instant: one session comes of it") {
  Tunnel tunnel;
  REQUIRE(tunnel.client.hub.initiate(tunnel.server.hub.public_key(), tunnel.to_server, 1,
                                     tunnel.clock.now));
  REQUIRE(tunnel.server.hub.initiate(tunnel.client.hub.public_key(), home, 1, tunnel.clock.now));
  tunnel.deliver_all(home);
  tunnel.server.out.inner_packets.clear();
  REQUIRE(tunnel.client_sends(ping()));
  REQUIRE(tunnel.server.hub.send(tunnel.client.hub.public_key(), ping(), tunnel.clock.now));
  tunnel.deliver_all(home);
  CHECK(tunnel.server.out.inner_packets.size() == 1);
  CHECK(tunnel.client.out.inner_packets.size() == 1);
}

TEST_CASE("our own timestamps rise, whatever our clock does") {
  Tunnel tunnel;
  tunnel.connect(home);
  const wg::Tai64n before = tunnel.client.hub.last_timestamp();
  tunnel.clock.now.wall -= std::chrono::hours(1);
  tunnel.clock.pass(seconds(5));
  tunnel.connect(home);
  CHECK(tunnel.client.hub.last_timestamp() > before);
  CHECK(tunnel.server.out.events.size() == 2);
  CHECK(tunnel.server.hub.counters().old_timestamp == 0);
}

TEST_CASE("a peer whose clock fell back is reported, and accepted after a reset") {
  Tunnel tunnel;
  tunnel.connect(home);
  // The peer restarted with its clock an hour behind.
  wg::PrivateKey secret;
  wg::fill_random(secret.span());
  Recorder out;
  wg::Hub peer(wg::KeyPair(secret), out, {});
  peer.add_peer(tunnel.server.hub.public_key(), {});
  tunnel.server.hub.add_peer(peer.public_key(), {},
                             wg::Tai64n(tunnel.clock.now.wall + std::chrono::hours(1)));
  const auto send = [&] {
    (void)peer.initiate(tunnel.server.hub.public_key(), tunnel.to_server, 1, tunnel.clock.now);
    const Datagram datagram = out.sent.back();
    tunnel.server.receive(datagram, home, tunnel.clock.now);
    return datagram;
  };
  const Datagram recorded = send();
  CHECK(tunnel.server.out.behind.empty());  // one alone may be a replay
  tunnel.server.receive(recorded, elsewhere, tunnel.clock.now);
  CHECK(tunnel.server.out.behind.empty());
  tunnel.clock.pass(seconds(5));
  (void)send();
  REQUIRE(tunnel.server.out.behind.size() == 1);
  CHECK(tunnel.server.out.behind[0].first == peer.public_key());
  CHECK(tunnel.server.out.behind[0].second == seconds(3595));
  CHECK(tunnel.server.out.sent.empty());
  tunnel.server.hub.reset_peer(peer.public_key());
  tunnel.clock.pass(seconds(5));
  (void)send();
  CHECK(tunnel.server.out.sent.size() == 1);
}

TEST_CASE("a session is dead after 180 s, and its keys are wiped 540 s after the handshake") {
  Tunnel tunnel;
  tunnel.connect(home);
  tunnel.clock.pass(seconds(179));
  CHECK(tunnel.server.hub.send(tunnel.client.hub.public_key(), ping(), tunnel.clock.now));
  const Datagram late = tunnel.server.take_sent().at(0);
  tunnel.clock.pass(seconds(1));
  CHECK_FALSE(tunnel.server.hub.send(tunnel.client.hub.public_key(), ping(), tunnel.clock.now));
  tunnel.client.out.inner_packets.clear();
  tunnel.client.receive(late, tunnel.to_server, tunnel.clock.now);
  CHECK(tunnel.client.out.inner_packets.empty());
  REQUIRE(tunnel.server.hub.next_deadline().has_value());
  tunnel.clock.pass(seconds(361));
  tunnel.server.hub.tick(tunnel.clock.now);
  CHECK_FALSE(tunnel.server.hub.next_deadline().has_value());
}

TEST_CASE("data that is sent without any answer makes a new handshake after 15 s") {
  Tunnel tunnel;
  tunnel.connect(home);
  REQUIRE(tunnel.client_sends(ping()));
  (void)tunnel.client.take_sent();  // lost
  tunnel.clock.pass(milliseconds(14'999));
  tunnel.client.hub.tick(tunnel.clock.now);
  CHECK(tunnel.client.out.sent.empty());
  tunnel.clock.pass(milliseconds(1));
  tunnel.client.hub.tick(tunnel.clock.now);
  REQUIRE(tunnel.client.out.sent.size() == 1);
  CHECK(tunnel.client.out.sent[0].octets.size() == wg::initiation_octets);
}

}  // namespace
