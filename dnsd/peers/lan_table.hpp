#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "dnsd/peers/told_table.hpp"
#include "schema/lan_text.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// Changes of an announcement within one window.
struct LanPace {
  base::SteadyTime window_start;
  unsigned changes = 0;  ///< since then
};

/// What peers announce of themselves: addresses on their own networks (`_lan.K.Z`).
class LanTable final : public ToldTable<schema::LanEndpoints, LanPace> {
 public:
  /// Changes of content that one peer may make per minute: each steps the serial for all.
  static constexpr unsigned max_changes = 6;
  static constexpr std::chrono::seconds change_window{60};

  enum class Verdict : std::uint8_t {
    renewed,   ///< the same again: no change of content
    changed,   ///< visible now
    too_often  ///< nothing was changed or renewed
  };
  /// \param endpoints empty: withdraws. \param now not earlier than in a previous call, except when
  /// threads overtake each other.
  Verdict announce(const wg::PublicKey& key, schema::LanEndpoints endpoints, base::SteadyTime now);
};

}  // namespace dnsd
