#include "dnsd/point/observation_point.hpp"

#include <doctest/doctest.h>
#include <poll.h>

#include <chrono>
#include <thread>

#include "tests/unit/dnsd/point/point_thread.hpp"

namespace {

using namespace point_thread;

TEST_CASE("a peer that connects is reported, with its mark, and again when it has moved") {
  Fixture f;
  f.point->set_peers({{f.peer.engine.public_key(), {}, "alice", {}}});
  f.point->start();
  REQUIRE(f.connect());
  CHECK(f.inbox.wait([&](const PointReport& all) {
    return !all.seen.empty() && all.seen.back().key == f.peer.engine.public_key() &&
           !all.marks.empty();
  }));
  base::Port first{};
  CHECK(f.inbox.wait([&](const PointReport& all) {
    first = all.seen.back().observation.endpoint.port;
    return true;
  }));
  // A keepalive comes from another port. It is published at once, asked back, and answered.
  f.peer.move("127.0.0.1:0");
  REQUIRE(f.peer.engine.send(f.point->public_key(), {}, base::read_clock()));
  CHECK(f.inbox.wait(
      [&](const PointReport& all) { return all.seen.back().observation.endpoint.port != first; }));
  CHECK(f.peer.run_until([&] {
    return f.peer.last.kind == noise::Received::Kind::keepalive && f.peer.received_count > 2;
  }));
  CHECK(
      f.inbox.wait([&](const PointReport& all) { return all.last_timestamp != noise::Tai64n(); }));
}

TEST_CASE("inner packets reach their handler, and its answer the peer") {
  bool is_right = false;
  Fixture f("127.0.0.1", [&](const dnsd::InnerPacket& packet, const dnsd::SendInner& send) {
    is_right = packet.allowed_ips.size() == 1 && packet.tunnel_addresses.size() == 1;
    std::vector<std::uint8_t> reply(packet.octets.begin(), packet.octets.end());
    reply[0] ^= 0xff;
    send(reply);
    send(std::vector<std::uint8_t>(dnsd::inner_mtu + 1));  // too long: dropped
  });
  f.point->set_peers(
      {{f.peer.engine.public_key(), {}, "alice", {*base::Prefix::parse("10.0.0.2/32")}}});
  f.point->start();
  REQUIRE(f.connect());
  REQUIRE(f.peer.engine.send(f.point->public_key(), std::vector<std::uint8_t>(32, 0x45),
                             base::read_clock()));
  REQUIRE(f.peer.run_until([&] { return !f.peer.inner_packets.empty(); }));
  CHECK(f.peer.inner_packets[0][0] == 0xba);
  CHECK(f.peer.inner_packets[0].size() == 32);
  CHECK(is_right);
}

TEST_CASE("a point that starts again greets whom it knew, and loses nobody to a reload") {
  Fixture f;
  f.peer.engine.add_peer(f.point->public_key(), {});
  dnsd::PointMemory memory;
  const base::Now now = base::read_clock();
  const base::Endpoint at_home = free_place("127.0.0.1");
  memory.peers.push_back(
      {f.peer.engine.public_key(), dnsd::SavedPeer::Sighting{at_home, now.wall, now.wall}, {}});
  memory.last_timestamp = noise::Tai64n(now.wall + std::chrono::hours(1));
  auto home = dnsd::PointSocket::open(at_home);
  REQUIRE(home.has_value());
  f.point->restore(memory);
  f.point->set_peers({{f.peer.engine.public_key(), {}, "alice", {}}});
  f.point->start();
  pollfd waiting{home->fd(), POLLIN, 0};
  REQUIRE(::poll(&waiting, 1, 20'000) == 1);
  std::size_t size = 0;
  for (const dnsd::PointSocket::Arrival& arrival : home->receive()) {
    size = arrival.octets.size();
    CHECK(arrival.path->remote == f.place);
  }
  CHECK(size == noise::initiation_octets);
  // The reserved time is ahead of our clock by what the last run had used.
  CHECK(f.inbox.wait([&](const PointReport& all) {
    return all.last_timestamp > noise::Tai64n(now.wall + std::chrono::hours(1));
  }));
}

TEST_CASE("a peer that is removed is not answered; one that stays is not disturbed") {
  Fixture f;
  Peer other;
  other.engine.add_peer(f.point->public_key(), {});
  const dnsd::PointPeer alice{f.peer.engine.public_key(), {}, "alice", {}};
  const dnsd::PointPeer bob{other.engine.public_key(), {}, "bob", {}};
  f.point->set_peers({alice, bob});
  f.point->start();
  REQUIRE(f.connect());
  (void)other.engine.initiate(f.point->public_key(), f.to_point(), 1, base::read_clock());
  REQUIRE(other.run_until([&] { return other.received_count >= 2; }));
  f.point->set_peers({alice});
  REQUIRE(other.engine.send(f.point->public_key(), {}, base::read_clock()));
  const int before = f.peer.received_count;
  REQUIRE(f.peer.engine.send(f.point->public_key(), {}, base::read_clock()));
  CHECK(f.peer.run_until([&] { return f.peer.received_count > before; }));
  CHECK(other.received_count == 2);
}

/// Waits for something that the point's thread does.
template <typename Condition>
bool eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + generous;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}
/// Waits until the point reports this about its only peer.
bool wait_for(const Fixture& f, const dnsd::PeerOddities& expected) {
  return eventually([&] { return f.point->oddities() == expected; });
}

/// The point's memory of the peer: where the last run saw it, and a timestamp of an hour from now.
dnsd::PointMemory from_the_future(const wg::PublicKey& key, const std::string& place,
                                  std::optional<base::WallTime> removed = {}) {
  const base::Now now = base::read_clock();
  dnsd::PointMemory memory;
  memory.marks.push_back({key, noise::Tai64n(now.wall + std::chrono::hours(1)), removed});
  memory.peers.push_back(
      {key, dnsd::SavedPeer::Sighting{*base::Endpoint::parse(place), now.wall, now.wall}, {}});
  return memory;
}

TEST_CASE("a clock that fell back, where the peer was last: it is served, and told") {
  Fixture f;
  const wg::PublicKey alice = f.peer.engine.public_key();
  f.point->restore(from_the_future(alice, "127.0.0.1:9"));
  f.point->set_peers({{alice, {}, "alice", {}}});
  f.point->start();
  REQUIRE(f.connect());
  CHECK(f.inbox.wait([&](const PointReport& all) { return !all.seen.empty(); }));
  // Its age may round to a second less than an hour, or more.
  const auto oddities = f.point->oddities();
  REQUIRE(oddities.size() == 1);
  CHECK(oddities.at(alice).clock_behind > seconds(3590));
  f.point->reset_peer(alice);
  std::this_thread::sleep_for(std::chrono::milliseconds(30));  // not a wait for an event: as below
  REQUIRE(f.connect());
  CHECK(wait_for(f, {}));
}

TEST_CASE("a clock that fell back, from elsewhere: as a replay, until the peer is reset") {
  Fixture f;
  const wg::PublicKey alice = f.peer.engine.public_key();
  f.point->restore(from_the_future(alice, "127.0.0.2:9"));
  f.point->set_peers({{alice, {}, "alice", {}}});
  f.point->start();
  for (int i = 0; i < 2; ++i)
    (void)f.peer.engine.initiate(f.point->public_key(), f.to_point(), 1, base::read_clock());
  const auto is_ignored = [&] { return f.point->counters().old_timestamp == 2; };
  CHECK(eventually(is_ignored));
  CHECK(f.point->oddities().empty());
  f.point->reset_peer(alice);
  CHECK(f.connect());
}

TEST_CASE("what was recorded of a peer stays a replay when it is removed and added again") {
  Fixture f;
  const wg::PublicKey alice = f.peer.engine.public_key();
  const auto replay = [&] {
    const auto before = f.point->counters().old_timestamp;
    // As old as a recorded one, by the same key.
    (void)f.peer.engine.initiate(f.point->public_key(), f.to_point(), 1, base::read_clock());
    return eventually([&] { return f.point->counters().old_timestamp > before; });
  };
  SUBCASE("while the point runs") {
    f.point->restore(from_the_future(alice, "127.0.0.2:9"));
    f.point->set_peers({{alice, {}, "alice", {}}});
    f.point->start();
    CHECK(replay());
    f.point->set_peers({});
    f.point->set_peers({{alice, {}, "alice", {}}});
    CHECK(replay());
    CHECK(f.inbox.wait([&](const PointReport& all) { return !all.marks.empty(); }));
  }
  SUBCASE("over a restart") {
    f.point->restore(from_the_future(alice, "127.0.0.2:9", base::read_clock().wall));
    f.point->set_peers({});
    f.point->start();
    f.point->set_peers({{alice, {}, "alice", {}}});
    CHECK(replay());
  }
  SUBCASE("not for ever") {
    f.point->restore(
        from_the_future(alice, "127.0.0.2:9", base::read_clock().wall - std::chrono::hours(25)));
    f.point->set_peers({});
    f.point->start();
    f.point->set_peers({{alice, {}, "alice", {}}});
    CHECK(f.connect());
  }
}

TEST_CASE("a key that two machines use is told, until it is taken away") {
  Fixture f;
  Peer elsewhere;
  const wg::PublicKey alice = f.peer.engine.public_key();
  f.point->set_peers({{alice, {}, "alice", {}}});
  f.point->start();
  REQUIRE(f.connect());
  for (int i = 0; i < 5; ++i) {
    CHECK(f.point->oddities().empty());
    // Not a wait for an event: a peer takes one initiation in 20 ms, and it is asked back.
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    f.peer.swap(elsewhere);
    const int before = f.peer.received_count;
    REQUIRE(f.peer.engine.send(f.point->public_key(), {}, base::read_clock()));
    REQUIRE(f.peer.run_until([&] { return f.peer.received_count > before; }));
  }
  CHECK(wait_for(f, {{alice, {.is_flapping = true, .clock_behind = {}}}}));
  f.point->set_peers({});
  CHECK(wait_for(f, {}));
}

TEST_CASE("IPv6, and a port that is held is told") {
  Fixture f("::1");
  Peer peer("::1:0");
  peer.engine.add_peer(f.point->public_key(), {});
  f.point->set_peers({{peer.engine.public_key(), {}, "", {}}});
  f.point->start();
  (void)peer.engine.initiate(f.point->public_key(), f.to_point(), 1, base::read_clock());
  CHECK(peer.run_until([&] { return peer.received_count >= 2; }));
  const auto second = ObservationPoint::open({f.place, {}}, wg::PrivateKey(), {}, {}, f.budget);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error() == std::errc::address_in_use);
}

}  // namespace
