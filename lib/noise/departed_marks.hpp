#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

#include "base/clock.hpp"
#include "noise/tai64n.hpp"
#include "wg/public_key.hpp"

namespace noise {

/// The newest timestamps of peers that were removed, for a day: a peer that is added again is not
/// opened to what was recorded of it before. Beyond 100 000 (13 MB) the one that left first is
/// forgotten. Pure; one thread.
class DepartedMarks {
 public:
  static constexpr std::chrono::hours kept_for{24};
  static constexpr std::size_t most = 100'000;

  void add(const wg::PublicKey& peer, const Tai64n& mark, base::SteadyTime removed) {
    (void)take(peer);
    marks_.emplace(peer, Departed{mark, removed});
    order_.emplace(removed, peer);
    if (marks_.size() > most) drop_first();
  }
  /// The peer is back. \return its mark; none: it is not known, or no more.
  [[nodiscard]] std::optional<Tai64n> take(const wg::PublicKey& peer) {
    const auto found = marks_.find(peer);
    if (found == marks_.end()) return std::nullopt;
    const Departed departed = found->second;
    order_.erase({departed.removed, peer});
    marks_.erase(found);
    return departed.mark;
  }
  void drop_old(base::SteadyTime now) {
    while (!order_.empty() && now - order_.begin()->first >= kept_for) drop_first();
  }
  [[nodiscard]] std::size_t size() const { return marks_.size(); }

 private:
  struct Departed {
    Tai64n mark;
    base::SteadyTime removed;
  };

  void drop_first() {
    marks_.erase(order_.begin()->second);
    order_.erase(order_.begin());
  }

  std::unordered_map<wg::PublicKey, Departed> marks_;
  std::set<std::pair<base::SteadyTime, wg::PublicKey>> order_;
};

}  // namespace noise
