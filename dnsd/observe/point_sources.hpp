#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "dnsd/point/observation_point.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/state/state_store.hpp"

namespace dnsd {

/// The built-in points as sources of the observatory: what each had saved, what it reports into the
/// registry, and what of that is not on disk yet. A point reports by itself, and has the configured
/// peers. One thread.
class PointSources {
 public:
  /// How the state calls a point.
  [[nodiscard]] static std::string saved_name(const base::Endpoint& listen);

  /// \param registry outlives this.
  explicit PointSources(Registry& registry) : registry_(registry) {}

  /// Exactly these from now on. \param draw_id the id of a saved name, the same each time.
  /// \return the saved names of those that are gone
  [[nodiscard]] std::vector<std::string> configure(
      const std::vector<ConfiguredPoint>& configured,
      const std::function<SourceId(const std::string& saved_name)>& draw_id);
  /// In configuration order.
  [[nodiscard]] std::vector<SourceId> ids() const;
  [[nodiscard]] std::vector<std::string> names() const;
  /// \return empty: no point has this id.
  [[nodiscard]] std::string name_of(SourceId id) const;

  /// What an earlier run saved of one. \param each called after each of its peers. \return false:
  /// not a configured point.
  bool restore(const StateStore::SavedSource& saved, StateStore& store, base::Now now,
               const std::function<void()>& each);
  /// What it remembers; there once.
  [[nodiscard]] PointMemory take_memory(const base::Endpoint& listen);
  [[nodiscard]] std::optional<wg::PublicKey> own_key(const base::Endpoint& listen) const;
  /// \return whether it is another one than before.
  bool set_own_key(const base::Endpoint& listen, const wg::PublicKey& key);
  /// \return false: not a configured point.
  bool take(const base::Endpoint& listen, const PointReport& report, base::Now now);

  /// Besides the sightings, which the registry keeps.
  [[nodiscard]] bool has_unsaved() const;
  void mark_all_unsaved();
  /// What of a batch that was not written is theirs is unsaved again.
  void mark_unsaved(const StateStore::Batch& batch);
  /// Adds what is unsaved. \param names gets the saved name of each id
  void take_unsaved(StateStore::Batch& batch, std::map<SourceId, std::string>& names);

 private:
  struct Point {
    SourceId id{};
    base::Endpoint listen;
    PointMemory memory;  ///< of the last run, until it is taken
    noise::Tai64n last_timestamp;
    bool unsaved = false;                                    ///< own key or last timestamp
    std::unordered_map<wg::PublicKey, noise::Tai64n> marks;  ///< not on disk yet
  };

  [[nodiscard]] Point* find(const base::Endpoint& listen) const;

  Registry& registry_;
  std::vector<std::unique_ptr<Point>> points_;  // in configuration order
};

}  // namespace dnsd
