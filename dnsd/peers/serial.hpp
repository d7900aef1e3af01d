#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.hpp"

namespace dnsd {

/// RFC 1982 §3.2. False for both orders of two serials that are 2^31 apart.
[[nodiscard]] constexpr bool is_after(std::uint32_t a, std::uint32_t b) {
  return a != b && a - b < 0x80000000U;
}

/// The serial of the zone's SOA: forward only (RFC 1982), whatever fails and whenever the process
/// ends, because no start begins before a serial that was used:
///
/// * The disk: blocks of serials are reserved there before they are used, and a start begins where
///   the last reservation ends. It holds after a crash and a clock set back.
/// * The clock, while this run could not reserve anything yet: a start also begins beyond Unix
///   time, so no serial that is not beyond it is used again. So without a disk the serial steps at
///   most once per second on average.
///
/// Pure; one thread.
class Serial {
 public:
  /// Serials reserved at once. A crash moves the serial forward by less than this.
  static constexpr std::uint32_t block = 1000;
  /// The serial steps at most once in this time.
  static constexpr std::chrono::milliseconds step_interval{100};

  /// \param reserved the end of the last reservation of an earlier run: every serial before it may
  /// have been used. None: the first start ever, a lost state, or nothing could be read.
  Serial(std::optional<std::uint32_t> reserved, base::Now now);

  /// May be served. The last one that an earlier run may have used, until step().
  [[nodiscard]] std::uint32_t current() const { return current_; }

  /// The end of the block (exclusive) that has to be on disk next; nullopt: enough serials are
  /// reserved. Asked for when half of the block is used, so that a slow disk delays no step.
  [[nodiscard]] std::optional<std::uint32_t> wanted_reservation() const;
  /// This end is on disk. Never call it when that is not certain.
  void set_reserved(std::uint32_t end);
  /// A reservation of an earlier run, or of a copy of the state, that could be read only now.
  void skip_reserved(std::uint32_t end);

  /// The content changed.
  void note_change() { changed_ = true; }
  /// When step() would step; nullopt: nothing has changed, or it waits for set_reserved().
  [[nodiscard]] std::optional<base::SteadyTime> next_step() const;
  /// Steps if the content changed, the last step is long enough ago and the next serial is
  /// reserved. \return whether it did.
  bool step(base::SteadyTime now);

  /// What a clean stop leaves on disk: the next start begins here.
  [[nodiscard]] std::uint32_t after_stop() const { return current_ + 1; }

 private:
  struct Clock {
    std::uint32_t unix_time;
    base::SteadyTime then;
  };

  std::uint32_t current_;
  std::uint32_t reserved_;  // what is before this may be used
  bool changed_ = false;
  std::optional<Clock> clock_;  // until something is reserved
  std::optional<base::SteadyTime> last_step_;
};

}  // namespace dnsd
