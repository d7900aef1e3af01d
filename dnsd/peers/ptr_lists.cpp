#include "dnsd/peers/ptr_lists.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

namespace dnsd {

namespace {

std::size_t most_of(const PtrLists::Rules& rules) {
  return rules.max == 0 ? max_listed : std::min(rules.max, max_listed);
}

}  // namespace

// The lists of both views

PtrLists::PtrLists(const PeerTable& table, LiveState& live, const Rules& rules)
    : table_(table),
      live_(live),
      rules_(rules),
      lists_{List{View::public_view, PtrList(most_of(rules))},
             List{View::private_view, PtrList(most_of(rules))}} {}

void PtrLists::set_rules(const Rules& rules) {
  if (std::exchange(rules_, rules) == rules) return;
  for (List& list : lists_) {
    list.peers.set_max(most_of(rules_));
    refill(list);
  }
}

void PtrLists::note_change(const wg::PublicKey& key, const std::optional<PeerRecord>& before,
                           const std::optional<PeerRecord>& after) {
  for (List& list : lists_) {
    const bool was = is_listed(before, list.view);
    const bool is = is_listed(after, list.view);
    if (is && !was) list.peers.add(key);
    if (was && !is) list.peers.remove(key);
  }
}

void PtrLists::show() {
  for (List& list : lists_) show(list);
}

std::size_t PtrLists::cut(View view) const {
  const auto* const found = std::find_if(lists_.begin(), lists_.end(),
                                         [&](const List& list) { return list.view == view; });
  return found->peers.cut();
}

bool PtrLists::is_listed(const std::optional<PeerRecord>& record, View view) const {
  if (!record) return false;
  const auto visible = [&](const std::optional<base::Endpoint>& endpoint) {
    return endpoint && is_published(*endpoint, view, rules_.publish_private);
  };
  const bool host_only = !record->ipv4 && !record->ipv6 && record->detail->host_target;
  return visible(record->ipv4) || visible(record->ipv6) || host_only;
}

void PtrLists::show(List& list) {
  if (list.peers.needs_refill()) refill(list);
  if (!list.peers.take_changed()) return;
  live_.set_list(list.view, std::make_shared<const LiveState::KeyList>(list.peers.keys()));
  const bool is_cut = list.peers.cut() > 0;
  if (std::exchange(list.was_cut, is_cut) == is_cut) return;
  const std::string_view view = to_string(list.view);
  if (is_cut) {
    const std::size_t most = most_of(rules_);
    spdlog::info("the {} list holds the first {} of {} peers ({})", view, most, list.peers.total(),
                 most == rules_.max ? "list-max" : "a message carries no more");
  } else {
    spdlog::info("the {} list holds all {} peers again", view, list.peers.total());
  }
}

void PtrLists::refill(List& list) {
  list.peers.clear();
  table_.for_each([&](const wg::PublicKey& key, const PeerRecord& record) {
    if (is_listed(record, list.view)) list.peers.add(key);
  });
}

// The list of one view

void PtrList::add(const wg::PublicKey& key) {
  ++total_;
  const bool full = max_ != 0 && keys_.size() >= max_;
  if (full && key > *keys_.rbegin()) return;
  if (!keys_.insert(key).second) return;
  changed_ = true;
  if (full) keys_.erase(std::prev(keys_.end()));
}

void PtrList::remove(const wg::PublicKey& key) {
  --total_;
  if (keys_.erase(key) == 0) return;
  changed_ = true;
  needs_refill_ = needs_refill_ || total_ > keys_.size();
}

void PtrList::clear() {
  keys_.clear();
  total_ = 0;
  changed_ = true;
  needs_refill_ = false;
}

bool PtrList::take_changed() {
  return std::exchange(changed_, false);
}

}  // namespace dnsd
