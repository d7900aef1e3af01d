#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "updater/lookup/hub_lookup.hpp"
#include "updater/peer/session_health.hpp"
#include "updater/peer/turn.hpp"

namespace updater {

/// Notices that a hub does not answer, or has no endpoint, and tries the places where it may be
/// (doc/protocol.md §4.7). Pure. A hub that answers is never touched.
///
///     answers ── silent for 30 s, or no endpoint ──▶ look up ──▶ try each place for 10 s
///        ▲                                              ▲                 │        │
///        └──────────── a packet of its session ─────────┼─────────────────┘        │
///                                                       └── pause, where it was ◀──┘
///
/// A hub with nothing to say is silent, too: it never answers a keepalive. What it has to answer
/// are our initiations, which WireGuard sends every 2 minutes at the latest while the keepalive is
/// on. So silent means: data of ours, or initiations, are unanswered for 30 s,
/// or the hub's own initiations lead to no session for so long, because our responses do not reach
/// it; or there is no live session for 30 s although the keepalive is on.
class HubSearch {
 public:
  /// \param now when the hub appeared.
  explicit HubSearch(base::SteadyTime now) : first_seen_(now) {}

  /// Takes a reading, and appends what is to be done to the turn's plan. \param keepalive the
  /// hub's, which is on, or is about to be. \return whether it kicked.
  bool step(Turn& turn, const SessionHealth& health, std::chrono::seconds keepalive);
  /// Takes the places that were asked for.
  void learn(base::SteadyTime now, const HubResult& result);
  /// Call when this host's addresses or routes changed: what failed before may succeed.
  void hurry() { lookup_at_ = {}; }

  /// Whether the hub does not answer. \param health of the last reading.
  [[nodiscard]] bool is_silent(const SessionHealth& health) const {
    return silence_ && !(health.last_received() && *health.last_received() > silence_->noticed);
  }
  /// What is wrong, as a clause: "it does not answer, for 42 s; …". Empty: nothing is known.
  [[nodiscard]] std::string describe(base::SteadyTime now) const;
  /// When to step at the latest; none: the next poll is early enough.
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const { return next_; }

 private:
  struct Silence {
    base::SteadyTime since;
    base::SteadyTime noticed;
    std::optional<base::Endpoint> home;  ///< the endpoint at its beginning
  };

  [[nodiscard]] std::optional<base::SteadyTime> find_silence(const Turn& turn,
                                                             const SessionHealth& health,
                                                             std::chrono::seconds keepalive);
  [[nodiscard]] bool is_data_unanswered(const Turn& turn, const SessionHealth& health);
  void recover(Turn& turn);
  void restart(base::SteadyTime first_seen);
  void look_up(Turn& turn);
  bool try_next(Turn& turn, std::chrono::seconds keepalive);
  bool rest(Turn& turn, std::chrono::seconds keepalive);
  [[nodiscard]] bool may_set(Turn& turn, const HubCandidate& candidate);
  bool move(Turn& turn, const HubCandidate& candidate, std::chrono::seconds keepalive);

  base::SteadyTime first_seen_;  ///< of the hub, or of an endpoint that somebody else set
  std::optional<base::Endpoint> endpoint_;            ///< of the last reading, or written since
  std::optional<base::SteadyTime> asked_since_;       ///< the first of the unanswered initiations
  std::optional<base::SteadyTime> unanswered_since_;  ///< data of ours
  std::uint64_t sent_before_ = 0;                     ///< octets until then
  std::optional<Silence> silence_;                    ///< none: it answers

  // While it is silent.
  bool is_pending_ = false;  ///< a look-up is under way
  bool is_trying_ = false;   ///< the places of a round
  base::SteadyTime lookup_at_;
  std::vector<HubCandidate> candidates_;  ///< of this round
  std::size_t index_ = 0;                 ///< of the next one to try
  std::optional<HubCandidate> tried_;     ///< the one that is set
  base::SteadyTime moved_at_;             ///< when it was set
  base::SteadyTime kicked_at_;
  unsigned kicks_ = 0;                 ///< for the present endpoint
  unsigned rounds_ = 0;                ///< that nobody answered in
  bool has_tried_ = false;             ///< a place, in the last round
  bool is_told_ = false;               ///< the log says that nobody knows another place
  std::vector<std::string> failures_;  ///< of the last look-up
  std::vector<std::string> refused_;   ///< told; endpoints and reasons
  std::optional<base::SteadyTime> next_;
};

}  // namespace updater
