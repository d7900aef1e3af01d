#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "tests/unit/lib/noise/engine_fixture.hpp"

/// Our two roles talk to each other for hours, through a network that loses, doubles and reorders.
namespace {

using namespace wg_test;

const noise::Path home = path_of("203.0.113.10:4711");

/// Counts which side begins sessions, by the messages that were sent.
struct Tally {
  int initiations = 0;
  int responses = 0;
};

class Network {
 public:
  Network(std::uint64_t seed, int loss_percent, int double_percent, int max_delay)
      : random_(seed), loss_(loss_percent), double_(double_percent), max_delay_(max_delay) {}

  void put(std::vector<Datagram> sent, bool to_server, base::SteadyTime now, Tally& tally) {
    for (Datagram& datagram : sent) {
      if (datagram.octets[0] == 1) ++tally.initiations;
      if (datagram.octets[0] == 2) ++tally.responses;
      if (percent(loss_)) continue;
      if (percent(double_)) in_flight_.push_back({now + delay(), to_server, datagram});
      in_flight_.push_back({now + delay(), to_server, std::move(datagram)});
    }
  }
  /// Delivers what is due, in no particular order.
  template <typename Deliver>
  void take(base::SteadyTime now, Deliver deliver) {
    std::vector<Flight> due;
    std::erase_if(in_flight_, [&](Flight& flight) {
      if (flight.due > now) return false;
      due.push_back(std::move(flight));
      return true;
    });
    std::shuffle(due.begin(), due.end(), random_);
    for (Flight& flight : due) deliver(flight.to_server, std::move(flight.datagram));
  }

 private:
  struct Flight {
    base::SteadyTime due;
    bool to_server;
    Datagram datagram;
  };
  bool percent(int chance) { return static_cast<int>(random_() % 100) < chance; }
  milliseconds delay() { return milliseconds(1 + static_cast<int>(random_()) % max_delay_); }

  std::mt19937 random_;
  int loss_;
  int double_;
  int max_delay_;
  std::vector<Flight> in_flight_;
};

/// One tunnel for a day, in steps of `step`. The client sends a keepalive every 25 s.
struct Model {
  Model(std::uint64_t seed, int loss, int doubled, int max_delay)
      : network(seed, loss, doubled, max_delay), random(seed) {}

  void run(std::chrono::seconds duration, milliseconds step) {
    const auto end = tunnel.clock.now.steady + duration;
    while (tunnel.clock.now.steady < end) {
      tunnel.clock.pass(step);
      const base::Now now = tunnel.clock.now;
      network.take(now.steady, [&](bool to_server, Datagram datagram) {
        if (to_server) {
          tunnel.server.receive(std::move(datagram), home, now);
        } else {
          tunnel.client.receive(std::move(datagram), tunnel.to_server, now);
        }
      });
      tunnel.client.engine.tick(now);
      tunnel.server.engine.tick(now);
      if (now.steady >= next_keepalive) keep_alive(now);
      if (wants_data && random() % 50 == 0) (void)tunnel.client_sends(Octets(100, 1));
      flush(now);
      note_silence(now);
    }
  }

  void keep_alive(base::Now now) {
    next_keepalive = now.steady + seconds(25);
    if (tunnel.client_sends()) return;
    if (now.steady < next_handshake) return;
    next_handshake = now.steady + seconds(5);
    (void)tunnel.client.engine.initiate(tunnel.server.engine.public_key(), tunnel.to_server, 18,
                                        now);
  }
  void flush(base::Now now) {
    network.put(tunnel.client.take_sent(), true, now.steady, client);
    network.put(tunnel.server.take_sent(), false, now.steady, server);
  }
  void note_silence(base::Now now) {
    if (!tunnel.server.out.events.empty()) {
      for (const Event& event : tunnel.server.out.events) {
        CHECK(event.peer == tunnel.client.engine.public_key());
        CHECK(event.received.is_proven);
      }
      last_heard = now.steady;
      heard += static_cast<int>(std::exchange(tunnel.server.out.events, {}).size());
    }
    longest_silence = std::max(longest_silence, now.steady - last_heard);
  }

  Tunnel tunnel;
  Network network;
  std::mt19937_64 random;
  Tally client;
  Tally server;
  bool wants_data = false;
  base::SteadyTime next_keepalive = tunnel.clock.now.steady;
  base::SteadyTime next_handshake = tunnel.clock.now.steady;
  base::SteadyTime last_heard = tunnel.clock.now.steady;
  std::chrono::nanoseconds longest_silence{};
  int heard = 0;
};

TEST_CASE("six hours with only a keepalive: the peer renews its session every 125 s") {
  Model model(1, 0, 0, 30);
  model.run(std::chrono::hours(6), milliseconds(100));
  // The first keepalive after 120 s renews: every 125 s, 172 times in six hours.
  CHECK(model.client.initiations >= 165);
  CHECK(model.client.initiations <= 180);
  CHECK(model.server.responses == model.client.initiations);
  CHECK(model.server.initiations == 0);
  CHECK(model.longest_silence <= seconds(26));
  CHECK(model.tunnel.server.engine.counters().replayed == 0);
  CHECK(model.tunnel.server.engine.counters().unknown_session == 0);
}

TEST_CASE("six hours, begun by us: then we renew, by answering keepalives") {
  Model model(2, 0, 0, 30);
  REQUIRE(model.tunnel.server.engine.initiate(model.tunnel.client.engine.public_key(), home, 1,
                                              model.tunnel.clock.now));
  model.next_keepalive += seconds(1);
  model.flush(model.tunnel.clock.now);
  model.run(std::chrono::hours(6), milliseconds(100));
  CHECK(model.server.initiations >= 165);
  CHECK(model.server.initiations <= 181);
  CHECK(model.client.initiations == 0);
  CHECK(model.longest_silence <= seconds(26));
}

TEST_CASE("hours of data through a bad network: never silent for longer than three attempts") {
  for (const std::uint64_t seed : {11U, 12U, 13U}) {
    CAPTURE(seed);
    Model model(seed, 20, 10, 400);
    model.wants_data = true;
    model.run(std::chrono::hours(2), milliseconds(50));
    CHECK(model.heard > 2000);
    CHECK(model.longest_silence <= seconds(60));
    CHECK(model.tunnel.server.out.inner_packets.size() > 1000);
    // Nothing arrives twice: fewer inner packets arrive than were sent.
    CHECK(model.tunnel.server.engine.counters().replayed > 0);
  }
}

}  // namespace
