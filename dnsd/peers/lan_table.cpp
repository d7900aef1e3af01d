#include "dnsd/peers/lan_table.hpp"

#include <utility>

namespace dnsd {

LanTable::Verdict LanTable::announce(const wg::PublicKey& key, schema::LanEndpoints endpoints,
                                     base::SteadyTime now) {
  const auto state = state_.lock();
  Entry* entry = state->find(key);
  if (entry == nullptr) {
    if (endpoints.empty()) return Verdict::renewed;
    entry = &state->add(key, now);
    entry->pace.window_start = now;
  }
  const bool same = entry->has(endpoints);
  if (!same) {
    LanPace& pace = entry->pace;
    if (now - pace.window_start >= change_window) pace = {now, 0};
    if (pace.changes == max_changes) return Verdict::too_often;
    ++pace.changes;
    state->replace(*entry, std::move(endpoints));
  }
  state->renew(*entry, now);
  return same ? Verdict::renewed : Verdict::changed;
}

}  // namespace dnsd
