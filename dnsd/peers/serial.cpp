#include "dnsd/peers/serial.hpp"

namespace dnsd {

Serial::Serial(std::optional<std::uint32_t> reserved, base::WallTime now)
    : current_(reserved.value_or(static_cast<std::uint32_t>(now.time_since_epoch().count()))),
      reserved_(current_) {}

std::optional<std::uint32_t> Serial::wanted_reservation() const {
  if (is_after(reserved_, current_ + block / 2)) return std::nullopt;
  return current_ + block;
}

std::optional<base::SteadyTime> Serial::next_step() const {
  if (!changed_) return std::nullopt;
  return last_step_ ? *last_step_ + step_interval : base::SteadyTime::min();
}

bool Serial::step(base::SteadyTime now) {
  const auto due = next_step();
  if (!due || *due > now || !is_after(reserved_, current_ + 1)) return false;
  ++current_;
  last_step_ = now;
  changed_ = false;
  return true;
}

}  // namespace dnsd
