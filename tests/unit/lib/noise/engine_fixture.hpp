#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "noise/engine.hpp"

/// Two ends of a tunnel and the packets between them, for tests: no socket, no clock.
namespace wg_test {

using Octets = std::vector<std::uint8_t>;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Datagram {
  noise::Path path;
  Octets octets;
};

struct Event {
  wg::PublicKey peer;
  noise::Received received;
};

/// Records what an engine sends and reports.
class Recorder : public noise::Engine::Handler {
 public:
  void send(const noise::Path& path, base::Bytes datagram) override {
    sent.push_back({path, Octets(datagram.begin(), datagram.end())});
  }
  void received(const wg::PublicKey& peer, const noise::Received& event) override {
    events.push_back({peer, event});
  }
  void inner(const wg::PublicKey& peer, base::Bytes packet) override {
    inner_packets.push_back({peer, Octets(packet.begin(), packet.end())});
  }
  void unknown_session(const noise::Path& path) override { unknown.push_back(path); }
  bool may_answer_old(const wg::PublicKey& /*peer*/, const noise::Path& /*path*/) override {
    return answers_old;
  }
  void clock_behind(const wg::PublicKey& peer, seconds by) override {
    behind.emplace_back(peer, by);
  }

  std::vector<Datagram> sent;
  std::vector<Event> events;
  std::vector<std::pair<wg::PublicKey, Octets>> inner_packets;
  std::vector<noise::Path> unknown;
  std::vector<std::pair<wg::PublicKey, seconds>> behind;
  bool answers_old = false;
};

inline noise::Path path_of(const std::string& remote) {
  return {*base::Endpoint::parse(remote), *base::IpAddress::parse("198.51.100.1")};
}

/// A clock that the test moves.
struct Clock {
  base::Now now{base::SteadyTime{} + std::chrono::hours(24),
                base::WallTime{seconds(1'800'000'000)}};

  void pass(milliseconds by) {
    now.steady += by;
    rest_ += by;
    now.wall += std::chrono::duration_cast<seconds>(rest_);
    rest_ %= 1000;
  }

 private:
  milliseconds rest_{};
};

/// One end, with everything it recorded.
struct End {
  explicit End(noise::Engine::Options options = {})
      : engine(noise::KeyPair::draw(), out, options) {}

  Recorder out;
  noise::Engine engine;

  [[nodiscard]] std::vector<Datagram> take_sent() { return std::exchange(out.sent, {}); }
  void receive(Datagram datagram, const noise::Path& from, base::Now now) {
    engine.receive(datagram.octets, from, now);
  }
};

/// `server` behaves as wg-dnsd, `client` as a peer with a keepalive.
struct Tunnel {
  explicit Tunnel(const wg::PresharedKey& psk = {}) {
    server.engine.add_peer(client.engine.public_key(), psk);
    client.engine.add_peer(server.engine.public_key(), psk);
  }

  /// Delivers packets until none is in flight. \param from the client's address.
  void deliver_all(const noise::Path& from) {
    for (int i = 0; i < 20 && !(client.out.sent.empty() && server.out.sent.empty()); ++i) {
      for (Datagram& datagram : client.take_sent())
        server.receive(std::move(datagram), from, clock.now);
      for (Datagram& datagram : server.take_sent())
        client.receive(std::move(datagram), to_server, clock.now);
    }
  }
  void connect(const noise::Path& from) {
    (void)client.engine.initiate(server.engine.public_key(), to_server, 1, clock.now);
    deliver_all(from);
  }
  bool client_sends(base::Bytes inner = {}) {
    return client.engine.send(server.engine.public_key(), inner, clock.now);
  }

  Clock clock;
  noise::Path to_server = path_of("198.51.100.1:51820");
  End server;
  End client{{.answers_keepalives = false}};
};

inline const noise::Path home = path_of("203.0.113.10:4711");
inline const noise::Path elsewhere = path_of("203.0.113.99:1111");

inline Octets ping() {
  return Octets(40, 0x45);
}

/// The client's initiation, not delivered.
inline Datagram initiation_of(Tunnel& tunnel) {
  REQUIRE(tunnel.client.engine.initiate(tunnel.server.engine.public_key(), tunnel.to_server, 1,
                                        tunnel.clock.now));
  auto sent = tunnel.client.take_sent();
  REQUIRE(sent.size() == 1);
  return sent[0];
}

/// The one datagram that the client sends for a keepalive or an inner packet, not delivered.
inline Datagram data_of(Tunnel& tunnel, base::Bytes inner = {}) {
  REQUIRE(tunnel.client_sends(inner));
  auto sent = tunnel.client.take_sent();
  REQUIRE(sent.size() == 1);
  return sent[0];
}

}  // namespace wg_test
