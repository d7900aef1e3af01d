#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "updater/lookup/lookup.hpp"
#include "updater/peer/attempt.hpp"
#include "updater/peer/known_endpoints.hpp"
#include "updater/peer/mesh_way.hpp"
#include "updater/peer/peer_report.hpp"
#include "updater/peer/relay_doubt.hpp"
#include "updater/peer/relay_way.hpp"
#include "updater/peer/session_health.hpp"
#include "updater/peer/turn.hpp"
#include "updater/peer/upgrade.hpp"
#include "updater/plan/plan.hpp"

namespace updater {

/// The state machine of one peer that is to be reached directly (doc/protocol.md §4.1 to
/// §4.4, §4.8). Pure.
///
///     waiting ──── an endpoint is known ────▶ punching ── handshake ──▶ direct
///        ▲                                       │  ▲                    │  ▲
///        └── no candidate answered: back-off ────┘  │        something   │  │ a packet
///        (a changed answer: punching at once)       │        stopped     ▼  │
///                                                   └────── dead ────── suspect
///
/// The endpoint of a direct peer is never written; its keepalive is set to the wanted value, and
/// toggled if it was never armed.
///
/// A suspect peer is treated alike, and gets an endpoint in two cases. (1) Its published endpoint
/// changed after its last packet. (2) (§4.8) Packets to it leave from another address of this host,
/// and it does not answer since then: it gets the same endpoint once more, because wireguard-go
/// keeps a source address that this host has lost until it hears from the peer, or for 15 s.
///
/// An echo request goes through the tunnel to a peer that becomes direct, to measure the round
/// trip, and every 1.5 s to a suspect one: it opens a changed mapping of our NAT towards the peer,
/// and its reply ends the suspicion.
///
/// Where a hub passes packets on (doc/protocol.md §4.11), a session may also be *relayed*: the
/// hub's endpoint is the peer's. It gets there by an attempt, by WireGuard's roaming, or because a
/// peer fell silent (RelayDoubt): then it is written to at once. It leaves by an Upgrade.
///
///     punching ── handshake through the hub ──▶ relayed ◀── silent for 0.75 s ── direct, suspect
///                                                  │
///                                                  └── upgrade ──▶ direct; dead ──▶ punching
///
/// A peer that joined the mesh has its allowed-ips only while its session works (MeshWay).
///
/// A peer that DNS calls a hub (role=hub) is not punched while it says so; nor is one that is found
/// to be the hub while none is configured: DNS publishes it where the device has it, at an address
/// of a name server of the zone. Nothing else follows from that.
class DirectPeer {
 public:
  enum class State : std::uint8_t { waiting, punching, direct, suspect, relayed };

  /// \param shown the first reading. \param settings what the operator chose for this peer.
  DirectPeer(const base::Now& now, const wg::DevicePeer& shown, const PeerSettings& settings);

  /// Takes the result of a look-up. A failed one changes nothing.
  void learn(const base::Now& now, const LookupResult& result, std::minstd_rand& random,
             std::vector<Note>& notes);
  /// Takes the peer's text in the private view.
  void learn_private(const PublishedText& text) { known_.dns().learn_private(text); }
  /// Takes what the peer says of its own network.
  void learn_lan(const LanResult& result, std::vector<Note>& notes);
  /// Takes the reply to an echo request.
  void learn_round_trip(std::chrono::microseconds round_trip);
  /// The device showed the peer there since the last write (WatchRequest).
  void see(const base::Endpoint& endpoint) { upgrade_.see(endpoint); }
  /// Takes the answer to a PauseRequest.
  void learn_pause(bool is_granted) { upgrade_.learn_pause(is_granted); }

  /// Takes a reading, and appends what is to be done to the turn's plan.
  void step(Turn& turn);

  /// Call when this host's addresses changed, or its routes to peers. \param what as for hurry().
  /// \param source_changed as for Machine::change_local(); a peer elsewhere is not doubted.
  void change_local(base::SteadyTime now, std::string what,
                    const std::set<base::IpAddress>& source_changed);
  /// Call when an attempt may succeed that did not before: looks up now, and begins another one.
  /// \param what happened, as a clause: "our own mapping changed".
  void hurry(base::SteadyTime now, std::string what);

  /// Whether `shown` can be a later reading of this peer.
  [[nodiscard]] bool continues(const wg::DevicePeer& shown) const {
    return health_.continues(shown);
  }
  [[nodiscard]] const SessionHealth& health() const { return health_; }
  [[nodiscard]] State state() const { return state_; }
  /// Waiting, and quiet until something changes (updater/peer/nat_pair.hpp).
  [[nodiscard]] bool is_hopeless() const { return attempt_ && attempt_->hopeless(); }
  /// Why the hub should hear from this host now, as a clause; nullopt: no need. Clears it.
  [[nodiscard]] std::optional<std::string> take_hub_kick();
  /// One round is complete: the peer was looked up, and kicked if that was right.
  [[nodiscard]] bool is_settled() const {
    return known_.dns().is_asked() && (!attempt_ || !(attempt_->kick_at() || attempt_->waits()));
  }
  /// PeerReport::path(). \param is_routed as there.
  [[nodiscard]] std::string_view path(const wg::DevicePeer& shown, bool is_routed) const;
  /// The report about the peer, without its name and its story. \param shown the last reading.
  [[nodiscard]] PeerReport describe(const base::Now& now, const wg::DevicePeer& shown) const;
  /// What has to be put right on the device at the program's end, besides the keepalive.
  [[nodiscard]] std::vector<wg::PeerUpdate> leave(const wg::DevicePeer& shown) const {
    if (relay_)
      return upgrade_.is_away() ? make_move(shown, relay_->endpoint())
                                : std::vector<wg::PeerUpdate>();
    return attempt_ ? attempt_->leave(shown) : std::vector<wg::PeerUpdate>();
  }
  /// Whether packets to the peer reach it, or did until a moment ago.
  [[nodiscard]] bool is_reached() const {
    return state_ == State::direct || state_ == State::suspect || state_ == State::relayed;
  }
  /// When to step at the latest; none: the next poll is early enough.
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const;
  /// How long after `now` the next reading may come.
  [[nodiscard]] std::chrono::milliseconds pause(base::SteadyTime now) const;

 private:
  /// WireGuard may send to the peer from an address that is wrong now: see find_source_changed().
  /// Ends when something is heard from the peer.
  struct LocalChange {
    base::SteadyTime at;
    std::optional<base::SteadyTime> asked;  ///< the first echo request after it
  };

  [[nodiscard]] SessionHealth::Verdict judge(const Turn& turn) const;

  void take(Turn& turn, const SessionHealth::Verdict& verdict);
  void stay_direct(Turn& turn);
  void suspect(Turn& turn, const SessionHealth::Verdict& verdict);
  void become_suspect(Turn& turn, const std::string& reason);
  bool follow_dns(Turn& turn, const std::string& reason);
  void rewrite(Turn& turn, std::vector<wg::PeerUpdate> updates, std::string reason);

  void reach(Turn& turn, const std::string& reason);
  void become_lost(Turn& turn, const std::string& reason);
  [[nodiscard]] bool waits_for_lan(const Turn& turn);
  void begin_attempt(Turn& turn, std::vector<Candidate> candidates, RelayPlace place,
                     const std::string& reason);
  void continue_attempt(Turn& turn);
  void note_toggle();

  // direct_peer_relay.cpp
  void watch_path(Turn& turn, const SessionHealth::Verdict& verdict);
  void become_relayed(Turn& turn, const RelayHub& hub, const std::string& reason);
  [[nodiscard]] bool stay_relayed(Turn& turn, const SessionHealth::Verdict& verdict);
  void keep_relayed(Turn& turn);
  void doubt_relayed(Turn& turn, const SessionHealth::Verdict& verdict);
  void resume_upgrade(Turn& turn);
  [[nodiscard]] bool upgrade(Turn& turn, bool is_lost);
  [[nodiscard]] Upgrade::Sight upgrade_sight(const Turn& turn) const;
  void look_for_direct(Turn& turn);
  [[nodiscard]] bool move_to_relay(Turn& turn, const std::string& reason);
  void doubt(Turn& turn);
  [[nodiscard]] RelayPlace relay_place(const Turn& turn) const;
  [[nodiscard]] std::chrono::seconds kick_keepalive(const Turn& turn) const;
  void set_path(base::SteadyTime now, std::string reason);
  void describe_path(const base::Now& now, PeerReport& report) const;

  void choose_way(Turn& turn, const SessionHealth::Verdict& verdict);
  [[nodiscard]] bool may_take(Turn& turn);
  [[nodiscard]] bool rests(Turn& turn);
  void notice_hub(Turn& turn);

  void look_up(Turn& turn);
  void keep_keepalive(Turn& turn);
  void probe(Turn& turn);
  void send_echo(Turn& turn);
  [[nodiscard]] std::optional<base::IpAddress> find_target(const Turn& turn) const;
  [[nodiscard]] std::chrono::steady_clock::duration echo_patience() const;
  [[nodiscard]] bool waits_for_echo(base::SteadyTime now) const;

  wg::PublicKey key_;
  SessionHealth health_;
  KnownEndpoints known_;
  State state_ = State::waiting;
  bool told_ = true;              ///< the log says that it is not direct
  base::SteadyTime last_toggle_;  ///< of the keepalive, by us; at first: when the peer appeared
  std::optional<base::Endpoint> endpoint_;     ///< of the last reading, or written since
  std::optional<base::SteadyTime> roamed_at_;  ///< WireGuard itself moved it
  std::optional<LocalChange> local_change_;
  std::optional<std::string> hub_kick_;  ///< for take_hub_kick()

  // While waiting or punching.
  std::optional<Attempt> attempt_;
  std::optional<std::string> news_;              ///< why to begin another attempt, as a clause
  std::optional<base::SteadyTime> lan_awaited_;  ///< since when, before the first attempt

  // While suspect.
  base::SteadyTime suspect_since_;
  bool alarmed_ = false;                          ///< the hub was kicked, and DNS asked
  std::optional<base::SteadyTime> echo_awaited_;  ///< since when
  std::optional<base::SteadyTime> rewritten_at_;

  std::optional<RelayWay> relay_;  ///< relayed; also suspect, where the hub did not answer either
  Upgrade upgrade_;                ///< of a relayed session
  RelayDoubt doubt_;
  bool has_relay_ = false;          ///< of the last step: a hub would pass its packets on
  base::SteadyTime near_due_;       ///< relayed: when to ask for its own network again
  std::size_t near_questions_ = 0;  ///< since it is relayed
  base::SteadyTime path_since_;     ///< the way that packets take now
  std::string path_reason_;         ///< a clause; empty: it has none

  std::optional<MeshWay> way_;  ///< of a peer that joined the mesh
  std::string route_owner_;     ///< told: why it must not have its routes
  bool rests_ = false;          ///< told: DNS calls it a hub
  bool is_found_hub_ = false;   ///< told: it is where the zone is served

  bool wants_probe_ = false;
  std::optional<base::SteadyTime> probed_;  ///< the last echo request
  unsigned unanswered_echoes_ = 0;          ///< since it became direct, or the last reply
  std::optional<std::chrono::microseconds> round_trip_;  ///< the last one measured
};

[[nodiscard]] std::string_view to_string(DirectPeer::State state);

}  // namespace updater
