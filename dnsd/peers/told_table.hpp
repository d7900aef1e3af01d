#pragma once

#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Something that has to be renewed, or it is withdrawn. Any thread may call.
class Expiring {
 public:
  /// Withdraws what was not renewed. \return whether content changed.
  virtual bool expire(base::SteadyTime now) = 0;
  /// When expire() has something to do at the earliest.
  [[nodiscard]] virtual std::optional<base::SteadyTime> next_deadline() const = 0;

 protected:
  ~Expiring() = default;
};

/// What peers tell of themselves inside the tunnel, by the key of who tells it. It lives for
/// `lifetime`, unless it is renewed; nothing is kept over a restart. Any thread may call anything.
/// At most one entry per key that told something within the lifetime.
///
/// \tparam Content of one peer, a list; an empty one is never kept. \tparam Pace what a table has
/// to remember of a peer to limit how often it tells something.
template <typename Content, typename Pace>
class ToldTable : public Expiring {
 public:
  static constexpr std::chrono::seconds lifetime{300};

  /// nullptr: nothing is told. What was returned stays as it was.
  [[nodiscard]] std::shared_ptr<const Content> find(const wg::PublicKey& key) const {
    const auto state = state_.read();
    const auto found = state->by_key.find(key);
    return found == state->by_key.end() ? nullptr : found->second->content;
  }

  bool expire(base::SteadyTime now) final {
    const auto state = state_.lock();
    bool changed = false;
    while (!state->entries.empty() && state->entries.front().due <= now) {
      changed = changed || state->entries.front().content != nullptr;
      state->replace(state->entries.front(), {});
      state->by_key.erase(state->entries.front().key);
      state->entries.pop_front();
    }
    return changed;
  }

  [[nodiscard]] std::optional<base::SteadyTime> next_deadline() const final {
    const auto state = state_.read();
    if (state->entries.empty()) return std::nullopt;
    return state->entries.front().due;
  }

 protected:
  ~ToldTable() = default;

  struct Entry {
    wg::PublicKey key;
    std::shared_ptr<const Content> content;  ///< null: withdrawn; `pace` counts
    base::SteadyTime due;
    Pace pace;

    [[nodiscard]] bool has(const Content& other) const {
      return content == nullptr ? other.empty() : *content == other;
    }
  };
  using Entries = std::list<Entry>;  // ordered by due time

  struct State {
    Entries entries;
    std::unordered_map<wg::PublicKey, typename Entries::iterator> by_key;
    std::size_t items = 0;  ///< in the contents of all entries

    [[nodiscard]] Entry* find(const wg::PublicKey& key) {
      const auto found = by_key.find(key);
      return found == by_key.end() ? nullptr : &*found->second;
    }
    /// \param key without an entry. \return valid until it expires.
    Entry& add(const wg::PublicKey& key, base::SteadyTime now) {
      entries.push_back({key, nullptr, now + lifetime, {}});
      by_key.emplace(key, std::prev(entries.end()));
      return entries.back();
    }
    void replace(Entry& entry, Content content) {
      items += content.size();
      if (entry.content) items -= entry.content->size();
      entry.content =
          content.empty() ? nullptr : std::make_shared<const Content>(std::move(content));
    }
    void renew(Entry& entry, base::SteadyTime now) {
      entry.due = now + lifetime;
      entries.splice(entries.end(), entries, by_key.find(entry.key)->second);
    }
  };

  base::Guarded<State, std::shared_mutex> state_;
};

}  // namespace dnsd
