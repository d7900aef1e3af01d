#pragma once

#include <list>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/guarded.hpp"
#include "schema/lan_text.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// What peers announce of themselves: addresses on their own networks (`_lan.K.Z`). Each
/// announcement lives for `lifetime`, unless it is renewed; nothing is kept over a restart. Any
/// thread may call anything. At most one entry per key that ever announced within the lifetime.
class LanTable {
 public:
  static constexpr std::chrono::seconds lifetime{300};
  /// Changes of content that one peer may make per minute: each steps the serial for all.
  static constexpr unsigned max_changes = 6;
  static constexpr std::chrono::seconds change_window{60};

  /// nullptr: nothing is announced. What was returned stays as it was.
  [[nodiscard]] std::shared_ptr<const schema::LanEndpoints> find(const wg::PublicKey& key) const;

  enum class Verdict : std::uint8_t {
    renewed,   ///< the same again: no change of content
    changed,   ///< visible now
    too_often  ///< nothing was changed or renewed
  };
  /// \param endpoints empty: withdraws. \param now not earlier than in a previous call, except when
  /// threads overtake each other.
  Verdict announce(const wg::PublicKey& key, schema::LanEndpoints endpoints, base::SteadyTime now);

  /// Withdraws what was not renewed. \return whether content changed.
  bool expire(base::SteadyTime now);
  /// When expire() has something to do at the earliest.
  [[nodiscard]] std::optional<base::SteadyTime> next_deadline() const;

 private:
  struct Entry {
    wg::PublicKey key;
    std::shared_ptr<const schema::LanEndpoints> endpoints;  ///< null: withdrawn; `changes` counts
    base::SteadyTime due;
    base::SteadyTime window_start;
    unsigned changes = 0;  ///< since then
  };
  using Entries = std::list<Entry>;  // ordered by due time

  struct State {
    Entries entries;
    std::unordered_map<wg::PublicKey, Entries::iterator> by_key;
  };

  base::Guarded<State, std::shared_mutex> state_;
};

}  // namespace dnsd
