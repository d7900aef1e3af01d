#include "dnsd/peers/lan_table.hpp"

#include <mutex>
#include <utility>

namespace dnsd {

std::shared_ptr<const schema::LanEndpoints> LanTable::find(const wg::PublicKey& key) const {
  const std::shared_lock lock(mutex_);
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? nullptr : found->second->endpoints;
}

LanTable::Verdict LanTable::announce(const wg::PublicKey& key, schema::LanEndpoints endpoints,
                                     base::SteadyTime now) {
  const std::unique_lock lock(mutex_);
  auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    if (endpoints.empty()) return Verdict::renewed;
    entries_.push_back({key, nullptr, now + lifetime, now, 0});
    found = by_key_.emplace(key, std::prev(entries_.end())).first;
  }
  Entry& entry = *found->second;
  const bool same = entry.endpoints == nullptr ? endpoints.empty() : *entry.endpoints == endpoints;
  if (!same) {
    if (now - entry.window_start >= change_window) {
      entry.window_start = now;
      entry.changes = 0;
    }
    if (entry.changes == max_changes) return Verdict::too_often;
    ++entry.changes;
    entry.endpoints = endpoints.empty()
                          ? nullptr
                          : std::make_shared<const schema::LanEndpoints>(std::move(endpoints));
  }
  entry.due = now + lifetime;
  entries_.splice(entries_.end(), entries_, found->second);
  return same ? Verdict::renewed : Verdict::changed;
}

bool LanTable::expire(base::SteadyTime now) {
  const std::unique_lock lock(mutex_);
  bool changed = false;
  while (!entries_.empty() && entries_.front().due <= now) {
    changed = changed || entries_.front().endpoints != nullptr;
    by_key_.erase(entries_.front().key);
    entries_.pop_front();
  }
  return changed;
}

std::optional<base::SteadyTime> LanTable::next_deadline() const {
  const std::shared_lock lock(mutex_);
  if (entries_.empty()) return std::nullopt;
  return entries_.front().due;
}

}  // namespace dnsd
