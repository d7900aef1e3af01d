#include "dnsd/peers/peer_list.hpp"

#include <iterator>
#include <utility>

namespace dnsd {

void PeerList::add(const wg::PublicKey& key) {
  ++total_;
  const bool full = max_ != 0 && keys_.size() >= max_;
  if (full && key > *keys_.rbegin()) return;
  if (!keys_.insert(key).second) return;
  changed_ = true;
  if (full) keys_.erase(std::prev(keys_.end()));
}

void PeerList::remove(const wg::PublicKey& key) {
  --total_;
  if (keys_.erase(key) == 0) return;
  changed_ = true;
  needs_refill_ = needs_refill_ || total_ > keys_.size();
}

void PeerList::clear() {
  keys_.clear();
  total_ = 0;
  changed_ = true;
  needs_refill_ = false;
}

bool PeerList::take_changed() {
  return std::exchange(changed_, false);
}

}  // namespace dnsd
