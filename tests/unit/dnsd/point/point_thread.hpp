#pragma once

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/point/observation_point.hpp"
#include "dnsd/point/point_socket.hpp"

/// A built-in point with its thread and its socket, on loopback, and peers that the test runs.
namespace point_thread {

using dnsd::ObservationPoint;
using dnsd::PointReport;
using std::chrono::seconds;

inline constexpr seconds generous{20};

/// Collects reports of a point's thread; the test's thread waits for them.
class Inbox {
 public:
  void put(PointReport report) {
    const std::lock_guard lock(mutex_);
    for (auto& seen : report.seen) all_.seen.push_back(seen);
    for (auto& mark : report.marks) all_.marks.push_back(mark);
    for (auto& change : report.routes) all_.routes.push_back(change);
    all_.last_timestamp = report.last_timestamp;
    changed_.notify_all();
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, generous, [&] { return condition(all_); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  PointReport all_;
};

/// A peer with a socket of its own, run by the test.
class Peer : public noise::Engine::Handler {
 public:
  explicit Peer(const std::string& listen = "127.0.0.1:0") : socket_(open(listen)) {}

  void send(const noise::Path& path, base::Bytes datagram) override {
    if (held != nullptr) {
      held->insert(held->end(), datagram.begin(), datagram.end());
      return;
    }
    socket_.lend(path, datagram, datagram.size());
    socket_.flush();
  }
  void received(const wg::PublicKey& /*peer*/, const noise::Received& received) override {
    ++received_count;
    last = received;
  }
  void inner(const wg::PublicKey& /*peer*/, base::Bytes packet) override {
    inner_packets.emplace_back(packet.begin(), packet.end());
  }
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, seconds /*by*/) override {}

  template <typename Condition>
  bool run_until(Condition condition);
  void receive() {
    for (const dnsd::PointSocket::Arrival& arrival : socket_.receive()) {
      most_joined = std::max(most_joined, arrival.datagrams());
      for (base::MutableBytes rest = arrival.octets; !rest.empty();) {
        const std::size_t size = std::min(arrival.segment, rest.size());
        engine.receive(rest.first(size), *arrival.path, base::read_clock());
        rest = rest.subspan(size);
      }
    }
  }
  [[nodiscard]] int fd() const { return socket_.fd(); }
  /// Sends datagrams of one size, one behind the other in `octets`, as one.
  void send_joined(const noise::Path& path, base::Bytes octets, std::size_t segment) {
    socket_.lend(path, octets, segment);
    socket_.flush();
  }
  void move(const std::string& listen) { socket_ = open(listen); }
  void swap(Peer& other) { std::swap(socket_, other.socket_); }

  noise::Engine engine{noise::KeyPair::draw(), *this, {.answers_keepalives = false}};
  std::vector<std::uint8_t>* held = nullptr;  ///< what would be sent goes there
  std::size_t most_joined = 0;                ///< datagrams in one arrival
  int received_count = 0;
  noise::Received last;
  std::vector<std::vector<std::uint8_t>> inner_packets;

 private:
  static dnsd::PointSocket open(const std::string& listen) {
    // Port 0 asks for any port; Endpoint::parse refuses it.
    const std::size_t colon = listen.rfind(':');
    auto opened =
        dnsd::PointSocket::open({*base::IpAddress::parse(listen.substr(0, colon)), base::Port{0}});
    REQUIRE(opened.has_value());
    return std::move(*opened);
  }
  dnsd::PointSocket socket_;
};

/// Lets peers receive until then. \return false: it took too long.
template <typename Condition>
bool run_until(const std::vector<Peer*>& peers, Condition condition) {
  const auto end = std::chrono::steady_clock::now() + generous;
  while (!condition()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    std::vector<pollfd> waiting;
    for (const Peer* peer : peers) waiting.push_back({peer->fd(), POLLIN, 0});
    // Not for ever: the point's thread may do what is waited for.
    (void)::poll(waiting.data(), waiting.size(), std::min(static_cast<int>(left.count()), 20));
    for (Peer* peer : peers) peer->receive();
  }
  return true;
}

template <typename Condition>
bool Peer::run_until(Condition condition) {
  return point_thread::run_until({this}, condition);
}

/// A free port: the kernel chooses it, and it is closed again.
inline base::Endpoint free_place(const std::string& address) {
  const auto socket = dnsd::PointSocket::open({*base::IpAddress::parse(address), base::Port{0}});
  REQUIRE(socket.has_value());
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  void* raw = &storage;
  REQUIRE(::getsockname(socket->fd(), static_cast<sockaddr*>(raw), &size) == 0);
  return *base::Endpoint::from_sockaddr(storage);
}

struct Fixture {
  explicit Fixture(const std::string& address = "127.0.0.1", dnsd::InnerHandler inner = {}) {
    place = free_place(address);
    wg::PrivateKey key;
    noise::fill_random(key.span());
    auto opened = ObservationPoint::open(
        {place, {*base::IpAddress::parse("10.0.0.254")}}, key,
        [this](PointReport report) { inbox.put(std::move(report)); }, std::move(inner), budget);
    REQUIRE(opened.has_value());
    point = std::move(*opened);
    peer.engine.add_peer(point->public_key(), {});
  }
  [[nodiscard]] noise::Path to_point() const { return {place, {}}; }
  bool connect() {
    const int before = peer.received_count;
    (void)peer.engine.initiate(point->public_key(), to_point(), 1, base::read_clock());
    return peer.run_until([&] { return peer.received_count > before + 1; });
  }

  base::Endpoint place;
  dnsd::TrialBudget budget;
  Inbox inbox;
  Peer peer;
  std::unique_ptr<ObservationPoint> point;
};

}  // namespace point_thread
