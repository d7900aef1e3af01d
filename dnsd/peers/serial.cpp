#include "dnsd/peers/serial.hpp"

#include <algorithm>
#include <chrono>

namespace dnsd {
namespace {

/// Less than 2^31: a clock that was set back to 1970 must not look as if it were ahead of a serial
/// just beyond 2^31, because secondaries that are behind that one would see it go back.
constexpr std::uint32_t believable_gap = 0x7f000000U;

/// Unix time fits until 2106, and then goes round as the serial does.
std::uint32_t to_unix_time(base::WallTime time) {
  return static_cast<std::uint32_t>(time.time_since_epoch().count());
}

}  // namespace

Serial::Serial(std::optional<std::uint32_t> reserved, base::Now now)
    : current_(to_unix_time(now.wall) + 1),
      reserved_(reserved.value_or(current_)),
      clock_(Clock{to_unix_time(now.wall), now.steady}) {
  if (!reserved || current_ - *reserved < believable_gap) return;
  current_ = *reserved - 1;
  changed_ = true;  // what is served now may differ from what was served with this serial
}

std::optional<std::uint32_t> Serial::wanted_reservation() const {
  const std::uint32_t next = current_ + 1;
  if (is_after(reserved_, next + block / 2)) return std::nullopt;
  return next + block;
}

void Serial::set_reserved(std::uint32_t end) {
  reserved_ = end;
  clock_.reset();
}

void Serial::skip_reserved(std::uint32_t end) {
  if (!is_after(end - 1, current_)) return;
  current_ = end - 1;
  changed_ = true;
}

std::optional<base::SteadyTime> Serial::next_step() const {
  if (!changed_) return std::nullopt;
  const std::uint32_t next = current_ + 1;
  const auto earliest = last_step_ ? *last_step_ + step_interval : base::SteadyTime::min();
  if (is_after(reserved_, next)) return earliest;
  if (!clock_) return std::nullopt;
  return std::max(earliest, clock_->then + std::chrono::seconds(next - clock_->unix_time));
}

bool Serial::step(base::SteadyTime now) {
  const auto due = next_step();
  if (!due || *due > now) return false;
  ++current_;
  last_step_ = now;
  changed_ = false;
  return true;
}

}  // namespace dnsd
