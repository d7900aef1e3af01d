#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <string_view>

#include "base/clock.hpp"

namespace base {

/// Sends spdlog's default logger to standard error: with a time stamp on a terminal or in a file,
/// with the journal's `<N>` priority and no time under systemd ($JOURNAL_STREAM, sd-daemon(3)).
/// No line waits for a reader of standard error (LogWriter). Call once, before the first line.
/// \param program goes before each line outside the journal.
void start_log(std::string_view program, spdlog::level::level_enum level);
/// Last thing in main(): waits for what is not written yet, no longer than a second.
void finish_log();

/// Writes `PROGRAM: WHY` to standard error, behind what was logged. For an error that ends the
/// program; waits no longer than a second.
void print_error(std::string_view program, std::string_view why);

/// Lets a repeating message through once per interval and counts what it held back. Not
/// thread-safe: one owner.
class RepeatLimit {
 public:
  explicit RepeatLimit(std::chrono::seconds interval) : interval_(interval) {}
  /// \return true when the message may be written now; then `suppressed()` tells how many were not.
  [[nodiscard]] bool allow(SteadyTime now);
  [[nodiscard]] unsigned suppressed() const { return last_suppressed_; }

 private:
  std::chrono::seconds interval_;
  SteadyTime last_{};
  unsigned held_ = 0;
  unsigned last_suppressed_ = 0;
  bool first_ = true;
};

}  // namespace base
