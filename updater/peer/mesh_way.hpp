#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/clock.hpp"
#include "updater/peer/session_health.hpp"

namespace updater {

/// Which way packets for a peer that joined the mesh take (doc/protocol.md §4.9): through the hub,
/// or through the peer's own session. Pure.
///
///     hub ── its session lives ──▶ trial ── the peer answers ──▶ direct
///      ▲                             │                              │
///      └──── no answer in time ──────┴──── doubted, no answer ──────┘
///
/// WireGuard takes packets of a peer only from the session that has its addresses, so both ends
/// have to change sides together. Nothing tells the other end but packets: the echo requests of a
/// trial are the sign for it to follow, and without them it comes back by its own doubts.
///
/// A peer that answers echo requests is asked as soon as it owes an answer: 0.1 s and a round trip
/// after data, or when its own packets stop. Any other one is judged by SessionHealth alone.
class MeshWay {
 public:
  enum class Way : std::uint8_t { hub, trial, direct };

  /// What a step looks at. Borrowed for the call.
  struct Sight {
    base::SteadyTime now;
    const SessionHealth& health;  ///< observed just now
    SessionHealth::Session session{};
    bool has_detour = false;  ///< the hub carries the peer's addresses when the peer does not
    std::optional<std::chrono::microseconds> round_trip;  ///< none: it never answered an echo
  };

  /// \param has_routes the peer has its addresses already: an earlier run gave them to it.
  explicit MeshWay(bool has_routes) : way_(has_routes ? Way::trial : Way::hub) {}

  /// Takes a reading, and chooses the way.
  void step(const Sight& sight);
  [[nodiscard]] Way way() const { return way_; }
  /// Whether to send the peer an echo request now, through its own session. Call after step().
  [[nodiscard]] bool wants_echo(const Sight& sight) const;
  /// Call when an echo request is sent to the peer, for whatever reason.
  void ask(base::SteadyTime now);
  /// Call when the peer's own session has brought the reply to one.
  void take_reply() { replied_ = true; }
  /// How long the next reading may take.
  [[nodiscard]] std::chrono::milliseconds pause(base::SteadyTime now,
                                                const SessionHealth& health) const;

 private:
  void watch_data(const Sight& sight);
  void step_hub(const Sight& sight);
  void step_trial(const Sight& sight);
  void step_direct(const Sight& sight);
  void go(base::SteadyTime now, Way way);
  void fail(base::SteadyTime now);
  [[nodiscard]] bool is_flow_broken(base::SteadyTime now) const;

  Way way_;
  std::optional<base::SteadyTime> since_;     ///< of the way; none: from the beginning
  std::optional<base::SteadyTime> returned_;  ///< when the hub got the addresses back
  unsigned failures_ = 0;                     ///< since the way was direct for long

  std::optional<base::SteadyTime> asked_;   ///< the first echo request since the last packet
  std::optional<base::SteadyTime> echoed_;  ///< the last one
  bool replied_ = false;                    ///< in this trial
  unsigned data_readings_ = 0;              ///< in this trial: those with data from the peer

  std::optional<base::SteadyTime> last_data_;

  // The present flow of data from the peer, without echo requests of an updater.
  std::optional<base::SteadyTime> last_traffic_;
  unsigned flow_readings_ = 0;
  std::chrono::steady_clock::duration usual_gap_{};  ///< the longest of the last gaps
};

}  // namespace updater
