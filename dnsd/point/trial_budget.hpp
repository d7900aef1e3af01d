#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "base/ip_address.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// How long peers may be published where they have not answered (doc/protocol.md §2.3). One account
/// per peer, over all points of this host and whatever addresses it writes: otherwise a forger
/// would go on with the next address, the other family, or another point.
///
///     trusted ── begin() ──▶ on trial, 5 s in all ── answered there ──▶ trusted
///        ▲                         │ left, or over, without an answer
///        ├── the first time ───────┤ that address: 1 min; all others: 5 s
///        └── again ────────────────┘ every address: 2 min, 4 min, … 1 h
///
/// So in 125 s no more than 10 s are spent on trial. Bounded by the number of peers; an account
/// that says nothing any more is dropped. Any thread.
class TrialBudget {
 public:
  /// From leaving the last good place: a peer is back there within 5 s.
  static constexpr std::chrono::milliseconds trial_length{4750};
  /// At the good place, before another address is believed.
  static constexpr std::chrono::seconds rest{5};
  /// Of the address (IPv6: /64) that did not answer; doubled with each further one.
  static constexpr std::chrono::minutes first_disbelief{1};
  static constexpr std::chrono::hours longest_disbelief{1};
  /// Without a further one, from the end of the last disbelief on, the next one is the first again.
  static constexpr std::chrono::hours forget_after{1};

  /// The peer leaves its last good place for one where it has not answered. \return when it must be
  /// back, or have answered; nullopt: it is not believed there before it has answered.
  [[nodiscard]] std::optional<base::SteadyTime> begin(const wg::PublicKey& key,
                                                      const base::IpAddress& to,
                                                      base::SteadyTime now);
  /// The trial is over; once for each begin() that gave a time. \param unanswered where the peer
  /// did not answer; nullopt: it answered at each place of the trial
  void end(const wg::PublicKey& key, const std::optional<base::IpAddress>& unanswered,
           base::SteadyTime now);

  /// Peers with an account.
  [[nodiscard]] std::size_t size() const { return state_.read()->accounts.size(); }

 private:
  struct Account {
    base::SteadyTime trial_ends{};
    unsigned open = 0;        ///< trials under way, at different points
    unsigned unanswered = 0;  ///< trials in a row
    std::optional<base::Prefix> disbelieved;
    base::SteadyTime disbelieved_until{};  ///< that address
    base::SteadyTime rests_until{};        ///< no address is believed

    [[nodiscard]] bool is_blank(base::SteadyTime now) const {
      return now >= trial_ends && (unanswered == 0 || now >= disbelieved_until + forget_after);
    }
  };
  struct State {
    std::unordered_map<wg::PublicKey, Account> accounts;
    std::size_t sweep_at = 1024;
  };

  base::Guarded<State> state_;
};

}  // namespace dnsd
