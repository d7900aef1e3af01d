#pragma once

#include <array>
#include <optional>

#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_list.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/settings/view.hpp"

namespace dnsd {

/// The PTR lists of both views: follow the peer table, and say in the log when list-max begins and
/// ceases to cut one. One thread.
class PtrLists {
 public:
  struct Rules {
    std::size_t max = 0;  ///< of each list; 0: no limit
    bool publish_private = false;

    friend bool operator==(const Rules&, const Rules&) = default;
  };

  /// \param table whose peers they hold; it and `live`, which gets the lists, outlive them.
  PtrLists(const PeerTable& table, LiveState& live, const Rules& rules);

  /// Where they differ from those before, both lists are made anew from the table.
  void set_rules(const Rules& rules);
  /// The table holds `after` for this peer soon, and `before` until then.
  void note_change(const wg::PublicKey& key, const std::optional<PeerRecord>& before,
                   const std::optional<PeerRecord>& after);
  /// Shows what has changed. The table is up to date.
  void show();

  /// Peers that list-max keeps out.
  [[nodiscard]] std::size_t cut(View view) const;

 private:
  struct List {
    View view;
    PeerList peers;
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
