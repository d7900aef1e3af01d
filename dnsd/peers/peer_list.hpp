#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "wg/public_key.hpp"

namespace dnsd {

/// The peers of the PTR list of one view: those with an endpoint there, the smallest keys first, at
/// most `max` of them. Holds no more than it shows, however many there are. Pure; one thread.
class PeerList {
 public:
  explicit PeerList(std::size_t max) : max_(max) {}

  void add(const wg::PublicKey& key);
  void remove(const wg::PublicKey& key);

  /// A listed peer left while others had been cut: who comes next is not known here.
  [[nodiscard]] bool needs_refill() const { return needs_refill_; }
  /// Begins anew; then add() everybody.
  void clear();
  /// Another limit; then clear() and add() everybody.
  void set_max(std::size_t max) { max_ = max; }

  /// \return true once after the shown keys have changed.
  [[nodiscard]] bool take_changed();
  [[nodiscard]] std::vector<wg::PublicKey> keys() const { return {keys_.begin(), keys_.end()}; }
  [[nodiscard]] std::size_t total() const { return total_; }
  [[nodiscard]] std::size_t cut() const { return total_ - keys_.size(); }

 private:
  std::size_t max_;  // 0: no limit
  std::size_t total_ = 0;
  std::set<wg::PublicKey> keys_;
  bool changed_ = false;
  bool needs_refill_ = false;
};

}  // namespace dnsd
