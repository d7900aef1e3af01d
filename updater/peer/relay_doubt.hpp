#pragma once

#include <chrono>
#include <optional>

#include "base/clock.hpp"
#include "updater/peer/session_health.hpp"

namespace updater {

/// Notices within a second that a peer does not answer any more, where a hub passes packets on
/// (doc/protocol.md §4.12). Pure. SessionHealth, which judges the others, takes seconds.
///
/// It is for peers that have answered echo requests: whoever never did may just have nothing to
/// say. It asks when data of ours is unanswered for a round trip and 0.25 s, or when a flow of the
/// peer's own packets stops for 0.4 s. A flow had a packet in each second for 2 s. Two requests,
/// 0.15 s apart, and nothing for 0.75 s and two round trips: the peer is gone.
class RelayDoubt {
 public:
  /// What a step looks at. Borrowed for the call.
  struct Sight {
    base::SteadyTime now;
    const SessionHealth& health;           ///< observed just now
    std::chrono::microseconds round_trip;  ///< to the peer
    bool can_ask = true;                   ///< an echo request may be sent
  };
  enum class Verdict : std::uint8_t {
    none,
    ask,   ///< send one echo request now
    gone,  ///< told once for each silence
  };
  /// Takes a reading.
  [[nodiscard]] Verdict step(const Sight& sight);
  /// An echo request is unanswered.
  [[nodiscard]] bool is_asking() const { return asked_.has_value(); }
  /// Since when the peer is silent, of the last verdict `gone`.
  [[nodiscard]] base::SteadyTime silent_since() const { return silent_since_; }
  /// Call when the peer's packets take another way: what was asked before says nothing of it.
  void forget();
  /// How long the next reading may take.
  [[nodiscard]] std::chrono::milliseconds pause(base::SteadyTime now,
                                                const SessionHealth& health) const;

 private:
  void watch_flow(const Sight& sight);
  [[nodiscard]] std::optional<base::SteadyTime> find_silence(const Sight& sight);

  // The present flow of the peer's data, without single echo requests and replies.
  std::optional<base::SteadyTime> last_data_;  ///< with them
  std::optional<base::SteadyTime> last_traffic_;
  base::SteadyTime flow_start_;
  std::chrono::steady_clock::duration usual_gap_{};  ///< the longest of the last gaps
  std::optional<base::SteadyTime> doubted_;          ///< the end of a flow that was asked about

  base::SteadyTime silent_since_;
  std::optional<base::SteadyTime> asked_;  ///< the first request; none: no doubt
  base::SteadyTime asked_last_;
  unsigned requests_ = 0;
  std::optional<base::SteadyTime> rests_until_;  ///< after an answer
};

}  // namespace updater
