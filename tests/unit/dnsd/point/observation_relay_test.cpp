#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <numeric>
#include <optional>
#include <thread>

#include "dnsd/point/observation_point.hpp"
#include "tests/unit/dnsd/point/point_thread.hpp"

// Packets between two peers through a point: its thread, its socket and loopback. What may pass is
// tested in relay/.

namespace {

using namespace point_thread;

/// Two peers that a point has, each with a session of its own there.
class Between {
 public:
  explicit Between(const std::string& address = "127.0.0.1", dnsd::InnerHandler inner = {})
      : inner_(std::move(inner)), place_(free_place(address)) {
    noise::fill_random(key_.span());
    open({});
    for (Peer* peer : both) peer->engine.add_peer(point->public_key(), {});
    alice.engine.add_peer(bob_key, {});
    bob.engine.add_peer(alice_key, {});
  }

  void open(const dnsd::PointMemory& memory,
            std::optional<dnsd::RelayRates> rates = dnsd::RelayRates()) {
    point.reset();
    auto opened = ObservationPoint::open(
        {place_, {}, rates}, key_, [this](PointReport report) { inbox.put(std::move(report)); },
        inner_, budget_);
    REQUIRE(opened.has_value());
    point = std::move(*opened);
    point->restore(memory);
    point->set_peers(peers());
    point->start();
  }
  [[nodiscard]] std::vector<dnsd::PointPeer> peers(bool bob_is_relayed = true) const {
    return {{alice_key, {}, "alice", {}, true}, {bob_key, {}, "bob", {}, bob_is_relayed}};
  }
  [[nodiscard]] noise::Path to_point(const std::string& address = "127.0.0.1") const {
    return {{*base::IpAddress::parse(address), place_.port}, {}};
  }
  /// Both have a session with the point, and places there.
  void settle(const std::string& of_bob = "127.0.0.1") {
    (void)alice.engine.initiate(point->public_key(), to_point(), 1, base::read_clock());
    (void)bob.engine.initiate(point->public_key(), to_point(of_bob), 1, base::read_clock());
    REQUIRE(run_until(both, [&] { return alice.received_count > 1 && bob.received_count > 1; }));
  }
  [[nodiscard]] bool shake_hands(const std::string& of_bob = "127.0.0.1") {
    const auto before = bob.received_count;
    (void)alice.engine.initiate(bob_key, to_point(), 1, base::read_clock());
    const bool is_done = run_until(both, [&] { return bob.received_count > before; });
    bob_saw_ = bob.last.path.remote;
    return is_done && bob_saw_ == to_point(of_bob).remote;
  }
  /// One packet from one to the other.
  [[nodiscard]] bool deliver(Peer& from, Peer& to, std::size_t size) {
    std::vector<std::uint8_t> packet(size);
    std::iota(packet.begin(), packet.end(), std::uint8_t{1});
    to.inner_packets.clear();
    if (!from.engine.send(to.engine.public_key(), packet, base::read_clock())) return false;
    if (!run_until(both, [&] { return !to.inner_packets.empty(); })) return false;
    return std::equal(packet.begin(), packet.end(), to.inner_packets[0].begin());
  }
  /// Whether nothing passes: what the peer sends to the point afterwards is answered.
  [[nodiscard]] bool is_blocked(Peer& from, Peer& to) {
    const std::size_t before = to.inner_packets.size();
    (void)from.engine.send(to.engine.public_key(), std::vector<std::uint8_t>(64),
                           base::read_clock());
    for (Peer* peer : {&from, &to}) {
      const int count = peer->received_count;
      if (!peer->engine.send(point->public_key(), {}, base::read_clock())) return false;
      if (!run_until(both, [&] { return peer->received_count > count; })) return false;
    }
    return to.inner_packets.size() == before;
  }
  /// What a saver would have kept.
  [[nodiscard]] dnsd::PointMemory memory() {
    dnsd::PointMemory memory;
    const base::Now now = base::read_clock();
    REQUIRE(inbox.wait([&](const PointReport& all) {
      memory = {};
      for (const auto& seen : all.seen)
        memory.peers.push_back(
            {seen.key,
             dnsd::SavedPeer::Sighting{seen.observation.endpoint, now.wall, now.wall},
             {}});
      for (const auto& change : all.routes)
        memory.routes.insert(memory.routes.end(), change.routes.begin(), change.routes.end());
      memory.last_timestamp = all.last_timestamp;
      return memory.routes.size() >= 2;
    }));
    return memory;
  }
  [[nodiscard]] dnsd::RelayCounters counters() const { return point->relay_report()->counters; }

  Peer alice;
  Peer bob;
  const std::vector<Peer*> both{&alice, &bob};
  const wg::PublicKey alice_key = alice.engine.public_key();
  const wg::PublicKey bob_key = bob.engine.public_key();
  Inbox inbox;

 private:
  dnsd::TrialBudget budget_;
  wg::PrivateKey key_;
  const dnsd::InnerHandler inner_;
  const base::Endpoint place_;
  base::Endpoint bob_saw_;

 public:
  std::unique_ptr<ObservationPoint> point;
};

TEST_CASE("a handshake and data of every size pass between two peers") {
  Between f;
  f.settle();
  REQUIRE(f.shake_hands());
  for (const std::size_t size : {1U, 1420U, 8000U, 65'455U}) {
    CAPTURE(size);
    CHECK(f.deliver(f.alice, f.bob, size));
    CHECK(f.deliver(f.bob, f.alice, size));
  }
  const auto report = f.point->relay_report();
  REQUIRE(report.has_value());
  REQUIRE(report->pairs.size() == 2);
  for (const dnsd::RelayedPair& pair : report->pairs) {
    CHECK((pair.from == f.alice_key) == (pair.to == f.bob_key));
    CHECK(pair.packets >= 4);
    CHECK(pair.octets > 75'000);
  }
  CHECK(report->counters.packets == report->pairs[0].packets + report->pairs[1].packets);
  // Sessions with the point itself are not disturbed.
  CHECK(f.alice.engine.send(f.point->public_key(), {}, base::read_clock()));
  const int before = f.alice.received_count;
  CHECK(f.alice.run_until([&] { return f.alice.received_count > before; }));
}

TEST_CASE("datagrams that the kernel joined pass joined, each whole") {
  Between f;
  f.settle();
  REQUIRE(f.shake_hands());
  constexpr std::size_t count = 20;
  std::vector<std::uint8_t> joined;
  f.alice.held = &joined;
  for (std::size_t i = 0; i < count; ++i) {
    const std::vector<std::uint8_t> packet(1000, static_cast<std::uint8_t>(i));
    REQUIRE(f.alice.engine.send(f.bob_key, packet, base::read_clock()));
  }
  f.alice.held = nullptr;
  const std::size_t segment = joined.size() / count;
  joined.resize(joined.size() - 1);  // the last one is shorter, and no longer authentic
  f.alice.send_joined(f.to_point(), joined, segment);
  REQUIRE(run_until(f.both, [&] { return f.bob.inner_packets.size() == count - 1; }));
  for (std::size_t i = 0; i + 1 < count; ++i) {
    CAPTURE(i);
    CHECK(f.bob.inner_packets[i][0] == i);
    CHECK(f.bob.inner_packets[i].size() == 1008);
  }
  CHECK(f.counters().packets >= count);
  WARN(f.bob.most_joined > 1);  // as the kernel does it
}

TEST_CASE("a run of one session is told from its neighbours in what the kernel joined") {
  Between f;
  f.settle();
  REQUIRE(f.shake_hands());
  std::vector<std::uint8_t> joined;
  f.alice.held = &joined;
  for (const wg::PublicKey& to : {f.bob_key, f.bob_key, f.point->public_key(), f.bob_key}) {
    REQUIRE(f.alice.engine.send(to, std::vector<std::uint8_t>(100, 7), base::read_clock()));
  }
  f.alice.held = nullptr;
  const std::uint64_t before = f.counters().packets;
  f.alice.send_joined(f.to_point(), joined, joined.size() / 4);
  REQUIRE(run_until(f.both, [&] { return f.bob.inner_packets.size() == 3; }));
  CHECK(f.counters().packets == before + 3);
}

TEST_CASE("packets leave from the address that their receiver speaks to") {
  Between f("0.0.0.0");
  f.settle("127.0.0.2");
  CHECK(f.shake_hands("127.0.0.2"));
  CHECK(f.deliver(f.alice, f.bob, 100));
  CHECK(f.deliver(f.bob, f.alice, 100));
}

TEST_CASE("a restart is not noticed by who has a session, and a route") {
  Between f;
  f.settle();
  REQUIRE(f.shake_hands());
  REQUIRE(f.deliver(f.alice, f.bob, 100));
  dnsd::PointMemory memory = f.memory();
  SUBCASE("with the routes") {
    f.open(memory);
    CHECK(f.deliver(f.bob, f.alice, 100));
    CHECK(f.deliver(f.alice, f.bob, 100));
  }
  SUBCASE("not without") {
    memory.routes.clear();
    f.open(memory);
    // They answer to the greeting; nothing else passes.
    REQUIRE(run_until(f.both, [&] { return f.point->counters().handshakes == 2; }));
    CHECK(f.is_blocked(f.alice, f.bob));
    CHECK(f.counters().packets == 0);
  }
}

TEST_CASE("who moved is asked back because of what it sends to others, and goes on") {
  Between f;
  f.settle();
  REQUIRE(f.shake_hands());
  REQUIRE(f.deliver(f.alice, f.bob, 100));
  f.alice.move("127.0.0.1:0");
  REQUIRE(f.alice.engine.send(f.bob_key, std::vector<std::uint8_t>(64), base::read_clock()));
  const int before = f.alice.received_count;
  REQUIRE(run_until(f.both, [&] { return f.alice.received_count > before; }));
  // The point knows it when its own session is answered there.
  REQUIRE(f.alice.engine.send(f.point->public_key(), {}, base::read_clock()));
  REQUIRE(run_until(f.both, [&] { return f.alice.received_count > before + 1; }));
  CHECK(f.deliver(f.alice, f.bob, 100));
  CHECK(f.deliver(f.bob, f.alice, 100));
  CHECK(f.counters().ask_backs == 1);
}

TEST_CASE("too many initiations are answered with a cookie, in the name of their receiver") {
  Between f;
  f.settle();
  const auto before = f.bob.engine.counters().handshakes;
  for (int i = 0; i < 40; ++i)
    (void)f.alice.engine.initiate(f.bob_key, f.to_point(), 1, base::read_clock());
  CHECK(run_until(f.both, [&] { return f.counters().cookies > 0; }));
  CHECK(f.bob.engine.counters().handshakes <= before + 10);
}

TEST_CASE("nothing passes where the configuration says so, and again when it does not any more") {
  Between f;
  f.settle();
  REQUIRE(f.shake_hands());
  SUBCASE("the point") {
    f.point->set_relay(std::nullopt);
    CHECK(f.is_blocked(f.alice, f.bob));
    CHECK(!f.point->relay_report().has_value());
    f.point->set_relay(dnsd::RelayRates());
  }
  SUBCASE("one peer") {
    f.point->set_peers(f.peers(false));
    CHECK(f.is_blocked(f.alice, f.bob));
    CHECK(f.is_blocked(f.bob, f.alice));
    f.point->set_peers(f.peers());
  }
  // No event to wait for: an engine takes one initiation of a peer in 20 ms.
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK(f.shake_hands());  // their places are known
  CHECK(f.deliver(f.alice, f.bob, 100));
}

TEST_CASE("who was moved here directly is adopted when that is said inside the tunnel") {
  std::optional<bool> adopted;
  wg::PublicKey other;
  Between f("127.0.0.1", [&](const dnsd::InnerPacket& packet, const dnsd::SendInner& send) {
    REQUIRE(packet.relay != nullptr);
    adopted = packet.relay->adopt(packet.peer, other, packet.now.steady);
    send(std::vector<std::uint8_t>(32));
  });
  other = f.bob_key;
  f.settle();
  // A handshake that the relay has not seen, as after a session on the direct way.
  f.alice.engine.add_peer(f.bob_key, {});
  Peer& alice = f.alice;
  REQUIRE(f.shake_hands());
  dnsd::PointMemory memory = f.memory();
  memory.routes.clear();
  f.open(memory);
  REQUIRE(run_until(f.both, [&] { return f.point->counters().handshakes == 2; }));
  REQUIRE(f.is_blocked(alice, f.bob));
  REQUIRE(alice.engine.send(f.point->public_key(), std::vector<std::uint8_t>(32, 1),
                            base::read_clock()));
  REQUIRE(run_until(f.both, [&] { return adopted.has_value() && !alice.inner_packets.empty(); }));
  CHECK(adopted == true);
  CHECK(f.deliver(alice, f.bob, 100));
  CHECK(f.deliver(f.bob, alice, 100));
  CHECK(f.deliver(alice, f.bob, 100));
  CHECK(f.counters().adopted == 1);
}

TEST_CASE("a pause that is asked for inside the tunnel is in force when the reply arrives") {
  std::optional<bool> is_granted;
  wg::PublicKey other;
  Between f("127.0.0.1", [&](const dnsd::InnerPacket& packet, const dnsd::SendInner& send) {
    REQUIRE(packet.relay != nullptr);
    is_granted =
        packet.relay->pause(packet.peer, other, std::chrono::seconds(2), packet.now.steady);
    send(std::vector<std::uint8_t>(32));
  });
  other = f.bob_key;
  f.settle();
  REQUIRE(f.shake_hands());
  REQUIRE(f.deliver(f.alice, f.bob, 100));
  REQUIRE(f.deliver(f.bob, f.alice, 100));
  f.alice.inner_packets.clear();
  REQUIRE(f.alice.engine.send(f.point->public_key(), std::vector<std::uint8_t>(32, 1),
                              base::read_clock()));
  REQUIRE(run_until(f.both, [&] { return !f.alice.inner_packets.empty(); }));
  CHECK(is_granted == true);
  CHECK(f.is_blocked(f.alice, f.bob));
  CHECK(f.is_blocked(f.bob, f.alice));
  CHECK(f.counters().paused >= 2);
  CHECK(f.counters().pauses == 1);
}

}  // namespace
