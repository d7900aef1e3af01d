#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "updater/peer/known_endpoints.hpp"
#include "updater/peer/session_health.hpp"
#include "updater/peer/turn.hpp"
#include "wg/device.hpp"

namespace updater {

/// One attempt to reach a peer: sets its candidates in turn, and makes WireGuard send to each.
/// Pure. It lasts until a handshake appears, or something new is a reason for another attempt.
///
///     first round ── no candidate answered ──▶ more slowly ──┐
///          │                                        │        │ the NATs never connect
///          └────────────────────────────────────────┴────────▶ hopeless (nat_pair.hpp)
///
/// Where many peers are said to be at one address that never answered, they take turns
/// (AddressLimit): between its turns a peer's endpoint is one that only silences this host.
///
/// First round: 5.6 s for each candidate. More slowly: the same candidates with growing pauses.
/// Hopeless: only rare retries are sent, until there is a sign that the peer can be reached.
///
/// A candidate may also be a hub that passes packets on (doc/protocol.md §4.11). WireGuard sends
/// one initiation in 5 s, so in the first round such a candidate gets no more time than an answer
/// takes, and the one before it no second initiation, unless something came from the peer. Where
/// the NATs never connect, the hubs alone remain, and nothing is hopeless.
class Attempt {
 public:
  /// What an attempt looks at apart from the turn. Borrowed for the call.
  struct Context {
    const SessionHealth& health;
    KnownEndpoints& known;
  };

  /// \param candidates to try in this order, at least one. \param place of the hubs among them,
  /// also when they are collected again. \param begun time of the first attempt since the peer was
  /// lost; now, if this is the first.
  Attempt(std::vector<Candidate> candidates, RelayPlace place, base::SteadyTime begun,
          base::SteadyTime now);

  /// Sets the first candidate, and kicks now or soon. Call once, before advance().
  /// \param set_again the endpoint is written even if the device has it already. \param reason why
  /// the peer is to be reached, as a clause.
  void begin(Turn& turn, const Context& context, bool set_again, const std::string& reason);
  /// Does what is due. \return why the peer should get another attempt, as a clause; only of a
  /// hopeless one.
  [[nodiscard]] std::optional<std::string> advance(Turn& turn, const Context& context);
  /// The updates that replace an endpoint which only silences this host; empty: none is set.
  [[nodiscard]] std::vector<wg::PeerUpdate> leave(const wg::DevicePeer& shown) const;

  [[nodiscard]] base::SteadyTime begun() const { return begun_; }
  /// Every candidate had its turn.
  [[nodiscard]] bool is_round_over() const { return round_over_; }
  /// Why no try can succeed (nat_pair.hpp), as a clause; none: one may.
  [[nodiscard]] const std::optional<std::string>& hopeless() const { return hopeless_; }
  /// Why no direct way can succeed (nat_pair.hpp), as a clause, where a hub passes packets on all
  /// the same; none: one may.
  [[nodiscard]] const std::optional<std::string>& obstacle() const { return obstacle_; }
  /// Whether a hub that passes packets on is among the candidates.
  [[nodiscard]] bool has_relay() const;
  /// The hub that is set as the peer's endpoint; none: it is the peer's own.
  [[nodiscard]] const std::optional<wg::PublicKey>& relay() const {
    return candidates_[index_].relay;
  }
  /// For its turn at an address that has never answered (AddressLimit).
  [[nodiscard]] bool waits() const { return waits_; }
  /// When to advance at the latest, to kick; none: no kick is due.
  [[nodiscard]] std::optional<base::SteadyTime> kick_at() const { return kick_at_; }
  /// The last kick; none: there was none.
  [[nodiscard]] std::optional<base::SteadyTime> kicked_at() const { return kicked_at_; }

 private:
  bool kick_if_due(Turn& turn, const Context& context);
  bool silence_if_crossed(Turn& turn, const Context& context);
  [[nodiscard]] bool has_crossed(const Turn& turn, const SessionHealth& health) const;
  void start(Turn& turn, const Context& context, bool set_again, const std::string& reason);
  [[nodiscard]] bool choose(const Turn& turn, std::size_t first);
  bool take_turns(Turn& turn, const Context& context);
  void step_aside(Turn& turn);
  void try_next_candidate(Turn& turn, const Context& context);
  void mark_set(base::SteadyTime now);
  [[nodiscard]] std::string describe_candidate(const Turn& turn) const;
  [[nodiscard]] std::string describe_relay(const Turn& turn) const;
  [[nodiscard]] bool is_turn_over(const Turn& turn, const Context& context);
  bool follow_relay(Turn& turn);
  bool keep_relays_only(Turn& turn, const Context& context, const std::string& reason);
  void collect(Turn& turn, const Context& context);
  void append_kick(std::vector<wg::PeerUpdate>& updates, const Turn& turn, const Context& context);

  bool rest_if_hopeless(Turn& turn, const Context& context);
  [[nodiscard]] std::optional<std::string> find_hope(const Scene& scene,
                                                     const Context& context) const;
  void retry_slowly(Turn& turn, const Context& context);

  std::vector<Candidate> candidates_;
  RelayPlace place_;
  std::size_t index_ = 0;                    ///< of the candidate that is set
  base::SteadyTime set_at_;                  ///< when it was set
  std::optional<base::SteadyTime> sent_at_;  ///< the first packet since then
  base::SteadyTime begun_;                   ///< the first attempt since the peer was lost
  base::SteadyTime tried_since_;             ///< this attempt
  base::SteadyTime next_at_;                 ///< of the next candidate
  bool round_over_ = false;

  std::optional<base::SteadyTime> kick_at_;    ///< a kick is due
  std::optional<base::SteadyTime> kicked_at_;  ///< the last one
  unsigned kicks_without_sending_ = 0;
  std::size_t pauses_ = 0;  ///< steps of the back-off that were used

  std::optional<base::SteadyTime> silent_until_;  ///< our initiations are sent nowhere
  std::optional<base::SteadyTime> yielded_to_;    ///< when the initiation came that crossed ours

  bool waits_ = false;     ///< for a turn
  bool is_aside_ = false;  ///< it had one; its endpoint silences this host

  std::optional<std::string> obstacle_;
  std::optional<std::string> hopeless_;
  base::SteadyTime quiet_from_;  ///< hopeless: what is sent later is the user's traffic
  std::size_t slow_tries_ = 0;   ///< hopeless: retries so far
};

/// Whether `endpoint` is the one that Attempt sets to silence this host.
[[nodiscard]] bool is_nowhere(const std::optional<base::Endpoint>& endpoint);

}  // namespace updater
