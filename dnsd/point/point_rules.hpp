#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/registry/observation.hpp"
#include "noise/engine.hpp"

namespace dnsd {

/// The rules of doc/protocol.md §2.3 for one built-in observation point: authenticated
/// packets in; what is published, which peers to ask back, and what is odd, out. Pure: no socket,
/// no clock. One thread. A point has one confirmed place per peer, in whichever family it was seen
/// last.
///
///                    proven there, or first sight
///     packet from ──────────────────────────────────▶ published
///     another place                                       ▲
///          │ only written on a packet                     │ answered from there
///          └──────▶ published on trial, asked back ───────┤
///                   at 0 s and 2 s                        │ 5 s without an answer: the last good
///                                                         └ place again; the other one is not
///                                                           believed for a minute without proof
///
/// Data on trial proves nothing however much of it comes: a sender that forged the source of the
/// first packet can forge it on the next. Two datagrams at most go to a place on trial.
class PointRules {
 public:
  struct Seen {
    wg::PublicKey key;
    Observation observation;  ///< new, moved, moved back, or seen again
  };
  struct Ask {
    wg::PublicKey key;
    noise::Path path;
    int attempts;  ///< initiations, 5 s apart
  };
  struct Notice {
    enum class Kind : std::uint8_t {
      forged,    ///< `left` did not answer: back at `place`
      flapping,  ///< to and fro between `left` and `place`: is the key used twice?
      settled,   ///< no longer flapping
    };
    Kind kind{};
    wg::PublicKey key;
    base::Endpoint place;
    base::Endpoint left;
  };
  /// The results of the calls since the last take().
  struct Result {
    std::vector<Seen> seen;
    std::vector<Ask> ask;
    std::vector<Notice> notices;
  };

  /// Takes what an earlier run knew. tick() greets the peer, unless it is heard before.
  void restore(const SavedPeer& peer, base::Now now);
  void forget(const wg::PublicKey& key);

  void received(const wg::PublicKey& key, const noise::Received& received, base::Now now);
  /// Transport data of no session of ours: the peer that was last seen there has a session that we
  /// lost.
  void unknown_session(const noise::Path& path, base::Now now);

  /// Greets, asks once more, ends trials.
  void tick(base::Now now);
  /// When tick() has something to do at the earliest; nullopt: never.
  [[nodiscard]] std::optional<base::SteadyTime> next_deadline() const;
  [[nodiscard]] Result take() { return std::exchange(result_, {}); }

 private:
  struct Place {
    base::Endpoint endpoint;
    base::WallTime since;
    base::WallTime last_seen;
    base::SteadyTime seen;
    base::IpAddress local;
  };
  /// Kept only for peers that moved.
  struct Moves {
    static constexpr std::size_t max_per_minute = 6;

    std::array<std::optional<base::SteadyTime>, max_per_minute> times;  ///< a ring
    std::size_t next = 0;
    std::optional<Place> good;  ///< on trial: where to go back to
    base::SteadyTime second_ask{};
    base::SteadyTime trial_ends{};
    bool asked_twice = false;
    std::optional<base::Endpoint> disbelieved;
    base::SteadyTime disbelieved_until{};
    std::optional<base::Endpoint> left;  ///< the last place but one
    unsigned returns = 0;                ///< to the place that was left last, in quick succession
    base::SteadyTime last_return{};
    bool is_flapping = false;
  };
  struct Track {
    std::optional<Place> place;
    std::optional<base::SteadyTime> asked;  ///< for data of a lost session
    bool is_heard = false;                  ///< by this run
    std::unique_ptr<Moves> moves;
  };
  struct EndpointHash {
    std::size_t operator()(const base::Endpoint& endpoint) const noexcept;
  };
  struct Deadline {
    base::SteadyTime due;
    wg::PublicKey key;
    friend bool operator>(const Deadline& a, const Deadline& b) { return a.due > b.due; }
  };

  void settle(const wg::PublicKey& key, Track& track, const noise::Path& path, bool is_proven,
              base::Now now);
  void move(const wg::PublicKey& key, Track& track, const noise::Path& path, bool is_proven,
            base::Now now);
  [[nodiscard]] static bool may_move(const Track& track, const base::Endpoint& to, bool is_proven,
                                     base::SteadyTime now);
  void begin_trial(const wg::PublicKey& key, Track& track, const Place& good,
                   const noise::Path& path, base::Now now);
  static void end_trial(Track& track);
  void note_return(const wg::PublicKey& key, Track& track, const base::Endpoint& from,
                   const base::Endpoint& to, base::SteadyTime now);
  void set_place(const wg::PublicKey& key, Track& track, const Place& place);
  void publish(const wg::PublicKey& key, const Place& place, bool is_on_trial = false);
  void greet(base::Now now);

  std::unordered_map<wg::PublicKey, Track> tracks_;
  std::unordered_map<base::Endpoint, wg::PublicKey, EndpointHash> who_;
  std::deque<wg::PublicKey> to_greet_;
  std::optional<base::SteadyTime> next_greeting_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> trials_;
  Result result_;
};

}  // namespace dnsd
