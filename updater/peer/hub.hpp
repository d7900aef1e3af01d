#pragma once

#include <optional>
#include <string>
#include <utility>

#include "updater/peer/session_health.hpp"
#include "updater/plan/memory.hpp"
#include "updater/plan/plan.hpp"

namespace updater {

/// One of the public host's own peers (design §4.4): never punched, and never given another
/// endpoint. Towards it the keepalive is kept on, and toggled under a live session when the host
/// had better learn this host's mapping now. Pure.
class Hub {
 public:
  Hub(base::SteadyTime now, const wg::PublicKey& key, const SessionHealth& health)
      : key_(key), health_(health), first_seen_(now) {}

  [[nodiscard]] const SessionHealth& health() const { return health_; }
  /// Whether `shown` can be a later reading of this peer.
  [[nodiscard]] bool continues(const wg::DevicePeer& shown) const {
    return health_.continues(shown);
  }
  /// Asks for a kick; it happens at the next step that may kick.
  void request_kick(std::string reason) { kick_ = std::move(reason); }
  /// Asks for a kick behind its own endpoint set again, which makes WireGuard choose the source
  /// address anew.
  void request_reset(std::string reason);

  /// \param shown this peer in `scene.device`. \param memory this peer's, changed in place.
  void step(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
            PeerMemory& memory, Plan& plan);

 private:
  wg::PublicKey key_;
  SessionHealth health_;
  std::optional<base::SteadyTime> last_toggle_;
  base::SteadyTime first_seen_;
  std::optional<std::string> kick_;  ///< why one is wanted
  bool reset_ = false;               ///< with the endpoint
};

}  // namespace updater
