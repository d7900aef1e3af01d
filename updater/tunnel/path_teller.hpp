#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/expected.hpp"
#include "dns/types.hpp"
#include "schema/path_text.hpp"
#include "updater/lookup/lookup.hpp"
#include "wg/public_key.hpp"

namespace updater {

/// The way to one other peer now.
struct SeenWay {
  wg::PublicKey peer;
  schema::Way way = schema::Way::none;
  std::optional<std::chrono::microseconds> round_trip = std::nullopt;  ///< none: not measured
};

/// What this host tells of its ways to the others, and when (doc/protocol.md §3.3): what is new, at
/// most one message per 10 s; all of it once more every 120 s, for a server that has begun anew.
/// Any message renews everything that the server has of this host, so 256 records may take 260 s.
/// Pure.
class PathTeller {
 public:
  /// Whether tell_if_due() may have something to say. \return false for the next 2 s.
  [[nodiscard]] bool is_due(base::SteadyTime now);
  /// The steps of the message to send now: at most schema::max_path_edits, and one remove_all if
  /// the server may have something else of this host. After that nothing is due until learn() is
  /// called. \param ways to the peers that the zone has; of more than schema::max_paths those
  /// without a session are left out first. \return empty: nothing is due.
  [[nodiscard]] std::vector<schema::PathEdit> tell_if_due(base::SteadyTime now,
                                                          std::span<const SeenWay> ways,
                                                          std::minstd_rand& random);
  /// \param rcode of the reply; an error: no reply came.
  void learn(base::SteadyTime now, const base::Expected<dns::Rcode, LookupError>& rcode,
             std::minstd_rand& random);
  /// Call when the server or the device is another one.
  void forget() { *this = PathTeller(); }

  /// Why the server did not take the last message; none: it did.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

 private:
  /// What is known of one other peer.
  struct Known {
    schema::PeerPath path;                         ///< as it should be told
    std::optional<base::SteadyTime> strays_since;  ///< the round trip is not what `path` says
    std::optional<schema::PeerPath> told;          ///< what the server has
    bool is_uncertain = false;                     ///< or may have: no reply came
    bool is_due = true;                            ///< to be told, though it may be the same
    bool is_gone = false;                          ///< to be removed
  };
  using All = std::map<wg::PublicKey, Known>;

  void take(base::SteadyTime now, std::span<const SeenWay> ways);
  void lose(All::iterator& one);
  static void follow(base::SteadyTime now, const SeenWay& seen, Known& known);
  void forget_told();
  [[nodiscard]] bool is_any_due() const;

  All peers_;
  bool begins_ = true;  ///< the server may have what an earlier run told
  std::vector<schema::PathEdit> sent_;
  bool pending_ = false;
  bool was_taken_ = false;
  unsigned failures_ = 0;
  std::optional<base::SteadyTime> next_;  ///< of the next message, at the earliest
  base::SteadyTime look_{};               ///< when to look at the ways again
  base::SteadyTime repeat_{};             ///< when to tell all of it once more
  std::optional<std::string> trouble_;
};

}  // namespace updater
