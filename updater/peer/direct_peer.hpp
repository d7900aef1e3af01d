#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "updater/lookup/dns_view.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/peer/peer_report.hpp"
#include "updater/peer/session_health.hpp"
#include "updater/plan/memory.hpp"
#include "updater/plan/plan.hpp"
#include "updater/tunnel/lan.hpp"

namespace updater {

/// The state machine of one peer that is to be reached directly (design §4.3, §4.7, §4.8). Pure.
///
///     waiting ──── an endpoint is known ────▶ punching ── handshake ──▶ direct
///        ▲                                       │  ▲                    │  ▲
///        └── no candidate answered: back-off ────┘  │        something   │  │ a packet
///        (a changed answer: punching at once)       │        stopped     ▼  │
///                                                   └────── dead ────── suspect
///
/// A direct peer is never written to, except for its keepalive where that is off; a suspect one
/// only when its published endpoint changed after its last packet, or when it does not answer since
/// packets to it leave from another address of this host: then the same endpoint once more, because
/// wireguard-go keeps a source address that this host has no more until it hears from the peer, or
/// for 15 s.
/// An echo request goes through the tunnel to a peer that becomes direct, for the round trip, and
/// every 1.5 s to one that is suspect: that opens a changed mapping of our NAT towards it, and its
/// reply ends the suspicion.
class DirectPeer {
 public:
  enum class State : std::uint8_t { waiting, punching, direct, suspect };

  /// \param settings what the operator chose for this peer.
  DirectPeer(const base::Now& now, const wg::DevicePeer& shown, PeerSettings settings);

  /// Takes what a look-up brought. A failed one changes nothing.
  void learn(const base::Now& now, const LookupResult& result, std::minstd_rand& random,
             std::vector<Note>& notes);

  /// Takes what the private view says of it.
  void learn_private(const PublishedText& text) { dns_.learn_private(text); }

  /// Takes what the peer says of its own network.
  void learn_lan(const LanResult& result, std::vector<Note>& notes);

  /// Takes a reading, and appends what is to be done to `plan`.
  /// \param shown this peer in `scene.device`. \param memory this peer's, changed in place.
  void step(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
            PeerMemory& memory, Plan& plan);

  /// The reply to an echo request came.
  void learn_round_trip(std::chrono::microseconds round_trip) {
    round_trip_ = round_trip;
    unanswered_echoes_ = 0;
    if (local_change_ && local_change_->asked) local_change_.reset();
  }
  /// This host's addresses, or the ways to its peers, are other ones now. Only a peer in
  /// `source_changed` is doubted. \param what happened, as a clause. \param source_changed as
  /// Machine::change_local().
  void change_local(base::SteadyTime now, std::string what,
                    const std::set<base::IpAddress>& source_changed);
  /// A new chance: look up now, and try again now what did not work.
  /// \param what happened, as a clause: "our own mapping changed".
  void hurry(base::SteadyTime now, std::string what);

  /// Whether `shown` can be a later reading of this peer.
  [[nodiscard]] bool continues(const wg::DevicePeer& shown) const {
    return health_.continues(shown);
  }
  [[nodiscard]] const SessionHealth& health() const { return health_; }
  [[nodiscard]] State state() const { return state_; }
  /// Waiting, and given up until something changes (updater/peer/nat_pair.hpp).
  [[nodiscard]] bool is_hopeless() const { return attempt_ && attempt_->hopeless; }
  /// The hub had better hear from this host now: why, once; nullopt: no need.
  [[nodiscard]] std::optional<std::string> take_hub_kick();
  /// Nothing is due any more of one round: looked up, and kicked where that was right.
  [[nodiscard]] bool is_settled() const {
    return dns_.is_asked() && (!attempt_ || !attempt_->kick_at);
  }
  /// What it knows, for people; without the story. \param shown the last reading.
  [[nodiscard]] PeerReport describe(const base::Now& now, const wg::DevicePeer& shown) const;
  /// What a stop has to put right on the device, besides keepalives.
  [[nodiscard]] std::vector<wg::PeerUpdate> leave(const wg::DevicePeer& shown) const;
  /// When to step at the latest, where that is earlier than the next poll.
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const;

 private:
  /// One try to reach the peer, over all its candidates.
  struct Attempt {
    std::vector<base::Endpoint> candidates;     ///< at least one
    std::size_t index = 0;                      ///< the candidate that is set
    base::SteadyTime begun;                     ///< the first one since the peer was lost
    base::SteadyTime tried_since;               ///< this one
    base::SteadyTime next_at;                   ///< of the next candidate
    std::optional<base::SteadyTime> kick_at;    ///< a kick is due
    std::optional<base::SteadyTime> kicked_at;  ///< the last one
    unsigned kicks_without_sending = 0;
    std::optional<base::SteadyTime> silent_until;  ///< our initiations go nowhere
    std::optional<base::SteadyTime> yielded_to;    ///< the initiation that crossed ours
    std::size_t pauses = 0;                        ///< steps of the back-off that are behind us
    std::optional<std::string> hopeless;           ///< why it is
    base::SteadyTime quiet_from;                   ///< hopeless: only traffic sends after this
    std::size_t slow_tries = 0;                    ///< likewise
  };

  /// WireGuard may send to the peer from an address that is wrong by now: it is source_changed (see
  /// find_source_changed()), and nothing was heard from it since.
  struct LocalChange {
    base::SteadyTime at;
    std::optional<base::SteadyTime> asked;  ///< the first echo request after it
  };

  [[nodiscard]] SessionHealth::Verdict judge(base::SteadyTime now,
                                             const wg::DevicePeer& shown) const;
  void stay_direct(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                   PeerMemory& memory, Plan& plan);
  void suspect(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
               const SessionHealth::Verdict& verdict, PeerMemory& memory, Plan& plan);
  void reach(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
             const std::string& reason, PeerMemory& memory, Plan& plan);
  void begin_attempt(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                     std::vector<base::Endpoint> candidates, const std::string& reason,
                     PeerMemory& memory, Plan& plan);
  void continue_attempt(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                        PeerMemory& memory, Plan& plan);
  [[nodiscard]] static bool is_nowhere(const std::optional<base::Endpoint>& endpoint);
  bool yield(const Scene& scene, const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan);
  bool rest_if_hopeless(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                        PeerMemory& memory, Plan& plan);
  [[nodiscard]] std::optional<std::string> find_hope(const Scene& scene, bool was_heard) const;
  void retry_slowly(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                    PeerMemory& memory, Plan& plan);
  void try_next_candidate(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                          PeerMemory& memory, Plan& plan);
  void keep_keepalive(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                      PeerMemory& memory, Plan& plan);

  [[nodiscard]] std::vector<base::Endpoint> find_candidates(const Scene& scene,
                                                            const PeerMemory& memory, Plan& plan);
  [[nodiscard]] bool is_wanted(const base::Endpoint& endpoint) const {
    return !own_settings_.endpoint_family ||
           endpoint.address.family() == *own_settings_.endpoint_family;
  }
  [[nodiscard]] bool may_be_near(const Scene& scene) const;
  [[nodiscard]] bool waits_for_lan(const Scene& scene, const Settings& settings);
  [[nodiscard]] bool may_set(const Scene& scene, const base::Endpoint& endpoint, Plan& plan);
  void tell_refused(const base::Endpoint& endpoint, const std::string& reason, Plan& plan);
  [[nodiscard]] bool is_managed(const PeerMemory& memory) const {
    return !dns_.endpoints().empty() || memory.last_good.has_value();
  }
  [[nodiscard]] std::chrono::seconds wanted_keepalive(const Settings& settings,
                                                      const PeerMemory& memory) const;
  [[nodiscard]] bool has_live_session(base::SteadyTime now) const;
  [[nodiscard]] std::chrono::steady_clock::duration echo_patience() const;
  [[nodiscard]] bool waits_for_echo(base::SteadyTime now) const;
  [[nodiscard]] bool sent_lately(base::SteadyTime now) const;
  [[nodiscard]] bool heard_lately(base::SteadyTime now) const;
  void probe(const Scene& scene, const wg::DevicePeer& shown, Plan& plan);
  void rewrite(const Scene& scene, const wg::DevicePeer& shown, PeerMemory& memory,
               std::vector<wg::PeerUpdate> updates, std::string reason, Plan& plan);
  void change(Plan& plan, const wg::DevicePeer& shown, PeerMemory& memory,
              std::vector<wg::PeerUpdate> updates, std::string reason);
  [[nodiscard]] std::string name() const { return wg::describe_peer(own_settings_.name, key_); }

  wg::PublicKey key_;
  PeerSettings own_settings_;
  SessionHealth health_;
  State state_ = State::waiting;
  bool told_ = true;              ///< the log says that it is not direct
  base::SteadyTime last_toggle_;  ///< of the keepalive, by us; at first: when the peer appeared
  std::optional<Attempt> attempt_;
  std::optional<std::string> hub_kick_;

  std::optional<std::string> news_;  ///< since the last attempt began: why to begin another
  bool wants_probe_ = false;
  std::optional<base::SteadyTime> probed_;
  unsigned unanswered_echoes_ = 0;                ///< since it became direct, or the last reply
  std::optional<base::SteadyTime> echo_awaited_;  ///< since when, in this suspicion
  base::SteadyTime suspect_since_;
  bool alarmed_ = false;  ///< of this suspicion: the hub is kicked and DNS asked
  std::optional<LocalChange> local_change_;
  std::optional<base::SteadyTime> rewritten_at_;  ///< while suspect
  std::optional<base::Endpoint> endpoint_;        ///< of the last reading, or written since
  std::optional<base::SteadyTime> roamed_at_;     ///< WireGuard itself moved it
  std::optional<std::chrono::microseconds> round_trip_;

  DnsView dns_;
  LanView lan_;
  std::optional<base::SteadyTime> lan_awaited_;  ///< since when, before the first try
  std::vector<std::pair<base::Endpoint, std::string>> refused_;  ///< and already said so
};

[[nodiscard]] std::string_view to_string(DirectPeer::State state);

}  // namespace updater
