#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "dnsd/peers/peer_table.hpp"

namespace dnsd {

/// Lets a burst of lines through at once, and then one per interval; counts the others. Pure; one
/// owner.
class LineBudget {
 public:
  LineBudget(unsigned burst, std::chrono::seconds interval)
      : burst_(burst), interval_(interval), left_(burst) {}

  /// \return whether a line may be written now.
  [[nodiscard]] bool take(base::SteadyTime now);
  /// Lines that were refused since the last call.
  [[nodiscard]] unsigned take_held_back();

 private:
  unsigned burst_;
  std::chrono::seconds interval_;
  unsigned left_;
  unsigned held_back_ = 0;
  std::optional<base::SteadyTime> refilled_;
};

/// What a change of a peer's record means to an operator.
enum class PeerEvent : std::uint8_t {
  none,   ///< nothing to log
  place,  ///< seen, moved, withdrawn, no longer registered
  age,    ///< stale, or seen again at the same place: a sleeping phone does both all day
};
[[nodiscard]] PeerEvent classify_change(const std::optional<PeerRecord>& before,
                                        const std::optional<PeerRecord>& after);

/// `203.0.113.10:4711 seen by wg0 (was …)`, `stale: …`. \param cause how the new place is known.
/// Not for PeerEvent::none.
[[nodiscard]] std::string describe_change(const std::optional<PeerRecord>& before,
                                          const std::optional<PeerRecord>& after,
                                          std::string_view cause);

/// One line per change of state of a peer, with a bound on lines: a start with a thousand peers
/// writes fifty, an idle day of flapping ages fewer than twenty. What is held back is counted in
/// the next line and written at level debug.
class PeerLog {
 public:
  /// \param cause as for describe_change; asked only when the line is written.
  void write(const wg::PublicKey& key, const std::optional<PeerRecord>& before,
             const std::optional<PeerRecord>& after, const std::function<std::string()>& cause,
             base::SteadyTime now);

 private:
  LineBudget places_{50, std::chrono::seconds(2)};
  LineBudget ages_{5, std::chrono::hours(2)};
};

}  // namespace dnsd
