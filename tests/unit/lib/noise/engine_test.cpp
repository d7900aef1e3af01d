#include "noise/engine.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/lib/noise/engine_fixture.hpp"

namespace {

using namespace wg_test;
using Kind = noise::Received::Kind;

wg::PresharedKey some_psk(std::uint8_t octet) {
  wg::PresharedKey psk;
  std::fill(psk.span().begin(), psk.span().end(), octet);
  return psk;
}

TEST_CASE("a handshake, and the first packet confirms it where it was answered") {
  wg::PresharedKey psk;
  SUBCASE("without a preshared key") {}
  SUBCASE("with one") {
    psk = some_psk(7);
  }
  Tunnel tunnel(psk);
  const Datagram initiation = initiation_of(tunnel);
  CHECK(initiation.octets.size() == noise::initiation_octets);
  tunnel.server.receive(initiation, home, tunnel.clock.now);
  CHECK(tunnel.server.out.events.empty());  // an initiation alone proves no address
  REQUIRE(tunnel.server.out.sent.size() == 1);
  CHECK(tunnel.server.out.sent[0].octets.size() == noise::response_octets);
  CHECK(tunnel.server.out.sent[0].path == home);
  tunnel.deliver_all(home);
  REQUIRE(tunnel.server.out.events.size() == 1);
  const Event& event = tunnel.server.out.events[0];
  CHECK(event.peer == tunnel.client.engine.public_key());
  CHECK(event.received.kind == Kind::keepalive);
  CHECK(event.received.path == home);
  CHECK(event.received.is_newest);
  CHECK(event.received.is_proven);
}

TEST_CASE("different preshared keys make no session") {
  Tunnel tunnel(some_psk(1));
  tunnel.server.engine.add_peer(tunnel.client.engine.public_key(), some_psk(2));
  tunnel.connect(home);
  CHECK(tunnel.server.out.events.empty());
  CHECK(tunnel.client.out.events.empty());
  CHECK(tunnel.client.engine.counters().not_authentic == 1);
}

TEST_CASE("a keepalive is answered by a keepalive, at once") {
  Tunnel tunnel;
  tunnel.connect(home);
  tunnel.client.out.events.clear();
  CHECK(data_of(tunnel).octets.size() == noise::keepalive_octets);
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  REQUIRE(tunnel.client.out.events.size() == 1);
  CHECK(tunnel.client.out.events[0].received.kind == Kind::keepalive);
}

TEST_CASE("inner packets go both ways, padded to 16 octets") {
  Tunnel tunnel;
  tunnel.connect(home);
  REQUIRE(tunnel.client_sends(ping()));
  REQUIRE(tunnel.server.engine.send(tunnel.client.engine.public_key(), Octets(16, 1),
                                    tunnel.clock.now));
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
  tunnel.server.engine.tick(tunnel.clock.now);
  CHECK(tunnel.server.out.sent.empty());
  REQUIRE(tunnel.server.engine.next_deadline().has_value());
  tunnel.clock.pass(milliseconds(1));
  CHECK(*tunnel.server.engine.next_deadline() <= tunnel.clock.now.steady);
  tunnel.server.engine.tick(tunnel.clock.now);
  REQUIRE(tunnel.server.out.sent.size() == 1);
  CHECK(tunnel.server.out.sent[0].octets.size() == noise::keepalive_octets);
  tunnel.server.engine.tick(tunnel.clock.now);
  CHECK(tunnel.server.out.sent.size() == 1);
}

TEST_CASE("a peer that is removed, or gets another preshared key, has no session any more") {
  Tunnel tunnel;
  tunnel.connect(home);
  SUBCASE("removed") {
    tunnel.server.engine.remove_peer(tunnel.client.engine.public_key(), tunnel.clock.now.steady);
  }
  SUBCASE("changed") {
    tunnel.server.engine.add_peer(tunnel.client.engine.public_key(), some_psk(1));
  }
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  CHECK(tunnel.server.out.unknown.size() == 1);
  CHECK(tunnel.server.out.events.size() == 1);
}

TEST_CASE("adding a known peer again changes nothing") {
  Tunnel tunnel;
  tunnel.connect(home);
  tunnel.server.engine.add_peer(tunnel.client.engine.public_key(), {});
  REQUIRE(tunnel.client_sends());
  tunnel.deliver_all(home);
  CHECK(tunnel.server.out.events.size() == 2);
}

// ---- we begin ----

TEST_CASE("an answer to our initiation proves the address that it was sent to") {
  Tunnel tunnel;
  REQUIRE(
      tunnel.server.engine.initiate(tunnel.client.engine.public_key(), home, 1, tunnel.clock.now));
  const Datagram initiation = tunnel.server.take_sent().at(0);
  CHECK(initiation.path == home);
  tunnel.client.receive(initiation, tunnel.to_server, tunnel.clock.now);
  const Datagram response = tunnel.client.take_sent().at(0);
  SUBCASE("from there") {
    tunnel.server.receive(response, home, tunnel.clock.now);
    REQUIRE(tunnel.server.out.events.size() == 1);
    CHECK(tunnel.server.out.events[0].received.kind == Kind::response);
    CHECK(tunnel.server.out.events[0].received.is_proven);
    // The peer gets a keepalive at once, and may use the session.
    tunnel.deliver_all(home);
    CHECK(tunnel.client.out.events.size() == 1);
    CHECK(tunnel.client_sends());
    // The same response again matches no handshake.
    tunnel.server.receive(response, home, tunnel.clock.now);
    CHECK(tunnel.server.engine.counters().unknown_session == 1);
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

TEST_CASE("a request from a new place is handed on once that is proven") {
  Tunnel tunnel;
  tunnel.connect(home);
  const auto peer = tunnel.client.engine.public_key();
  auto& handed_on = tunnel.server.out.inner_packets;
  const auto request = [&](std::uint8_t content, std::size_t octets = 40) {
    tunnel.server.receive(data_of(tunnel, Octets(octets, content)), elsewhere, tunnel.clock.now);
  };
  const auto prove = [&](const noise::Path& place) {
    REQUIRE(tunnel.server.engine.initiate(peer, place, 1, tunnel.clock.now));
    tunnel.deliver_all(place);
  };
  tunnel.clock.pass(seconds(1));  // an initiation within 20 ms of the last one is a flood
  request(1);
  request(2);
  (void)tunnel.server.take_sent();
  CHECK(handed_on.empty());
  SUBCASE("the last one, once, and its answer goes there") {
    tunnel.clock.pass(milliseconds(4900));
    prove(elsewhere);
    REQUIRE(handed_on.size() == 1);
    CHECK(handed_on[0].second[0] == 2);
    tunnel.clock.pass(seconds(1));
    prove(elsewhere);
    CHECK(handed_on.size() == 1);
    CHECK(tunnel.server.engine.send(peer, ping(), tunnel.clock.now));
    CHECK(tunnel.server.take_sent().at(0).path == elsewhere);
  }
  SUBCASE("not where another place is proven") {
    prove(home);
    CHECK(handed_on.empty());
  }
  SUBCASE("not after five seconds") {
    tunnel.clock.pass(seconds(5));
    prove(elsewhere);
    CHECK(handed_on.empty());
  }
  SUBCASE("a keepalive takes no request's place, and a packet of more than 1 500 octets none") {
    tunnel.server.receive(data_of(tunnel), elsewhere, tunnel.clock.now);
    request(3, 1501);
    prove(elsewhere);
    REQUIRE(handed_on.size() == 1);
    CHECK(handed_on[0].second[0] == 2);
  }
}

TEST_CASE("attempts are repeated after 5 s to 5.333 s, and end") {
  Tunnel tunnel;
  REQUIRE(
      tunnel.server.engine.initiate(tunnel.client.engine.public_key(), home, 3, tunnel.clock.now));
  int sent = 0;
  for (int i = 0; i < 40'000; i += 10, tunnel.clock.pass(milliseconds(10))) {
    tunnel.server.engine.tick(tunnel.clock.now);
    const auto count = static_cast<int>(tunnel.server.take_sent().size());
    sent += count;
    if (count > 0 && sent == 2) CHECK((i >= 5000 && i <= 5340));
  }
  CHECK(sent == 3);
}

TEST_CASE("both begin at the same instant: one session comes of it") {
  Tunnel tunnel;
  REQUIRE(tunnel.client.engine.initiate(tunnel.server.engine.public_key(), tunnel.to_server, 1,
                                        tunnel.clock.now));
  REQUIRE(
      tunnel.server.engine.initiate(tunnel.client.engine.public_key(), home, 1, tunnel.clock.now));
  tunnel.deliver_all(home);
  tunnel.server.out.inner_packets.clear();
  REQUIRE(tunnel.client_sends(ping()));
  REQUIRE(tunnel.server.engine.send(tunnel.client.engine.public_key(), ping(), tunnel.clock.now));
  tunnel.deliver_all(home);
  CHECK(tunnel.server.out.inner_packets.size() == 1);
  CHECK(tunnel.client.out.inner_packets.size() == 1);
}

TEST_CASE("our own timestamps rise, whatever our clock does") {
  Tunnel tunnel;
  tunnel.connect(home);
  const noise::Tai64n before = tunnel.client.engine.last_timestamp();
  tunnel.clock.now.wall -= std::chrono::hours(1);
  tunnel.clock.pass(seconds(5));
  tunnel.connect(home);
  CHECK(tunnel.client.engine.last_timestamp() > before);
  CHECK(tunnel.server.out.events.size() == 2);
  CHECK(tunnel.server.engine.counters().old_timestamp == 0);
}

TEST_CASE("a peer whose clock fell back: served where it may be answered, and reported") {
  Tunnel tunnel;
  const wg::PublicKey client = tunnel.client.engine.public_key();
  tunnel.server.engine.remove_peer(client, tunnel.clock.now.steady);
  tunnel.server.engine.add_peer(client, {},
                                noise::Tai64n(tunnel.clock.now.wall + std::chrono::hours(1)));
  SUBCASE("answered: its session works, and proves that it is no replay") {
    tunnel.server.out.answers_old = true;
    tunnel.connect(home);
    REQUIRE(tunnel.server.out.behind.size() == 1);
    CHECK(tunnel.server.out.behind[0].first == client);
    CHECK(tunnel.server.out.behind[0].second == seconds(3600));
    REQUIRE_FALSE(tunnel.server.out.events.empty());
    CHECK(tunnel.server.out.events.back().received.is_proven);
    CHECK(tunnel.server.engine.send(client, ping(), tunnel.clock.now));
    SUBCASE("its newest timestamp stays") {
      CHECK(tunnel.server.engine.mark(client) ==
            noise::Tai64n(tunnel.clock.now.wall + std::chrono::hours(1)));
    }
    SUBCASE("once a second at most") {
      (void)tunnel.server.take_sent();
      for (int i = 0; i < 20; ++i) {
        tunnel.clock.pass(milliseconds(100));
        tunnel.server.receive(initiation_of(tunnel), home, tunnel.clock.now);
      }
      CHECK(tunnel.server.out.sent.size() == 2);
    }
  }
  SUBCASE("not answered, until it is reset") {
    for (int i = 0; i < 3; ++i, tunnel.clock.pass(seconds(5))) tunnel.connect(home);
    CHECK(tunnel.server.out.sent.empty());
    CHECK(tunnel.server.out.events.empty());
    CHECK(tunnel.server.engine.counters().old_timestamp == 3);
    CHECK(tunnel.server.out.behind.empty());
    tunnel.server.engine.reset_peer(client);
    tunnel.connect(home);
    CHECK_FALSE(tunnel.server.out.events.empty());
    CHECK(tunnel.server.out.behind.empty());
  }
}

TEST_CASE("a session is dead after 180 s, and its keys are wiped 540 s after the handshake") {
  Tunnel tunnel;
  tunnel.connect(home);
  tunnel.clock.pass(seconds(179));
  CHECK(tunnel.server.engine.send(tunnel.client.engine.public_key(), ping(), tunnel.clock.now));
  const Datagram late = tunnel.server.take_sent().at(0);
  tunnel.clock.pass(seconds(1));
  CHECK_FALSE(
      tunnel.server.engine.send(tunnel.client.engine.public_key(), ping(), tunnel.clock.now));
  tunnel.client.out.inner_packets.clear();
  tunnel.client.receive(late, tunnel.to_server, tunnel.clock.now);
  CHECK(tunnel.client.out.inner_packets.empty());
  REQUIRE(tunnel.server.engine.next_deadline().has_value());
  tunnel.clock.pass(seconds(361));
  tunnel.server.engine.tick(tunnel.clock.now);
  CHECK_FALSE(tunnel.server.engine.next_deadline().has_value());
}

TEST_CASE("data that is sent without any answer makes a new handshake after 15 s") {
  Tunnel tunnel;
  tunnel.connect(home);
  REQUIRE(tunnel.client_sends(ping()));
  (void)tunnel.client.take_sent();  // lost
  tunnel.clock.pass(milliseconds(14'999));
  tunnel.client.engine.tick(tunnel.clock.now);
  CHECK(tunnel.client.out.sent.empty());
  tunnel.clock.pass(milliseconds(1));
  tunnel.client.engine.tick(tunnel.clock.now);
  REQUIRE(tunnel.client.out.sent.size() == 1);
  CHECK(tunnel.client.out.sent[0].octets.size() == noise::initiation_octets);
}

}  // namespace
