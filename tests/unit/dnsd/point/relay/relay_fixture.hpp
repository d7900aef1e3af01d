#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/point/relay/relay.hpp"
#include "noise/mac_checker.hpp"
#include "tests/unit/lib/noise/engine_fixture.hpp"

/// A relay, its peers as real ends of tunnels, and what is in flight between them: no socket, no
/// clock. Packets of a step arrive in the next one.
namespace relay_test {

using dnsd::Relay;
using Kind = Relay::Verdict::Kind;
using wg_test::Clock;
using wg_test::milliseconds;
using wg_test::Octets;
using wg_test::path_of;
using wg_test::seconds;

class OwnIndices : public Relay::Sessions {
 public:
  [[nodiscard]] bool owns_index(noise::SessionIndex index) const override {
    return indices.contains(index);
  }
  std::set<noise::SessionIndex> indices;
};

inline noise::SessionIndex index_at(const Octets& datagram, std::size_t offset) {
  noise::SessionIndex result = 0;
  for (std::size_t i = 4; i-- > 0;) result = result << 8U | datagram.at(offset + i);
  return result;
}

/// A peer of the point: its engine, where it is, and what the relay did with what it sent.
struct Peer {
  explicit Peer(const std::string& where)
      : place(path_of(where)), end({.answers_keepalives = false}) {}

  [[nodiscard]] const wg::PublicKey& key() const { return end.engine.public_key(); }
  [[nodiscard]] int inner_packets() const { return static_cast<int>(end.out.inner_packets.size()); }
  /// Datagrams other than initiations that it accepted.
  [[nodiscard]] std::size_t accepted() const { return end.out.events.size(); }

  noise::Path place;
  wg_test::End end;
};

struct Net {
  explicit Net(dnsd::RelayRates limits = {}) : rates(limits) { restart(); }

  /// A relay that knows nothing of the one before.
  void restart() {
    relay = std::make_unique<Relay>(point.public_key(), rates, own);
    for (const auto& peer : peers) know(*peer);
  }
  void know(Peer& peer) {
    relay->add_peer(peer.key());
    relay->set_place(peer.key(), peer.place, clock.now.steady);
  }
  /// A peer that knows all others.
  Peer& add(const std::string& place) {
    peers.push_back(std::make_unique<Peer>(place));
    Peer& added = *peers.back();
    know(added);
    for (const auto& peer : peers) {
      if (peer.get() == &added) continue;
      peer->end.engine.add_peer(added.key(), {});
      added.end.engine.add_peer(peer->key(), {});
    }
    return added;
  }
  [[nodiscard]] Peer* at(const noise::Path& path) {
    for (const auto& peer : peers) {
      if (peer->place == path) return peer.get();
    }
    return nullptr;
  }

  Kind pass(Octets datagram, const noise::Path& from) {
    const Relay::Verdict verdict = relay->receive(datagram, from, clock.now.steady);
    verdicts.push_back(verdict.kind);
    if (verdict.kind == Kind::forward) {
      CHECK(verdict.path->remote != from.remote);
      in_flight.emplace_back(*verdict.path, std::move(datagram));
    } else if (verdict.kind == Kind::reply) {
      const base::Bytes reply = relay->reply();
      REQUIRE(verdict.path != nullptr);
      CHECK(*verdict.path == from);
      in_flight.emplace_back(*verdict.path, Octets(reply.begin(), reply.end()));
    } else if (verdict.kind == Kind::ask_back) {
      REQUIRE(verdict.path != nullptr);
      CHECK(*verdict.path == from);
      asked.push_back(*verdict.peer);
    }
    return verdict.kind;
  }
  /// Whatever the peers have sent goes to the relay, and arrives after that. \return datagrams
  std::size_t step() {
    const std::size_t before = verdicts.size();
    for (const auto& peer : peers) {
      for (wg_test::Datagram& datagram : peer->end.take_sent())
        pass(std::move(datagram.octets), peer->place);
    }
    auto arriving = std::exchange(in_flight, {});
    for (auto& [path, octets] : arriving) {
      if (Peer* const peer = at(path)) peer->end.receive({{}, octets}, to_relay, clock.now);
    }
    return verdicts.size() - before;
  }
  void deliver_all() {
    for (int i = 0; i < 50 && step() > 0; ++i) clock.pass(milliseconds(1));
  }
  void pass_time(milliseconds time) {
    clock.pass(time);
    for (const auto& peer : peers) peer->end.engine.tick(clock.now);
    relay->tick(clock.now.steady);
  }
  void see_all() {
    for (const auto& peer : peers) relay->set_place(peer->key(), peer->place, clock.now.steady);
  }

  bool initiate(Peer& from, Peer& to, int attempts = 1) {
    return from.end.engine.initiate(to.key(), to_relay, attempts, clock.now);
  }
  bool ping(Peer& from, Peer& to) {
    return from.end.engine.send(to.key(), wg_test::ping(), clock.now);
  }
  void connect(Peer& from, Peer& to) {
    REQUIRE(initiate(from, to));
    deliver_all();
    REQUIRE(pings(from, to));
    REQUIRE(pings(to, from));
  }
  /// Whether a packet arrives.
  bool pings(Peer& from, Peer& to) {
    const std::size_t before = to.accepted();
    if (!ping(from, to)) return false;
    deliver_all();
    return to.accepted() == before + 1;
  }
  /// A session that the relay knows nothing of.
  void connect_directly(Peer& from, Peer& to) {
    REQUIRE(from.end.engine.initiate(to.key(), to.place, 1, clock.now));
    for (int i = 0; i < 3; ++i) {
      for (auto& datagram : from.end.take_sent())
        to.end.receive(std::move(datagram), from.place, clock.now);
      for (auto& datagram : to.end.take_sent())
        from.end.receive(std::move(datagram), to.place, clock.now);
    }
  }
  /// What a peer sends now, not passed on.
  Octets sent(Peer& peer) {
    auto sent = peer.end.take_sent();
    REQUIRE(sent.size() == 1);
    return sent[0].octets;
  }
  Octets initiation(Peer& from, Peer& to) {
    REQUIRE(initiate(from, to));
    return sent(from);
  }
  Octets data(Peer& from, Peer& to) {
    REQUIRE(ping(from, to));
    const auto sent = from.end.take_sent();  // maybe with an initiation, or a keepalive
    const auto data = std::find_if(sent.begin(), sent.end(),
                                   [](const auto& datagram) { return datagram.octets[0] == 4; });
    REQUIRE(data != sent.end());
    return data->octets;
  }
  [[nodiscard]] const dnsd::RelayCounters& counters() const { return relay->counters(); }

  Clock clock;
  noise::KeyPair point = noise::KeyPair::draw();
  OwnIndices own;
  dnsd::RelayRates rates;
  std::vector<std::unique_ptr<Peer>> peers;
  std::unique_ptr<Relay> relay;
  noise::Path to_relay = path_of("198.51.100.1:51820");
  std::deque<std::pair<noise::Path, Octets>> in_flight;
  std::vector<Kind> verdicts;
  std::vector<wg::PublicKey> asked;
};

/// Messages that anybody can make, with a right mac1.
inline Octets made_initiation(const Peer& to, noise::SessionIndex sender) {
  Octets result(noise::initiation_octets);
  noise::write_initiation(sender, to.key(), Octets(48, 1), Octets(28, 2), result);
  noise::MacWriter().write(to.key(), {}, result);
  return result;
}
inline Octets made_response(const Peer& to, noise::SessionIndex sender,
                            noise::SessionIndex receiver) {
  Octets result(noise::response_octets);
  noise::write_response(sender, receiver, to.key(), Octets(16, 3), result);
  noise::MacWriter().write(to.key(), {}, result);
  return result;
}
inline Octets made_data(noise::SessionIndex receiver, std::size_t size = 32) {
  Octets result(size, 5);
  noise::write_data_header(receiver, 1, base::MutableBytes(result).first(16));
  return result;
}

struct Pair {
  explicit Pair(dnsd::RelayRates rates = {}) : net(rates) {}

  Kind initiate(noise::SessionIndex sender) {
    return net.pass(made_initiation(bob, sender), alice.place);
  }
  Kind respond(noise::SessionIndex sender, noise::SessionIndex receiver) {
    return net.pass(made_response(alice, sender, receiver), bob.place);
  }
  /// A session in which alice sends under `index`, and bob under `index` + 1.
  void make_session(noise::SessionIndex index) {
    REQUIRE(initiate(index + 1) == Kind::forward);
    REQUIRE(respond(index, index + 1) == Kind::forward);
  }
  Kind alice_sends(noise::SessionIndex index) { return net.pass(made_data(index), alice.place); }
  Kind bob_sends(noise::SessionIndex index) { return net.pass(made_data(index), bob.place); }
  void wait(milliseconds time) {
    net.clock.pass(time);
    net.see_all();
  }

  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
};

}  // namespace relay_test
