#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "updater/peer/hub_search.hpp"
#include "updater/peer/session_health.hpp"
#include "updater/peer/turn.hpp"

namespace updater {

/// One of the public host's own peers (doc/protocol.md §4.7): never punched. Its keepalive is kept
/// on. It is toggled under a live session (a kick) when the host should learn this host's mapping
/// now. A hub of the configuration that does not answer is looked for (HubSearch); otherwise its
/// endpoint is left alone. Pure.
class Hub {
 public:
  /// \param now from here on the silence of its keepalive is measured, until a packet is seen.
  Hub(base::SteadyTime now, const SessionHealth& health)
      : health_(health), first_seen_(now), search_(now) {}

  [[nodiscard]] const SessionHealth& health() const { return health_; }
  /// Whether `shown` can be a later reading of this peer.
  [[nodiscard]] bool continues(const wg::DevicePeer& shown) const {
    return health_.continues(shown);
  }
  /// Asks for a kick at the next step that may kick. \param reason a clause.
  void request_kick(std::string reason);
  /// Asks for a kick, and before it for the same endpoint once more: WireGuard then chooses the
  /// source address again. \param reason a clause.
  void request_reset(std::string reason);

  /// Takes the places where it may be, which a plan asked for.
  void learn(base::SteadyTime now, const HubResult& result) { search_.learn(now, result); }

  /// Takes a reading. Call for each hub before the first step() of any peer: answers() is of it.
  void observe(const base::Now& now, const wg::DevicePeer& shown) { health_.observe(now, shown); }
  /// Appends what is to be done to the turn's plan.
  void step(Turn& turn);

  /// Whether it has a live session, and something came from it since it was silent: it passes
  /// packets on, where it does that at all.
  [[nodiscard]] bool answers(base::SteadyTime now) const {
    return health_.has_live_session(now) && !search_.is_silent(health_);
  }
  /// Takes the reply to an echo request.
  void learn_round_trip(std::chrono::microseconds round_trip) { round_trip_ = round_trip; }
  /// The round trip to it; none: not measured at its present endpoint.
  [[nodiscard]] std::optional<std::chrono::microseconds> round_trip() const { return round_trip_; }

  /// What is wrong with it, as a clause; empty: nothing is known.
  [[nodiscard]] std::string describe(base::SteadyTime now) const { return search_.describe(now); }
  /// When to step at the latest; none: the next poll is early enough.
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const { return search_.next_step(); }

 private:
  SessionHealth health_;
  std::optional<base::SteadyTime> last_toggle_;  ///< of the keepalive, by us
  base::SteadyTime first_seen_;
  std::optional<std::string> kick_;  ///< why one is wanted
  bool reset_ = false;               ///< the kick comes with the endpoint
  HubSearch search_;

  void measure(Turn& turn);
  std::optional<base::Endpoint> endpoint_;  ///< of the last reading
  std::optional<std::chrono::microseconds> round_trip_;
  std::optional<base::SteadyTime> probed_;  ///< the last echo request
  unsigned probes_ = 0;                     ///< unanswered, at this endpoint
};

}  // namespace updater
