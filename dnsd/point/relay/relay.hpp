#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "dnsd/point/relay/relay_requests.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "dnsd/point/relay/relay_table.hpp"
#include "noise/message.hpp"
#include "noise/session.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Two rates of the operator, bit/s; 0: no limit.
struct RelayRates {
  std::uint64_t sender = relay_rules::default_sender_rate;
  std::uint64_t total = relay_rules::default_total_rate;
};

/// One direction of a session that passes through the relay: what `from` sends under `index` goes
/// to `to`. What survives a restart.
struct RelayRoute {
  wg::PublicKey from;
  wg::PublicKey to;
  noise::SessionIndex index{};
  base::SteadyTime expires;
};

/// What passed from one peer to another since the start.
struct RelayedPair {
  wg::PublicKey from;
  wg::PublicKey to;
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
};

/// Counts of datagrams: what was passed on, then what was not, by reason.
struct RelayCounters {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
  std::uint64_t cookies = 0;    ///< sent in a recipient's name
  std::uint64_t ask_backs = 0;  ///< wanted
  std::uint64_t adopted = 0;    ///< sessions
  std::uint64_t pauses = 0;     ///< of pairs, begun
  // Dropped:
  std::uint64_t no_recipient = 0;   ///< an initiation that is for no registered peer
  std::uint64_t no_place = 0;       ///< the recipient has no place, or was not seen there for long
  std::uint64_t unknown_place = 0;  ///< a known index from another place
  std::uint64_t searched_too_much = 0;
  std::uint64_t too_many_initiations = 0;  ///< also with a cookie
  std::uint64_t too_many_cookies = 0;      ///< of a recipient
  std::uint64_t crossing = 0;
  std::uint64_t collision = 0;    ///< of indices
  std::uint64_t wrong_mac = 0;    ///< a response that its receiver would refuse
  std::uint64_t unconfirmed = 0;  ///< data before the response, or a second response
  std::uint64_t table_full = 0;
  std::uint64_t over_rate = 0;  ///< of a sender
  std::uint64_t over_total = 0;
  std::uint64_t unadopted = 0;  ///< more than an adoption passes on before an answer
  std::uint64_t paused = 0;     ///< data of a pair in a pause
};

/// The relay of one observation point (doc/relay.md): passes the datagrams of WireGuard sessions
/// between registered peers on, unchanged and unread. Pure: no socket, no clock. One thread.
///
///     datagram ─▶ place: who? ─▶ index: whose? ─▶ place of the other          data
///                    │            mac1: whose? ─▶ pending, place of the other  initiation
///                    │                  └ over a limit ─▶ a cookie in its name
///                    └ none: not ours, unless the index is known ─▶ ask back
///
/// Stands before noise::Engine: the point gives it each datagram first. For data: no cryptography,
/// no copy, no allocation; and after the first of a session one look-up, by its index, because then
/// the place only has to be the one of that route's sender.
class Relay final : public RelayRequests {
 public:
  /// The point's own sessions.
  class Sessions {
   public:
    virtual ~Sessions() = default;
    /// Whether a session or an attempt of the point, with whichever peer, has this index as its
    /// own (noise::Engine::owns_index).
    [[nodiscard]] virtual bool owns_index(noise::SessionIndex index) const = 0;
  };

  /// What to do with one datagram, or one run of them.
  struct Verdict {
    enum class Kind : std::uint8_t {
      not_relayed,  ///< for the engine
      forward,      ///< send the datagram, as it is now, to `path`
      reply,        ///< send reply() to `path`, where the datagram came from
      ask_back,     ///< drop it; `peer` may be at `path`: find out by a handshake
      drop,
    };
    Kind kind = Kind::not_relayed;
    const noise::Path* path = nullptr;  ///< valid until the next call, or the argument of this one
    const wg::PublicKey* peer = nullptr;
  };

  /// \param own the point's key: an initiation for it is not relayed. \param sessions outlives
  /// this.
  Relay(const wg::PublicKey& own, RelayRates rates, const Sessions& sessions);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  void set_rates(RelayRates rates);
  /// Adds a peer. One that was added stays as it is.
  void add_peer(const wg::PublicKey& peer);
  void remove_peer(const wg::PublicKey& peer);

  /// The peer's confirmed place, new or seen again; it counts for relay_rules::place_life from
  /// `seen` on. Another peer that was there has none any more. On trial: clear_place().
  void set_place(const wg::PublicKey& peer, const noise::Path& place, base::SteadyTime seen);
  void clear_place(const wg::PublicKey& peer);

  /// \param datagram one datagram, or a run of transport data under one index, as UDP_GRO joins
  /// them; all of it is passed on, or nothing. The mac2 of a cookie of ours is zeroed in it.
  /// \param datagrams how many
  [[nodiscard]] Verdict receive(base::MutableBytes datagram, const noise::Path& path,
                                base::SteadyTime now, std::size_t datagrams = 1) {
    return receive({datagram, &path}, now, datagrams);
  }
  struct Arrival {
    base::MutableBytes datagram;
    const noise::Path* path = nullptr;
    std::optional<std::size_t> hashed{};  ///< by look_ahead(): its index
  };
  /// The same, of one that look_ahead() may have seen.
  [[nodiscard]] Verdict receive(const Arrival& arrival, base::SteadyTime now,
                                std::size_t datagrams);
  /// What was received together, before receive() is called for one after the other: what they
  /// need is fetched from memory at once. Changes nothing else.
  void look_ahead(std::span<Arrival> arrivals) const;
  /// The datagram of the last verdict `reply`.
  [[nodiscard]] base::Bytes reply() const;

  /// Whether the peer sends under this index what is passed on: the point must not draw it
  /// (noise::Engine::Handler::may_draw).
  [[nodiscard]] bool uses_index(const wg::PublicKey& peer, noise::SessionIndex index) const;

  bool adopt(const wg::PublicKey& peer, const wg::PublicKey& other, base::SteadyTime now) override;
  bool pause(const wg::PublicKey& peer, const wg::PublicKey& other,
             std::chrono::milliseconds length, base::SteadyTime now) override;

  /// Takes a route of an earlier run, of peers that were added.
  void restore(const RelayRoute& route, base::SteadyTime now);
  /// The ordered pairs whose routes changed since the last call, each with all its routes; none:
  /// there are no more.
  struct Change {
    wg::PublicKey from;
    wg::PublicKey to;
    std::vector<RelayRoute> routes;
  };
  [[nodiscard]] std::vector<Change> take_changes();

  /// Forgets what is over, a bounded part of it. Nothing else depends on it.
  void tick(base::SteadyTime now);
  [[nodiscard]] std::optional<base::SteadyTime> next_deadline() const;

  [[nodiscard]] const RelayCounters& counters() const;
  /// Pairs that have a route, or had one since the start.
  [[nodiscard]] std::vector<RelayedPair> pairs() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dnsd
