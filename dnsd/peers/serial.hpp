#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace dnsd {

/// The serial of the zone's SOA: forward only (RFC 1982), also over a crash and after a clock set
/// back, because every serial is reserved on disk before it is used. Pure; one thread.
class Serial {
 public:
  /// Serials reserved at once. A crash moves the serial forward by less than this.
  static constexpr std::uint32_t block = 1000;
  /// The serial steps at most once in this time.
  static constexpr std::chrono::milliseconds step_interval{100};

  /// \param reserved the end of the last reservation of an earlier run: every serial before it may
  /// have been used. None: the first start ever, or nothing could be kept. Then the serial begins
  /// at the wall time, which is later than any earlier serial unless the clock was set back.
  Serial(std::optional<std::uint32_t> reserved, base::WallTime now);

  [[nodiscard]] std::uint32_t current() const { return current_; }

  /// The end of the block (exclusive) that has to be on disk next; nullopt: enough serials are
  /// reserved. Asked for when half of the block is used, so that a slow disk delays no step.
  [[nodiscard]] std::optional<std::uint32_t> wanted_reservation() const;
  /// What is on disk now, as far as we know.
  [[nodiscard]] std::uint32_t reserved_end() const { return reserved_; }
  /// This end is on disk, or can never be.
  void set_reserved(std::uint32_t end) { reserved_ = end; }

  /// The content changed.
  void note_change() { changed_ = true; }
  /// When step() would step; nullopt: nothing has changed.
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const;
  /// Steps if the content changed, the last step is long enough ago and the next serial is
  /// reserved. \return whether it did.
  bool step(base::SteadyTime now);

  /// What a clean stop leaves on disk: the next start begins here.
  [[nodiscard]] std::uint32_t after_stop() const { return current_ + 1; }

 private:
  std::uint32_t current_;
  std::uint32_t reserved_;  // current_ and what is before this may be used
  bool changed_ = false;
  std::optional<base::SteadyTime> last_step_;
};

/// RFC 1982 §3.2. False for both orders of two serials that are 2^31 apart.
[[nodiscard]] constexpr bool is_after(std::uint32_t a, std::uint32_t b) {
  return a != b && a - b < 0x80000000U;
}

}  // namespace dnsd
