#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <random>
#include <vector>

#include "samples.hpp"
#include "updater/machine.hpp"

/// Two updaters, each in front of a model of WireGuard behind a model of a cone NAT, with a host
/// that publishes what it sees. Time is virtual; one seed gives one course of events.
///
/// What is modelled of WireGuard is what design §4 and the state machine build on: one handshake
/// slot per peer, the 5 s between own initiations (responses and attempts without an endpoint
/// count), own repetitions every 5.0–5.33 s, a keepalive turned on that sends at once and may stay
/// unarmed, roaming on every authenticated packet, a responder that is sure only after the first
/// packet of the session.
namespace model {

using namespace samples;
using Time = double;  ///< seconds since the start

struct Conditions {
  double delay = 0.02;  ///< one way, seconds
  double loss = 0;      ///< of packets between the peers
  bool pings = false;   ///< alice sends five echo requests per second, bob answers
};

class World {
 public:
  World(std::uint32_t seed, Conditions conditions);

  /// An updater runs from this time on.
  void start_updater(std::size_t side, Time when);
  /// The NAT of this side forgets its mappings and gives another port.
  void rebind(std::size_t side, Time when);
  /// Runs until both sides have a session, or the limit. \return when, or nullopt.
  std::optional<Time> run_until_direct(Time limit);
  /// Runs until an echo reply reaches alice, or the limit. \return when, or nullopt.
  std::optional<Time> run_until_reply(Time limit);
  void run_until(Time limit);

  /// Endpoint writes to a peer that had been heard less than 1.5 s before.
  [[nodiscard]] unsigned writes_to_live_peers() const { return writes_to_live_peers_; }

 private:
  enum class Kind : std::uint8_t {
    initiation,
    response,
    keepalive,
    request,
    reply,
    echo,
    echo_reply
  };
  struct Packet {
    Kind kind{};
    std::uint64_t handshake = 0;  ///< which one it begins, answers or stands on
    base::Endpoint from;
  };
  struct Session {
    std::uint64_t handshake = 0;
    Time begun = 0;
    bool is_initiator = false;
  };
  struct Side {
    wg::Device device;
    std::unique_ptr<updater::Machine> machine;
    Time next_poll = 1e9;
    base::Endpoint mapping;                  ///< what the world sees
    std::map<base::Endpoint, Time> sent_to;  ///< lets answers in
    base::Endpoint published;                ///< what DNS says
    // WireGuard
    Time last_handshake_sent = -1e9;
    std::optional<std::uint64_t> own_handshake;  ///< the slot, as initiator
    std::optional<Session> unconfirmed;          ///< as responder
    std::optional<Session> session;
    unsigned attempts = 0;
    std::uint64_t retry_timer = 0;      ///< the valid one; others are stale
    std::uint64_t keepalive_timer = 0;  ///< likewise
    Time last_received = -1e9;
    Time probed = 0;  ///< the last echo request
  };
  struct Event {
    Time when;
    std::uint64_t order;
    std::function<void()> run;
    bool operator>(const Event& other) const {
      return when != other.when ? when > other.when : order > other.order;
    }
  };

  wg::DevicePeer& peer(std::size_t side) { return sides_[side].device.peers[0]; }
  void at_time(Time when, std::function<void()> run) {
    events_.push({when, next_order_++, std::move(run)});
  }
  bool step(Time limit);

  void poll(std::size_t side);
  void apply(std::size_t side, const wg::PeerUpdate& update);
  void hub_hears(std::size_t side);
  void initiate(std::size_t side, bool is_retry);
  void send_session(std::size_t side, Kind kind);
  void send(std::size_t side, Kind kind, std::uint64_t handshake, std::uint64_t octets);
  void receive(std::size_t side, const Packet& packet);
  void establish(std::size_t side, const Session& session);
  void arm_keepalive(std::size_t side);
  [[nodiscard]] bool has_session(const Side& side) const {
    return side.session && now_ - side.session->begun < 180;
  }
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }

  Conditions conditions_;
  std::mt19937 random_;
  std::array<Side, 2> sides_;  // alice, bob
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t next_order_ = 0;
  std::uint64_t next_handshake_ = 1;
  Time now_ = 0;
  std::optional<Time> last_reply_;
  unsigned writes_to_live_peers_ = 0;
};

}  // namespace model
