#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "base/guarded.hpp"
#include "dnsd/point/peer_oddity.hpp"
#include "dnsd/point/point_rules.hpp"
#include "dnsd/point/relay/relay.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// What a built-in observation point reports about its peers: lines in the log, and the oddities
/// that `status` and `peers` show. One thread, the point's; oddities() from any.
class PointNotices {
 public:
  /// One line per peer in this time, whatever it is about.
  static constexpr std::chrono::minutes pause{10};

  /// \param listen of the point; every line begins with it
  explicit PointNotices(const base::Endpoint& listen);

  /// Something that the rules found. \param name of the peer, for the log; empty: none
  void tell(const PointRules::Notice& notice, const std::string& name, base::SteadyTime now);
  /// A handshake was as old as a replay, and was none: the peer's clock was set back. \param name
  /// as above
  void clock_behind(const wg::PublicKey& key, const std::string& name, std::chrono::seconds by,
                    base::SteadyTime now);
  /// The peer sends more than is passed on from one. \param rate bit/s \param name as above
  void over_rate(const wg::PublicKey& key, const std::string& name, std::uint64_t rate,
                 base::SteadyTime now);
  /// Something was not passed on: tells it where all peers together send too much. \param total
  /// bit/s \return whether one peer did
  [[nodiscard]] bool note_drop(const RelayCounters& counters, std::uint64_t total,
                               base::SteadyTime now);
  /// A handshake was accepted, or the peer was reset: its clock is not behind.
  void clock_is_right(const wg::PublicKey& key);
  /// The peer was removed: it has no oddity, and if it returns, its next line is not held back.
  void forget(const wg::PublicKey& key);

  [[nodiscard]] PeerOddities oddities() const { return oddities_.copy(); }

 private:
  [[nodiscard]] bool may_write(const wg::PublicKey& key, base::SteadyTime now);
  void set_flapping(const wg::PublicKey& key, bool is_flapping);
  void set_clock_behind(const wg::PublicKey& key, std::chrono::seconds behind);

  const std::string listen_;
  std::unordered_map<wg::PublicKey, base::SteadyTime> last_line_;  // of peers that had one
  std::optional<base::SteadyTime> last_over_total_;
  std::uint64_t told_rate_ = 0;
  std::uint64_t told_total_ = 0;
  base::Guarded<PeerOddities> oddities_;
};

}  // namespace dnsd
