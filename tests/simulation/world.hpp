#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/events.hpp"
#include "tests/simulation/hub.hpp"
#include "tests/simulation/nat.hpp"
#include "tests/simulation/wireguard.hpp"
#include "updater/machine.hpp"

/// Two updaters, each with a model of WireGuard behind a model of a NAT, and a public host that
/// publishes where it sees them, and may pass their packets on. Time is virtual; the same seed
/// gives the same course.
namespace model {

enum class Traffic : std::uint8_t {
  none,
  pings,       ///< alice asks five times per second, bob answers
  both,        ///< both ask
  flow,        ///< alice sends ten packets per second, bob nothing
  bursts,      ///< alice asks for 3 s of every 20 s
  slow_pings,  ///< alice asks every 7 s
};

struct Conditions {
  std::array<NatKind, 2> nats = {NatKind::cone, NatKind::cone};
  /// The two are behind one box, which does not turn packets to its own address round.
  bool shares_nat = false;
  std::array<double, 2> delays = {0.02, 0.02};          ///< one way, seconds: from alice, from bob
  std::array<double, 2> hub_delays = {0.01, 0.01};      ///< of each, to the host and from it
  double loss = 0;                                      ///< of packets between any two
  bool relays = false;                                  ///< the host passes packets on, and says so
  updater::RelayUse use = updater::RelayUse::fallback;  ///< of both updaters
  Traffic traffic = Traffic::none;
  Time traffic_begins = 0;
  std::array<bool, 2> keepalive_preset = {false, false};  ///< the user's, towards the other peer
};

class World {
 public:
  World(std::uint32_t seed, Conditions conditions);

  /// From this time on an updater runs.
  void start_updater(std::size_t side, Time when);
  /// The NAT of this side forgets its mappings; new ones get another port.
  void rebind(std::size_t side, Time when);

  /// Asks the hub to adopt the session with the other side, as `via=` does. \return granted
  bool ask_adoption(std::size_t side) {
    return hub_.adopt(sides_.at(side).key(), sides_.at(1 - side).key());
  }
  /// A stranger sends an initiation for the other side's key, from where this side is.
  void forge_initiation(std::size_t side);

  /// This side's own addresses change behind its NAT, which keeps its mapping.
  /// \param loses_source the address that it used towards the other side is gone.
  void readdress(std::size_t side, Time when, bool loses_source);

  /// Runs until packets of one session pass in both directions, or the limit. \return the time.
  std::optional<Time> run_until_direct(Time limit);
  /// The same, directly or through the relay, or one way by each.
  std::optional<Time> run_until_connected(Time limit);
  struct Watched {
    std::optional<Time> direct_at;  ///< packets pass directly, both ways, for a second from then on
    Time longest_gap = 0;           ///< without a way in one of the two directions
  };
  /// Runs to the limit.
  Watched watch(Time limit);
  /// Runs until both sides have had a handshake with each other, or the limit. \return the time.
  std::optional<Time> run_until_handshakes(Time limit);
  /// Runs until an echo reply reaches a side, or the limit. \return the time.
  std::optional<Time> run_until_reply(std::size_t side, Time limit);
  void run_until(Time limit) { events_.run_until(limit); }
  void schedule(Time when, std::function<void()> run) { events_.at(when, std::move(run)); }

  [[nodiscard]] Time now() const { return events_.now(); }
  [[nodiscard]] bool is_direct() const;
  [[nodiscard]] bool is_connected() const;
  /// One way, seconds, on the path that packets from this side take now.
  [[nodiscard]] Time delay_from(std::size_t side) const;
  /// The same, from the side that did not begin the session.
  [[nodiscard]] Time delay_to_initiator() const {
    return delay_from(sides_[0].tunnel->is_initiator() ? 1 : 0);
  }
  [[nodiscard]] const Hub& hub() const { return hub_; }
  [[nodiscard]] bool relays() const { return conditions_.relays; }
  /// The source that the host sees of what this side sends.
  [[nodiscard]] base::Endpoint outside(std::size_t side) const;
  /// This side's WireGuard, towards the other, and towards the host.
  [[nodiscard]] WireGuard& tunnel(std::size_t side) { return *sides_.at(side).tunnel; }
  [[nodiscard]] WireGuard& hub_tunnel(std::size_t side) { return *sides_.at(side).hub_tunnel; }
  /// Mistakes, in words, with their times: an endpoint was written to a peer, or the peer was
  /// kicked, although its path had worked in both directions for a second, so that the updater
  /// could have known.
  [[nodiscard]] const std::vector<std::string>& writes_to_live_peers() const { return offences_; }
  /// The lines that both logs would have.
  [[nodiscard]] const std::vector<std::string>& log() const { return log_; }

 private:
  struct Side {
    wg::Device device;
    [[nodiscard]] const wg::PublicKey& key() const { return *device.public_key; }
    std::unique_ptr<WireGuard> tunnel;      ///< to the other side
    std::unique_ptr<WireGuard> hub_tunnel;  ///< to the host
    std::unique_ptr<updater::Machine> machine;
    std::unique_ptr<Nat> nat;
    Time next_poll = 1e9;
    Time probed = 0;                     ///< the last echo request to the other side
    Time hub_probed = 0;                 ///< and to the host
    std::set<std::uint32_t> unanswered;  ///< numbers of updates
    std::map<std::uint32_t, std::chrono::milliseconds> pauses;  ///< asked for, by update
    std::map<std::uint32_t, bool> granted;                      ///< what the host decided
    std::vector<updater::WatchRequest> watches;                 ///< of the last plan
    unsigned writes = 0;                                        ///< to the device
    Time heard = 0;               ///< the last packet that proves the path to it
    std::optional<Time> replied;  ///< the last reply to a request of it
  };

  void join(std::size_t side);
  [[nodiscard]] bool passes(std::size_t from) const;
  [[nodiscard]] bool is_relayed(std::size_t from) const;
  void watch_path();
  void poll(std::size_t side);
  void write(std::size_t side, const updater::Change& change);
  void look_up(std::size_t side, const updater::LookupRequest& request);
  void send_update(std::size_t side, std::uint32_t number, std::size_t attempt);
  void take_update(std::size_t side, std::uint32_t number);
  void end_update(std::size_t side, std::uint32_t number);
  void glance(std::size_t side);
  void leave(std::size_t from, const base::Endpoint& to, const Packet& packet);
  void leave_hub(const base::Endpoint& to, const Packet& packet);
  void enter(std::size_t side, const base::Endpoint& from, const base::Endpoint& to,
             const Packet& packet);
  void arrive(std::size_t side, const Packet& packet);
  void learn_round_trip(std::size_t side, const wg::PublicKey& peer, Time asked);
  void make_traffic();
  void note(std::size_t side, const std::string& text);

  Conditions conditions_;
  updater::Settings settings_;
  Events events_;
  Hub hub_;
  std::array<Side, 2> sides_;  // alice, bob
  std::vector<std::unique_ptr<WireGuard>> strangers_;
  std::optional<Time> direct_since_;
  std::vector<std::string> offences_;
  std::vector<std::string> log_;
};

}  // namespace model
