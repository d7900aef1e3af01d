#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "updater/peer/session_health.hpp"
#include "updater/peer/turn.hpp"
#include "updater/plan/plan.hpp"

namespace updater {

/// One peer's session that goes through a hub, which passes its packets on (doc/protocol.md §4.11
/// to §4.14). Pure. The peer's endpoint is the one that the device has for the hub, and follows it.
///
///     move() ──▶ asking ── something came ──▶ proven ──▶ … until WireGuard roams, or it is lost
///                   │                            │  ▲
///                   └── 10 kicks ──▶ failed      └──┘ pulses: is a direct place on this network?
///
/// A pulse sets a direct place for 4 ms, and sends a keepalive and an echo request there. If the
/// reply comes, WireGuard has roamed at the far end, and roams here; if not, no more is lost than
/// what was sent in these 4 ms. A quarter of a second later a keepalive through the hub undoes what
/// the pulse did at a far end whose packets do not arrive here.
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
    return endpoint == endpoint_ || (pulse_ && endpoint == pulse_->endpoint);
  }

  enum class Course : std::uint8_t {
    proven,  ///< something came through the hub
    asking,  ///< nothing came yet
    failed,  ///< nothing came in time: the caller gives this up
    direct,  ///< a pulse was answered where it was sent: the caller gives this up
  };
  /// Takes a reading: follows the hub, kicks, and ends a pulse.
  [[nodiscard]] Course step(Turn& turn, const Sight& sight);

  /// Sends the pulse that is due, if one is. Call where step() said `proven`.
  /// \param near the peer's places on this network, tried again and again. \param moved a place
  /// that was published after this session came here: tried once.
  /// \return whether one was sent. An echo request has to follow in the same step.
  bool pulse(Turn& turn, const Sight& sight, std::span<const base::Endpoint> near,
             const std::optional<base::Endpoint>& moved);
  /// Call when the reply to an echo request came.
  void take_reply();
  /// The update that ends a pulse; empty: there is none.
  [[nodiscard]] std::vector<wg::PeerUpdate> leave(const wg::DevicePeer& shown) const;

  [[nodiscard]] const wg::PublicKey& hub() const { return hub_; }
  /// Since when the session goes this way.
  [[nodiscard]] base::SteadyTime since() const { return since_; }
  /// A pulse is under way, and readings have to be frequent.
  [[nodiscard]] bool is_pulsing() const { return pulse_.has_value(); }
  /// When to step at the latest; none: the next poll is early enough.
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const;

 private:
  struct Pulse {
    base::Endpoint endpoint;
    base::SteadyTime at;
    bool is_answered = false;
  };

  bool follow(Turn& turn, const Sight& sight);
  [[nodiscard]] Course ask(Turn& turn, const Sight& sight);
  bool end_pulse(Turn& turn);
  void kick(Turn& turn, const Sight& sight, std::vector<wg::PeerUpdate> updates,
            const std::string& reason, Note::Level level);

  wg::PublicKey hub_;
  base::Endpoint endpoint_;  ///< the hub's, as written last
  base::SteadyTime since_;

  std::optional<base::SteadyTime> moved_at_;  ///< the last move()
  bool is_asking_ = false;                    ///< nothing came since then
  unsigned kicks_ = 0;                        ///< since then
  base::SteadyTime kicked_at_;

  std::optional<Pulse> pulse_;
  std::optional<base::SteadyTime> restore_at_;  ///< a keepalive through the hub is due
  std::vector<base::Endpoint> near_;            ///< the places that were tried last
  std::size_t tries_ = 0;                       ///< rounds over them
  std::size_t next_near_ = 0;
  base::SteadyTime pulse_due_;
  std::optional<base::Endpoint> tried_moved_;
};

}  // namespace updater
