#include "dnsd/peers/path_table.hpp"

#include <utility>

namespace dnsd {
namespace {

void apply_one(const schema::PathEdit& edit, schema::PeerPaths& paths) {
  using Kind = schema::PathEdit::Kind;
  if (edit.kind == Kind::remove_all) return paths.clear();
  const auto place = schema::find_place(paths, edit.path.peer);
  const bool is_there = place != paths.end() && place->peer == edit.path.peer;
  if (edit.kind == Kind::remove) {
    // RFC 2136 §3.4.2.4: what is not there exactly so is not removed, and that is no error.
    if (is_there && *place == edit.path) paths.erase(place);
  } else if (is_there) {
    paths[static_cast<std::size_t>(place - paths.cbegin())] = edit.path;
  } else {
    paths.insert(place, edit.path);
  }
}

}  // namespace

PathTable::Verdict PathTable::apply(const wg::PublicKey& key,
                                    std::span<const schema::PathEdit> edits, std::size_t digest,
                                    base::SteadyTime now) {
  const auto state = state_.lock();
  Entry* entry = state->find(key);
  if (entry != nullptr && entry->pace.last && now - *entry->pace.last < interval)
    return entry->pace.digest == digest ? Verdict::renewed : Verdict::too_often;
  const bool has_content = entry != nullptr && entry->content != nullptr;
  schema::PeerPaths paths = has_content ? *entry->content : schema::PeerPaths();
  const std::size_t others = state->items - paths.size();
  for (const schema::PathEdit& edit : edits) apply_one(edit, paths);
  if (paths.size() > schema::max_paths || others + paths.size() > max_records)
    return Verdict::too_many;
  if (entry == nullptr) entry = &state->add(key, now);
  const bool same = entry->has(paths);
  if (!same) state->replace(*entry, std::move(paths));
  entry->pace = {now, digest};
  state->renew(*entry, now);
  return same ? Verdict::renewed : Verdict::changed;
}

}  // namespace dnsd
