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
#include "dnsd/point/trial_budget.hpp"
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
///          ├──────▶ published on trial, asked back ───────┤
///          │        at 0, 0.5 and 2 s                     │ 5 s after leaving the last good place,
///          │                                              │ whatever came between: back there, and
///          │                                              └ not believed
///          └ not believed ─▶ asked back, and published when it answers
///
/// Data on trial proves nothing however much of it comes: a sender that forged the source of the
/// first packet can forge it on the next. Three datagrams at most go to a place on trial. When a
/// peer is not believed is in trial_budget.hpp.
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
  /// Where a peer surely is: what is passed on is taken from there, and goes there. Not a place on
  /// trial: meanwhile the last good one counts.
  struct Confirmed {
    wg::PublicKey key;
    noise::Path path;
    base::SteadyTime seen;  ///< new, or seen again
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
    std::vector<Confirmed> confirmed;
    std::vector<Notice> notices;
  };

  /// \param budget of all points of this host; outlives this.
  explicit PointRules(TrialBudget& budget) : budget_(budget) {}

  /// Takes what an earlier run knew. tick() greets the peer, unless it is heard before. \param
  /// local the address of ours that it speaks to; unspecified: unknown
  void restore(const SavedPeer& peer, const base::IpAddress& local, base::Now now);
  void forget(const wg::PublicKey& key, base::SteadyTime now);

  void received(const wg::PublicKey& key, const noise::Received& received, base::Now now);
  /// Whether the peer is, or was last, at this address, behind whichever port.
  [[nodiscard]] bool was_at(const wg::PublicKey& key, const base::IpAddress& address) const;
  /// Transport data of no session of ours: the peer that was last seen there has a session that we
  /// lost.
  void unknown_session(const noise::Path& path, base::Now now);
  /// What belongs to a session of the peer with another peer came from there: it may have moved.
  void relayed_from(const wg::PublicKey& key, const noise::Path& path, base::Now now);
  /// Reports as confirmed what is, once more: of all peers, or of one.
  void confirm_all();
  void confirm_again(const wg::PublicKey& key);
  /// The peer that was last seen there.
  [[nodiscard]] std::optional<wg::PublicKey> who_is_at(const base::Endpoint& endpoint) const;

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
    base::SteadyTime trial_ends{};
    std::optional<base::IpAddress> left_unanswered;  ///< this trial was there before
    std::size_t asked_again = 0;
    std::optional<base::SteadyTime> next_ask;
    std::optional<base::Endpoint> left;  ///< the last place but one
    unsigned returns = 0;                ///< to the place that was left last, in quick succession
    base::SteadyTime last_return{};
    bool is_flapping = false;

    void note_change(base::SteadyTime now) { times[next++ % times.size()] = now; }
  };
  struct Track {
    std::optional<Place> place;
    std::optional<base::SteadyTime> asked;   ///< the last time
    base::Endpoint asked_at;                 ///< where
    std::chrono::milliseconds round_trip{};  ///< of the last answer
    unsigned unanswered = 0;                 ///< times that it was asked before it was believed
    bool is_heard = false;                   ///< by this run
    /// It answered elsewhere than at `place`, after too many changes to publish one more.
    bool is_elsewhere = false;
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
  [[nodiscard]] static bool may_move(const Track& track, bool is_proven, base::SteadyTime now);
  void begin_trial(const wg::PublicKey& key, Track& track, const Place& good,
                   base::SteadyTime trial_ends, base::SteadyTime now);
  void ask_on_trial(const wg::PublicKey& key, Track& track, base::SteadyTime now);
  void end_trial(const wg::PublicKey& key, Track& track,
                 const std::optional<base::IpAddress>& unanswered, base::SteadyTime now);
  void go_back(const wg::PublicKey& key, Track& track, const Place& good, base::SteadyTime now);
  [[nodiscard]] static bool is_under_way(const Track& track, base::SteadyTime now);
  void confirm_again(const wg::PublicKey& key, const Track& track);
  void confirm(const wg::PublicKey& key, Track& track, const noise::Path& path, bool is_proven,
               base::SteadyTime now);
  void ask_first(const wg::PublicKey& key, Track& track, const noise::Path& path,
                 base::SteadyTime now);
  void ask(const wg::PublicKey& key, Track& track, const noise::Path& path, int attempts,
           base::SteadyTime now);
  void note_return(const wg::PublicKey& key, Track& track, const base::Endpoint& from,
                   const base::Endpoint& to, base::SteadyTime now);
  void set_place(const wg::PublicKey& key, Track& track, const Place& place,
                 bool is_on_trial = false);
  void forget_who(const wg::PublicKey& key, const Track& track);
  void publish(const wg::PublicKey& key, const Place& place, bool is_on_trial = false);
  void greet(base::Now now);

  TrialBudget& budget_;
  std::unordered_map<wg::PublicKey, Track> tracks_;
  std::unordered_map<base::Endpoint, wg::PublicKey, EndpointHash> who_;
  std::deque<wg::PublicKey> to_greet_;
  std::optional<base::SteadyTime> next_greeting_;
  std::priority_queue<Deadline, std::vector<Deadline>, std::greater<>> trials_;
  Result result_;
};

}  // namespace dnsd
