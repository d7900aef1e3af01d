#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "updater/peer/session_health.hpp"
#include "updater/peer/turn.hpp"
#include "updater/plan/plan.hpp"

namespace updater {

/// Moves one relayed session to the direct way without losing it (doc/protocol.md §4.14). Pure.
///
///     resting ── a round is due ──▶ pulsing ── the peer is seen ──▶ seen ──▶ asking ── paused ──▶
///        ▲                            │                               │                  moving
///        └──── no pulse arrived ──────┘                               └ it moves: following │
///        └──────────────── nothing came for 0.6 s and a round trip ◀───────────┴───────────┤
///                                                                      something came ▶ direct
///
/// A *pulse* sets a direct place for 4 ms, and sends a keepalive and an echo request there. It
/// opens our NAT for the peer; what else is sent stays with the hub. Both sides do it. Once one
/// arrives, WireGuard's own roaming shows for a moment where the peer is: it is *seen*. The first
/// sight is answered by one more pulse, which arrives because the peer's NAT is open now; after
/// that this side neither pulses nor writes. The smaller key then has the hub drop the pair's data
/// for a moment, so that no packet that is on its way takes either side back to the hub, and moves
/// alone; the peer follows by roaming. The larger key moves where the smaller one did not within 3
/// s.
///
/// Each side acts on what it sees itself. A direct place where nothing came in time is given up for
/// the hub, always: an unproven one on both sides would be the session's end. The caller keeps the
/// hub on disk while this is under way (PeerMemory::back_to).
class Upgrade {
 public:
  /// What a step looks at. Borrowed for the call.
  struct Sight {
    const SessionHealth& health;
    std::chrono::seconds keepalive;        ///< the one that the peer is to have; above 0
    RelayHub hub;                          ///< where the session goes back to
    base::Endpoint former_place;           ///< where the hub was at the last step
    std::chrono::microseconds round_trip;  ///< to the peer, measured or assumed
    bool is_first = false;                 ///< our key is the smaller one: it moves

    /// Whether it is a place of the peer, and not of the hub.
    [[nodiscard]] bool is_direct(const std::optional<base::Endpoint>& endpoint) const {
      return endpoint && *endpoint != hub.endpoint && *endpoint != former_place;
    }
  };

  enum class Course : std::uint8_t {
    relayed,  ///< nothing is under way that a caller has to know
    busy,     ///< the endpoint is in these hands
    direct,   ///< the session is there now: the caller gives this up
  };
  struct Result {
    Course course = Course::relayed;
    bool wants_echo = false;  ///< one echo request has to leave in this step
  };

  /// The session is relayed from now on: the first round is due.
  void begin(base::SteadyTime now);
  /// Something changed that may open a way: a round is due, and the pauses are short again.
  void hurry(base::SteadyTime now);
  /// The device shows, or may show, a direct place that an earlier run set: it has to prove itself.
  void resume(base::SteadyTime now) { follow(now); }

  [[nodiscard]] bool is_due(base::SteadyTime now) const {
    return phase_ == Phase::resting && now >= due_;
  }
  /// Begins a round. \param places to try, the best first; empty: there are none now.
  void begin_round(base::SteadyTime now, std::vector<base::Endpoint> places);
  /// Takes a reading, and does what is due.
  [[nodiscard]] Result step(Turn& turn, const Sight& sight);
  /// Ends what is under way: the session is lost, or moved elsewhere.
  void abandon() { rest(); }

  /// The device showed the peer there since our last write, if only for a moment.
  void see(const base::Endpoint& endpoint) { sighted_ = endpoint; }
  /// The reply to an echo request came.
  void take_reply();
  /// The hub's answer to a PauseRequest.
  void learn_pause(bool is_granted);

  /// Nothing else may be written to the peer's endpoint.
  [[nodiscard]] bool is_busy() const { return phase_ != Phase::resting; }
  /// A direct place is set, or WireGuard took the session there.
  [[nodiscard]] bool is_away() const {
    return open_ || phase_ == Phase::moving || phase_ == Phase::following;
  }
  /// What has to be looked at closely from now on; nullopt: nothing.
  [[nodiscard]] std::optional<WatchRequest> watch(const wg::PublicKey& peer,
                                                  const base::Endpoint& hub) const;
  /// When to step at the latest; none: see pause().
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const;
  /// How long the next reading may take; none: as long as the others.
  [[nodiscard]] std::optional<std::chrono::milliseconds> pause() const;

  /// `tried directly 7 times, next in 4 min`; empty: not tried since begin().
  [[nodiscard]] std::string describe(base::SteadyTime now) const;

 private:
  enum class Phase : std::uint8_t { resting, pulsing, seen, asking, moving, following };
  struct Pulse {
    base::Endpoint place;
    base::SteadyTime at;
    bool is_answered = false;
  };

  [[nodiscard]] bool end_pulse(Turn& turn, const Sight& sight);
  void take_sight(Turn& turn, const Sight& sight);
  static void go_to_hub(Turn& turn, const Sight& sight, const std::string& reason);
  [[nodiscard]] Result pulse_on(Turn& turn, const Sight& sight);
  [[nodiscard]] Result pulse(Turn& turn, const Sight& sight, const base::Endpoint& place,
                             const std::string& reason);
  static void kick(Turn& turn, const Sight& sight, std::vector<wg::PeerUpdate> updates,
                   const std::string& reason);
  [[nodiscard]] Result wait_or_ask(Turn& turn, const Sight& sight);
  [[nodiscard]] Result move(Turn& turn, const Sight& sight);
  void follow(base::SteadyTime now);
  [[nodiscard]] Result prove(Turn& turn, const Sight& sight);
  void rest();
  void end_round(Turn& turn);

  Phase phase_ = Phase::resting;
  base::SteadyTime due_;      ///< of the next round
  base::SteadyTime ended_;    ///< of the last one
  std::size_t rounds_ = 0;    ///< since begin() or hurry()
  unsigned tries_ = 0;        ///< rounds since begin()
  bool was_hurried_ = false;  ///< while a round was under way

  // A round.
  std::vector<base::Endpoint> places_;
  base::SteadyTime round_begun_;
  std::size_t next_place_ = 0;
  unsigned slot_ = 0;  ///< pulses to each place so far
  base::SteadyTime pulse_due_;
  std::optional<Pulse> open_;
  std::optional<base::Endpoint> sighted_;  ///< not yet looked at

  // From the first sight on.
  base::Endpoint seen_;
  std::optional<base::SteadyTime> seen_at_;
  std::optional<base::SteadyTime> answer_due_;
  base::SteadyTime asked_at_;
  std::optional<bool> is_granted_;

  // Moving or following.
  base::SteadyTime moved_at_;
  unsigned kicks_ = 0;
  std::optional<std::uint64_t> received_;  ///< octets, at the first reading there
};

}  // namespace updater
