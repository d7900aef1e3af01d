#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/point/relay/relay_peers.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "dnsd/point/relay/relay_table.hpp"
#include "dnsd/point/relay/token_bucket.hpp"
#include "noise/message.hpp"

namespace dnsd {

struct RelayCount {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
};

/// What data under one index needs of its route: a slot of a table, and one cache line. With 100
/// 000 routes a look into memory costs as much as all the rest of a packet.
struct alignas(64) RelayLane {
  noise::SessionIndex key{};          ///< the index
  std::uint32_t route = no_relay_id;  ///< packed RelayPairs::Route; no_relay_id: a free line
  RelayId from = no_relay_id;
  RelayId to = no_relay_id;
  base::SteadyTime expires{};  ///< before now: closed, RelayPairs::route() decides
  base::SteadyTime used{};
  RelayCount count;

  [[nodiscard]] bool is_free() const { return route == no_relay_id; }
};

/// Two peers that pass packets to each other through the relay. A side is 0 or 1. Data of a lane
/// does not touch it.
struct RelayPair {
  struct Session {
    base::SteadyTime expires{};                  ///< before now: free
    base::SteadyTime used{};                     ///< but for lanes: RelayPairs::last_use()
    std::array<noise::SessionIndex, 2> index{};  ///< that the side sends under
    std::array<bool, 2> is_known{};              ///< the index
    std::array<bool, 2> has_sent{};
    std::uint8_t initiator = 0;
    std::uint8_t more = 0;  ///< indices in more_indices
  };
  /// An initiation of one side that waits for its response.
  struct Pending {
    base::SteadyTime expires{};
    noise::SessionIndex index{};  ///< that the other side answers under
    bool is_proven = false;       ///< came with a cookie
  };
  /// What one side has sent of handshakes.
  struct Side {
    std::array<Pending, relay_rules::pending_per_ordered_pair> pending;
    TokenBucket initiations;
    TokenBucket proven;
    TokenBucket cookies;
    std::optional<base::SteadyTime> under_way;
    std::optional<base::SteadyTime> held_back;
  };
  /// The latest time in which no data of both passed.
  struct Pause {
    using Length = std::chrono::duration<std::uint16_t, std::milli>;
    base::SteadyTime begun{};
    Length length{};        ///< 0: there was none
    std::uint8_t side = 0;  ///< that asked for it

    [[nodiscard]] bool is_on(base::SteadyTime now) const { return now < begun + length; }
    /// Too recent for another one.
    [[nodiscard]] bool is_recent(base::SteadyTime now) const {
      return length > Length() && now < begun + relay_rules::pause_interval;
    }
  };
  using MoreIndices = std::array<noise::SessionIndex, relay_rules::more_responses>;

  std::array<RelayCount, 2> counts;  ///< but for lanes
  std::array<RelayId, 2> peers{no_relay_id, no_relay_id};
  std::uint8_t maker = 0;  ///< the side that sent the first initiation
  bool was_confirmed = false;
  bool is_changed = false;
  bool is_adopting = false;
  std::array<Session, relay_rules::sessions_per_pair> sessions;
  /// What the initiator may send under instead, by the responses after the first.
  std::array<MoreIndices, relay_rules::sessions_per_pair> more_indices{};
  std::array<Side, 2> sides;
  Pause pause;
};

/// The pairs of a relay, their sessions and the initiations that wait. Pure; one thread. Bounded:
/// relay_rules, "Tables".
class RelayPairs {
 public:
  explicit RelayPairs(RelayPeers& peers) : peers_(peers) {}

  [[nodiscard]] RelayPair& operator[](RelayId id) { return pairs_[id]; }
  [[nodiscard]] RelayId find(RelayId a, RelayId b) const;
  /// Finds or makes the pair. From half of the limits on, one that is idle has to go,
  /// or \param is_proven the maker is really there.
  /// \return no_relay_id: there are too many in use
  RelayId make(RelayId maker, RelayId other, bool is_proven, base::SteadyTime now);
  /// The pair is the first that both try.
  void put_first(RelayId id);
  void remove_all(RelayId peer);

  /// Where an index leads that a peer sends under.
  struct Route {
    RelayId pair = no_relay_id;
    std::uint8_t side = 0;  ///< of the peer
    bool is_pending = false;
    std::uint8_t slot = 0;

    explicit operator bool() const { return pair != no_relay_id; }
  };
  /// Not one that is over: that is erased.
  [[nodiscard]] Route route(RelayId from, noise::SessionIndex index, base::SteadyTime now);
  /// The same, without the time.
  [[nodiscard]] bool has_route(RelayId from, noise::SessionIndex index) const {
    return routes_.find({from, index}) != nullptr;
  }
  /// A peer that sends under this index in a confirmed session; of several the first.
  [[nodiscard]] RelayId owner(noise::SessionIndex index) const;

  /// To find many lanes at once: each step reads what the one before has fetched.
  [[nodiscard]] static std::size_t hash(noise::SessionIndex index) { return Lanes::hash(index); }
  void fetch_lane(std::size_t hashed) const { lanes_.prefetch(hashed); }
  void fetch_peers(noise::SessionIndex index, std::size_t hashed) const;
  /// The lane of an index; of several senders under one index the first has it.
  /// \return nullptr: there is none, or it is closed. Otherwise the route is confirmed, and was
  /// used; the sender's place is still to be checked. Valid until the next call that changes routes
  [[nodiscard]] RelayLane* open_lane(noise::SessionIndex index, std::size_t hashed,
                                     base::SteadyTime now) {
    RelayLane* const lane = lanes_.find(index, hashed);
    return lane != nullptr && now < lane->expires ? lane : nullptr;
  }

  [[nodiscard]] bool has_room_for_pending(RelayId id, std::uint8_t side,
                                          base::SteadyTime now) const;
  void add_pending(RelayId id, std::uint8_t side, noise::SessionIndex index, bool is_proven,
                   base::SteadyTime now);
  /// Where a new session goes. \param is_proven it may take the place of one that is in use.
  [[nodiscard]] std::optional<std::uint8_t> room_for_session(RelayId id, bool is_proven,
                                                             base::SteadyTime now) const;
  /// A pending initiation was answered. \param index that its sender will use
  /// \return false: there is no room.
  bool confirm(const Route& pending, noise::SessionIndex index, base::SteadyTime now);
  /// A session of which one index, or both, are known. \param slot of room_for_session(), or one
  /// that has no such index
  void add_index(RelayId id, std::uint8_t slot, std::uint8_t side, noise::SessionIndex index,
                 base::SteadyTime expires);
  /// A response after the first: the initiator may send under this index, too.
  /// \return false: it has sent already, or too late, or one too many
  bool add_response(const Route& route, noise::SessionIndex index, base::SteadyTime now);
  /// A side has sent something in a confirmed session, and has a lane from now on. What the
  /// initiator sends under is the session's index from the first time on.
  void note_use(const Route& route, noise::SessionIndex index, base::SteadyTime now);
  void clear_session(RelayId id, std::uint8_t slot);
  /// Whether data of one of both has a route that is confirmed.
  [[nodiscard]] bool has_session(RelayId id, base::SteadyTime now) const;
  /// Closes all lanes of the pair, and until it is over none opens: data looks at the pair itself.
  void begin_pause(RelayId id, const RelayPair::Pause& pause);
  /// What each side of each pair has passed on since the start, by the pair's number.
  [[nodiscard]] std::vector<std::array<RelayCount, 2>> counts() const;

  /// A bounded part of what is over.
  void sweep(base::SteadyTime now);
  [[nodiscard]] std::size_t size() const { return pairs_.size(); }
  /// Whether sweep() has, or will have, something to do.
  [[nodiscard]] bool has_entries() const { return routes_.size() > 0 || unconfirmed_ > 0; }
  /// Above all numbers of pairs; those that are free have no peers.
  [[nodiscard]] RelayId end() const { return pairs_.end(); }

  /// The pairs that changed since the last call; of removed ones their keys.
  struct Changes {
    std::vector<RelayId> changed;
    std::vector<std::pair<wg::PublicKey, wg::PublicKey>> removed;
  };
  [[nodiscard]] Changes take_changes();

 private:
  struct Two {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    friend bool operator==(const Two&, const Two&) = default;
  };
  struct TwoHash {
    std::size_t operator()(const Two& two) const noexcept;
  };
  struct IndexHash {
    std::size_t operator()(noise::SessionIndex index) const noexcept;
  };

  using Lanes = RelayTable<RelayLane, IndexHash>;

  void add_route(RelayId id, std::uint8_t slot, std::uint8_t side, noise::SessionIndex index);
  RelayLane& make_lane(const Route& route, noise::SessionIndex index);
  [[nodiscard]] base::SteadyTime last_use(const RelayPair& pair, std::uint8_t slot) const;
  void clear_pending(RelayId id, std::uint8_t side, std::uint8_t slot);
  [[nodiscard]] bool is_idle(const RelayPair& pair, base::SteadyTime now) const;
  void remove(RelayId id);
  void note_change(RelayId id);
  [[nodiscard]] bool make_room(RelayId maker, bool is_proven, base::SteadyTime now);
  [[nodiscard]] RelayId find_idle(RelayId maker, base::SteadyTime now) const;
  [[nodiscard]] RelayId find_idle(base::SteadyTime now);
  void drop_over(RelayId id, base::SteadyTime now);

  RelayPeers& peers_;
  RelaySlab<RelayPair> pairs_;
  RelayNumbers<Two, TwoHash> by_peers_;  // the smaller number first
  RelayNumbers<Two, TwoHash> routes_;    // sender, index
  Lanes lanes_;
  RelayId sweep_next_ = 0;
  std::size_t unconfirmed_ = 0;  // pairs that never had a session
  Changes changes_;
};

}  // namespace dnsd
