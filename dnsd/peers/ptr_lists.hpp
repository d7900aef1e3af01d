#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <vector>

#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/settings/view.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// So many records of a list fit into any message: 65535 octets less the longest question, OPT and
/// TSIG, at 71 octets each (a padded name). More would be an answer that nobody can be given.
inline constexpr std::size_t max_listed = 900;

/// The peers of the PTR list of one view: the smallest keys first, at most `max` of them. Holds no
/// more keys than it shows, however many peers there are. Pure; one thread.
class PtrList {
 public:
  /// \param max 0: no limit
  explicit PtrList(std::size_t max) : max_(max) {}

  void add(const wg::PublicKey& key);
  void remove(const wg::PublicKey& key);

  /// A listed peer left while others were cut; this list does not know which one comes next.
  [[nodiscard]] bool needs_refill() const { return needs_refill_; }
  /// Empties the list; then add() every peer.
  void clear();
  /// Another limit; then clear() and add() every peer.
  void set_max(std::size_t max) { max_ = max; }

  /// \return true once after the shown keys have changed.
  [[nodiscard]] bool take_changed();
  [[nodiscard]] std::vector<wg::PublicKey> keys() const { return {keys_.begin(), keys_.end()}; }
  [[nodiscard]] std::size_t total() const { return total_; }
  [[nodiscard]] std::size_t cut() const { return total_ - keys_.size(); }

 private:
  std::size_t max_;
  std::size_t total_ = 0;
  std::set<wg::PublicKey> keys_;
  bool changed_ = false;
  bool needs_refill_ = false;
};

/// The PTR lists of both views: those peers that have an endpoint there, as many as the rules and a
/// message allow. They follow the peer table, and say in the log when one begins and ceases to be
/// cut. One thread.
class PtrLists {
 public:
  struct Rules {
    std::size_t max = 0;  ///< of each list; 0: no limit but max_listed
    bool publish_private = false;

    friend bool operator==(const Rules&, const Rules&) = default;
  };

  /// \param table whose peers they hold; it and `live`, which gets the lists, outlive them.
  PtrLists(const PeerTable& table, LiveState& live, const Rules& rules);

  /// If they differ from the previous ones, both lists are rebuilt from the table.
  void set_rules(const Rules& rules);
  /// The record of this peer changes from `before` to `after`. Call it before the table changes.
  void note_change(const wg::PublicKey& key, const std::optional<PeerRecord>& before,
                   const std::optional<PeerRecord>& after);
  /// Shows what has changed. The table is up to date.
  void show();

  /// Peers that are kept out.
  [[nodiscard]] std::size_t cut(View view) const;

 private:
  struct List {
    View view;
    PtrList peers;
    bool was_cut = false;
  };

  [[nodiscard]] bool is_listed(const std::optional<PeerRecord>& record, View view) const;
  void show(List& list);
  void refill(List& list);

  const PeerTable& table_;
  LiveState& live_;
  Rules rules_;
  std::array<List, 2> lists_;
};

}  // namespace dnsd
