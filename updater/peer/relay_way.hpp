#pragma once

#include <chrono>
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

/// One peer's session that goes through a hub, which passes its packets on (doc/protocol.md §4.11
/// to §4.13). Pure. The peer's endpoint is the one that the device has for the hub, and follows it.
///
///     move() ──▶ asking ── something came ──▶ proven ──▶ … until it is direct (Upgrade), or lost
///                   │
///                   └── 10 kicks ──▶ failed
class RelayWay {
 public:
  /// A session that goes through the hub already. \param endpoint where the device has the hub.
  RelayWay(const wg::PublicKey& hub, const base::Endpoint& endpoint, base::SteadyTime now)
      : hub_(hub), endpoint_(endpoint), since_(now) {}

  /// What a step looks at. Borrowed for the call.
  struct Sight {
    const SessionHealth& health;
    std::chrono::seconds keepalive;  ///< the one that the peer is to have; above 0
  };

  /// Moves a live session to the hub, whatever the device shows, and tells the hub so. Kicks follow
  /// until something comes. \param reason a clause.
  void move(Turn& turn, const Sight& sight, const std::string& reason);
  /// Whether the last move() is long enough ago for another one.
  [[nodiscard]] bool may_move(base::SteadyTime now) const;

  /// Whether the device shows the peer where this puts it.
  [[nodiscard]] bool is_at(const std::optional<base::Endpoint>& endpoint) const {
    return endpoint == endpoint_;
  }

  enum class Course : std::uint8_t {
    proven,  ///< something came through the hub
    asking,  ///< nothing came yet
    failed,  ///< nothing came in time: the caller gives this up
  };
  /// Takes a reading: follows the hub, and kicks.
  [[nodiscard]] Course step(Turn& turn, const Sight& sight);

  [[nodiscard]] const wg::PublicKey& hub() const { return hub_; }
  /// Since when the session goes this way.
  [[nodiscard]] base::SteadyTime since() const { return since_; }
  /// Where the hub was last.
  [[nodiscard]] const base::Endpoint& endpoint() const { return endpoint_; }
  /// When to step at the latest; none: the next poll is early enough.
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const;

 private:
  bool follow(Turn& turn, const Sight& sight);
  [[nodiscard]] Course ask(Turn& turn, const Sight& sight);
  void kick(Turn& turn, const Sight& sight, std::vector<wg::PeerUpdate> updates,
            const std::string& reason, Note::Level level);

  wg::PublicKey hub_;
  base::Endpoint endpoint_;  ///< the hub's, as written last
  base::SteadyTime since_;

  std::optional<base::SteadyTime> moved_at_;  ///< the last move()
  bool is_asking_ = false;                    ///< nothing came since then
  unsigned kicks_ = 0;                        ///< since then
  base::SteadyTime kicked_at_;
};

}  // namespace updater
