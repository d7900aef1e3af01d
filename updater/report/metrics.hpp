#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/peer/direct_peer.hpp"
#include "updater/report/report.hpp"

/// Counters of what happened to the peers of one interface since the start, for the textfile
/// collector of node_exporter. Plain values.
namespace updater {

class Metrics {
 public:
  /// Counts what one step changed. \param before, after the peer's state.
  void count_step(base::SteadyTime now, const wg::PublicKey& peer, DirectPeer::State before,
                  DirectPeer::State after);
  void count_hopeless() { ++failures_["hopeless"]; }
  void count_lookup(const LookupResult& result);
  void count_write_failure() { ++failures_["write"]; }
  /// Forgets the times of a peer that was removed.
  void forget(const wg::PublicKey& peer) { peers_.erase(peer); }
  /// A peer to be connected appeared.
  void meet(base::SteadyTime now, const wg::PublicKey& peer) { peers_[peer].unreached_since = now; }

  /// In Prometheus' text format 0.0.4. \param report with interface and peers.
  [[nodiscard]] std::string write(const Report& report) const;

 private:
  struct Times {
    std::optional<base::SteadyTime> unreached_since;  ///< when it appeared, or was lost
    std::optional<base::SteadyTime> direct_since;     ///< the last time; none: never
  };

  std::map<wg::PublicKey, Times> peers_;
  std::array<std::uint64_t, 10> times_to_direct_{};  ///< by bucket; the last has no bound
  double seconds_to_direct_ = 0;
  std::uint64_t suspicions_ = 0;
  std::uint64_t recoveries_after_suspicion_ = 0;
  std::uint64_t recoveries_after_loss_ = 0;
  std::uint64_t losses_ = 0;
  std::uint64_t flaps_ = 0;
  std::map<std::string_view, std::uint64_t> lookups_;   ///< by result
  std::map<std::string_view, std::uint64_t> failures_;  ///< by reason
};

}  // namespace updater
