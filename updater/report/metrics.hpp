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
  /// Counts the time that a peer's packets took this way (PeerReport::path()) until now.
  void count_path(base::SteadyTime now, const wg::PublicKey& peer, std::string_view path);
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
    std::optional<base::SteadyTime> reached_since;    ///< the last time; none: never
    std::optional<base::SteadyTime> counted;          ///< until when the path's time is counted
  };

  std::map<wg::PublicKey, Times> peers_;
  /// From the appearance or loss of peers until they are reached.
  struct Histogram {
    std::array<std::uint64_t, 10> buckets{};  ///< the last has no bound
    double seconds = 0;
  };
  Histogram to_direct_;
  Histogram to_relayed_;
  std::map<std::string_view, double> path_seconds_;
  std::uint64_t suspicions_ = 0;
  std::uint64_t recoveries_after_suspicion_ = 0;
  std::uint64_t recoveries_after_loss_ = 0;
  std::uint64_t moves_to_relay_ = 0;
  std::uint64_t moves_from_relay_ = 0;
  std::uint64_t losses_ = 0;
  std::uint64_t flaps_ = 0;
  std::map<std::string_view, std::uint64_t> lookups_;   ///< by result
  std::map<std::string_view, std::uint64_t> failures_;  ///< by reason
};

}  // namespace updater
