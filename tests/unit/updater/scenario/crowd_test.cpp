#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "tests/simulation/wireguard.hpp"
#include "tests/unit/updater/samples.hpp"
#include "updater/machine.hpp"

// Many peers that DNS puts at one address (doc/protocol.md §4.10): what a machine sends there
// through WireGuard. All peers are sent data every second, which makes WireGuard try as often as it
// can.

namespace {

using namespace samples;

const base::IpAddress victim = address("203.0.113.66");

class Crowd {
 public:
  explicit Crowd(unsigned count, bool one_round = false)
      : machine_({{}, 25s, one_round}, {}, 1), count_(count) {
    device_.name = "wg0";
    device_.public_key = key(0x20);
    for (unsigned i = 0; i < count; ++i) {
      base::Octets32 octets{};
      octets[0] = static_cast<std::uint8_t>(i);
      octets[1] = static_cast<std::uint8_t>(i / 256);
      octets[31] = 2;
      auto& peer = peers_.emplace_back(
          events_, [this, i](const base::Endpoint& to, const model::Packet& packet) {
            send(i, to, packet);
          });
      peer.shown.public_key = wg::PublicKey(octets);
      peer.shown.allowed_ips = {
          prefix("10.7." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + "/32")};
      device_.peers.push_back(peer.shown);
      index_.emplace(peer.shown.public_key, i);
    }
  }

  /// DNS says where each peer is.
  std::function<base::Endpoint(unsigned peer)> published = [](unsigned peer) {
    return base::Endpoint{victim, base::Port{static_cast<std::uint16_t>(10000 + peer)}};
  };
  /// What a peer does with a packet of ours; by default nothing.
  std::function<void(unsigned peer, const model::Packet& packet)> receive =
      [](unsigned, const model::Packet&) {};
  bool has_traffic = true;

  void run(double until) {
    if (events_.now() == 0) {
      step();
      if (has_traffic) send_data();
    }
    events_.run_until(until);
  }

  model::WireGuard& peer(unsigned i) { return peers_[i]; }
  [[nodiscard]] updater::Machine& machine() { return machine_; }
  [[nodiscard]] double now() const { return events_.now(); }
  /// Times of the packets to the victim's address.
  [[nodiscard]] const std::vector<double>& sent() const { return sent_; }
  [[nodiscard]] const std::set<unsigned>& reached() const { return reached_; }
  /// The most packets in any second.
  [[nodiscard]] std::size_t peak() const {
    std::size_t most = 0;
    for (auto first = sent_.begin(); first != sent_.end(); ++first) {
      const auto end = std::lower_bound(first, sent_.end(), *first + 1);
      most = std::max(most, static_cast<std::size_t>(end - first));
    }
    return most;
  }
  [[nodiscard]] std::size_t sessions() const {
    return static_cast<std::size_t>(std::count_if(
        peers_.begin(), peers_.end(), [](const auto& peer) { return peer.has_session(); }));
  }

 private:
  void send(unsigned i, const base::Endpoint& to, const model::Packet& packet) {
    if (to.address != victim) return;
    sent_.push_back(events_.now());
    reached_.insert(i);
    receive(i, packet);
  }

  void step() {
    for (unsigned i = 0; i < count_; ++i) device_.peers[i] = peers_[i].shown;
    const updater::Plan plan = machine_.step(at(events_.now()), device_, host_);
    for (const updater::Change& change : plan.changes) {
      for (const wg::PeerUpdate& update : change.updates)
        peers_[index_.at(update.public_key)].set(update);
    }
    for (const auto& lookup : plan.lookups) {
      const auto found = index_.find(lookup.peer);
      if (found == index_.end()) continue;
      const updater::PublishedEndpoints endpoints{{published(found->second)}, dns::Ttl{1}};
      (void)machine_.learn(at(events_.now()), {lookup.peer, endpoints, std::nullopt});
    }
    const double next = std::chrono::duration<double>(plan.next - base::SteadyTime(1000s)).count();
    events_.at(std::max(next, events_.now() + 0.2), [this] { step(); });
  }

  void send_data() {
    for (auto& peer : peers_) {
      if (peer.shown.endpoint) peer.send(model::Kind::request);
    }
    events_.after(1, [this] { send_data(); });
  }

  model::Events events_{1};
  updater::Machine machine_;
  unsigned count_;
  std::deque<model::WireGuard> peers_;  // none of them moves
  std::map<wg::PublicKey, unsigned> index_;
  wg::Device device_;
  std::vector<base::InterfaceAddress> host_ = {own("192.168.1.5"), own("2001:db8:5::5"),
                                               own("10.7.99.2", "wg0")};
  std::vector<double> sent_;
  std::set<unsigned> reached_;
};

}  // namespace

TEST_CASE("many peers at one silent address get 2 packets per second in all") {
  Crowd crowd(300);
  crowd.run(30);
  CHECK(crowd.peak() <= 2);
  CHECK(crowd.sent().size() > 15);  // they do take turns
  CHECK(crowd.reached().size() > 15);
}

TEST_CASE("each of many peers at one silent address has its turn, again and again") {
  Crowd crowd(20);
  crowd.has_traffic = false;
  crowd.run(150);
  CHECK(crowd.peak() <= 2);
  CHECK(crowd.reached().size() == 20);
  const auto late = std::count_if(crowd.sent().begin(), crowd.sent().end(),
                                  [](double when) { return when > 100; });
  CHECK(late >= 20);
}

TEST_CASE("two peers at one silent address are tried as one is") {
  Crowd crowd(2);
  crowd.run(60);
  CHECK(crowd.peak() <= 2);
  for (unsigned i = 0; i < 2; ++i) {
    CHECK(crowd.peer(i).shown.endpoint == crowd.published(i));
    CHECK(crowd.peer(i).handshakes_begun() >= 10);
  }
}

TEST_CASE("once one peer has answered there, all others are tried at once") {
  Crowd crowd(100);
  double answers_from = 30;
  crowd.receive = [&](unsigned i, const model::Packet& packet) {
    if (crowd.now() < answers_from || packet.kind != model::Kind::initiation) return;
    model::Packet response;
    response.kind = model::Kind::response;
    response.handshake = packet.handshake;
    (void)crowd.peer(i).receive(crowd.published(i), response);
  };
  crowd.run(30);
  CHECK(crowd.sessions() == 0);
  crowd.run(45);
  CHECK(crowd.sessions() == 100);
}

TEST_CASE("a peer's packet from an address does not prove it, the reply to an echo request does") {
  updater::AddressLimit limit(false);
  const base::Endpoint there{victim, base::Port{1}};
  wg::DevicePeer liar;
  liar.public_key = key(1);
  limit.observe(at(0), liar);
  liar.endpoint = there;
  liar.latest_handshake = handshake_at(1);  // its first packet of the session came from there
  limit.observe(at(1), liar);
  const auto admitted = [&](double seconds) {
    std::size_t count = 0;
    for (std::uint8_t i = 10; i < 20; ++i)
      count += limit.admit(at(seconds).steady, key(i), there) ? 1U : 0U;
    return count;
  };
  CHECK(admitted(1) == 2);
  limit.take_reply(key(1));  // none was sent
  CHECK(admitted(1) == 2);
  SUBCASE("an echo request") {
    limit.send_echo(key(1));
    limit.take_reply(key(1));
  }
  SUBCASE("the next handshake") {
    liar.latest_handshake = handshake_at(121);
    limit.observe(at(121), liar);
  }
  CHECK(admitted(121) == 10);
}

TEST_CASE("the addresses of one IPv6 network count as one") {
  Crowd crowd(3);
  crowd.published = [](unsigned peer) {
    return endpoint("[2001:db8:66::" + std::to_string(peer + 1) + "]:51820");
  };
  crowd.run(20);
  const auto set = [&](unsigned i) { return crowd.peer(i).shown.endpoint == crowd.published(i); };
  CHECK((set(0) && set(1) && set(2)) == false);
}

TEST_CASE("one round points five peers at a silent address, one per second, and ends") {
  Crowd crowd(30, /*one_round=*/true);
  crowd.has_traffic = false;
  crowd.run(8);
  CHECK(crowd.machine().is_settled());
  CHECK(crowd.peak() <= 2);
  unsigned set = 0;
  for (unsigned i = 0; i < 30; ++i) set += crowd.peer(i).shown.endpoint ? 1U : 0U;
  CHECK(set == 5);
}

TEST_CASE("at its end the machine leaves those that wait for a turn where nothing is sent") {
  Crowd crowd(20);
  crowd.run(30);
  const auto before = crowd.sent().size();
  wg::Device device;
  device.name = "wg0";
  for (unsigned i = 0; i < 20; ++i) device.peers.push_back(crowd.peer(i).shown);
  for (const updater::Change& change : crowd.machine().give_back(device)) {
    for (const wg::PeerUpdate& update : change.updates) CHECK(!update.endpoint);
  }
  CHECK(before > 10);
}
