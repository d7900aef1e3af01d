#include "dnsd/peers/lan_table.hpp"

#include <utility>

namespace dnsd {

std::shared_ptr<const schema::LanEndpoints> LanTable::find(const wg::PublicKey& key) const {
  const auto state = state_.read();
  const auto found = state->by_key.find(key);
  return found == state->by_key.end() ? nullptr : found->second->endpoints;
}

LanTable::Verdict LanTable::announce(const wg::PublicKey& key, schema::LanEndpoints endpoints,
                                     base::SteadyTime now) {
  const auto state = state_.lock();
  auto& [entries, by_key] = *state;
  auto found = by_key.find(key);
  if (found == by_key.end()) {
    if (endpoints.empty()) return Verdict::renewed;
    entries.push_back({key, nullptr, now + lifetime, now, 0});
    found = by_key.emplace(key, std::prev(entries.end())).first;
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
  entries.splice(entries.end(), entries, found->second);
  return same ? Verdict::renewed : Verdict::changed;
}

bool LanTable::expire(base::SteadyTime now) {
  const auto state = state_.lock();
  auto& [entries, by_key] = *state;
  bool changed = false;
  while (!entries.empty() && entries.front().due <= now) {
    changed = changed || entries.front().endpoints != nullptr;
    by_key.erase(entries.front().key);
    entries.pop_front();
  }
  return changed;
}

std::optional<base::SteadyTime> LanTable::next_deadline() const {
  const auto state = state_.read();
  if (state->entries.empty()) return std::nullopt;
  return state->entries.front().due;
}

}  // namespace dnsd
