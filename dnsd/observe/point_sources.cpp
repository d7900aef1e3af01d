#include "dnsd/observe/point_sources.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

namespace dnsd {

std::string PointSources::saved_name(const base::Endpoint& listen) {
  return "point:" + listen.to_string();
}

std::vector<std::string> PointSources::configure(
    const std::vector<ConfiguredPoint>& configured,
    const std::function<SourceId(const std::string& saved_name)>& draw_id) {
  std::vector<std::unique_ptr<Point>> points;
  for (const ConfiguredPoint& one : configured) {
    const auto known = std::find_if(points_.begin(), points_.end(), [&](const auto& point) {
      return point && point->listen == one.listen;
    });
    if (known != points_.end()) {
      points.push_back(std::move(*known));
      continue;
    }
    points.push_back(std::make_unique<Point>());
    points.back()->id = draw_id(saved_name(one.listen));
    points.back()->listen = one.listen;
    registry_.set_point(points.back()->id, one.listen);
  }
  std::vector<std::string> gone;
  for (const auto& old : points_) {
    if (old) gone.push_back(saved_name(old->listen));
  }
  points_ = std::move(points);
  return gone;
}

std::vector<SourceId> PointSources::ids() const {
  std::vector<SourceId> result;
  for (const auto& point : points_) result.push_back(point->id);
  return result;
}

std::vector<std::string> PointSources::names() const {
  std::vector<std::string> result;
  for (const auto& point : points_) result.push_back(point->listen.to_string());
  return result;
}

std::string PointSources::name_of(SourceId id) const {
  const auto found = std::find_if(points_.begin(), points_.end(),
                                  [&](const auto& point) { return point->id == id; });
  return found == points_.end() ? std::string() : (*found)->listen.to_string();
}

bool PointSources::restore(const StateStore::SavedSource& saved, StateStore& store, base::Now now,
                           const std::function<void()>& each) {
  const auto found = std::find_if(points_.begin(), points_.end(), [&](const auto& point) {
    return saved_name(point->listen) == saved.name;
  });
  if (found == points_.end()) return false;
  Point& point = **found;
  store.load_peers(saved.name, [&](const SavedPeer& peer) {
    if (!registry_.is_configured(peer.key)) {
      registry_.mark_unsaved({point.id, peer.key});  // a row to forget
      return;
    }
    registry_.restore(point.id, peer, now);
    point.memory.peers.push_back(peer);
    each();
  });
  for (const StateStore::SavedMark& mark : store.load_marks(saved.name))
    point.memory.marks.emplace_back(mark.key, mark.timestamp);
  point.memory.last_timestamp = point.last_timestamp = saved.last_timestamp;
  registry_.set_own_key(point.id, saved.own_key);
  spdlog::info("{}: {} peers known from the last run", point.listen.to_string(),
               point.memory.peers.size());
  return true;
}

PointMemory PointSources::take_memory(const base::Endpoint& listen) {
  Point* const point = find(listen);
  return point == nullptr ? PointMemory{} : std::exchange(point->memory, {});
}

std::optional<wg::PublicKey> PointSources::own_key(const base::Endpoint& listen) const {
  const Point* const point = find(listen);
  return point == nullptr ? std::nullopt : registry_.own_key(point->id);
}

bool PointSources::set_own_key(const base::Endpoint& listen, const wg::PublicKey& key) {
  Point* const point = find(listen);
  if (point == nullptr || registry_.own_key(point->id) == key) return false;
  registry_.set_own_key(point->id, key);
  point->unsaved = true;
  return true;
}

bool PointSources::take(const base::Endpoint& listen, const PointReport& report, base::Now now) {
  Point* const point = find(listen);
  if (point == nullptr) return false;
  for (const auto& [key, mark] : report.marks) point->marks[key] = mark;
  if (std::exchange(point->last_timestamp, report.last_timestamp) != report.last_timestamp)
    point->unsaved = true;
  for (const auto& seen : report.seen) {
    // A report may be older than the reload that took the peer away.
    if (registry_.is_configured(seen.key))
      registry_.observe(point->id, seen.key, seen.observation, now);
  }
  return true;
}

bool PointSources::has_unsaved() const {
  return std::any_of(points_.begin(), points_.end(),
                     [](const auto& point) { return point->unsaved || !point->marks.empty(); });
}

void PointSources::mark_all_unsaved() {
  for (const auto& point : points_) point->unsaved = true;
}

void PointSources::mark_unsaved(const StateStore::Batch& batch) {
  for (const auto& point : points_) {
    const std::string name = saved_name(point->listen);
    for (const StateStore::SavedSource& saved : batch.sources)
      point->unsaved = point->unsaved || saved.name == name;
    for (const StateStore::SavedMark& mark : batch.marks) {
      if (mark.source == name) point->marks.try_emplace(mark.key, mark.timestamp);
    }
    for (const StateStore::SavedRow& row : batch.peers) {
      if (row.source == name) registry_.mark_unsaved({point->id, row.key});
    }
  }
}

void PointSources::take_unsaved(StateStore::Batch& batch, std::map<SourceId, std::string>& names) {
  for (const auto& point : points_) {
    const std::string name = names[point->id] = saved_name(point->listen);
    std::erase(batch.forgotten_sources, name);  // a later reload brought it back
    if (std::exchange(point->unsaved, false))
      batch.sources.push_back({name, registry_.own_key(point->id), point->last_timestamp});
    for (const auto& [key, mark] : std::exchange(point->marks, {}))
      batch.marks.push_back({name, key, mark});
  }
}

PointSources::Point* PointSources::find(const base::Endpoint& listen) const {
  const auto found = std::find_if(points_.begin(), points_.end(),
                                  [&](const auto& point) { return point->listen == listen; });
  return found == points_.end() ? nullptr : found->get();
}

}  // namespace dnsd
