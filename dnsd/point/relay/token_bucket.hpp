#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace dnsd {

/// A limit of a rate, with a burst, in one word: the time at which the whole burst is there again.
/// All zero: full. A plain value; the caller has the rate.
class TokenBucket {
 public:
  using Cost = base::SteadyTime::duration;

  /// \param cost what one costs, as time at the rate \param burst the same for all that may come at
  /// once
  [[nodiscard]] bool has(base::SteadyTime now, Cost cost, Cost burst) const {
    return std::max(full_at_, now) - now + cost <= burst;
  }
  void take(base::SteadyTime now, Cost cost) { full_at_ = std::max(full_at_, now) + cost; }

  [[nodiscard]] bool admit(base::SteadyTime now, Cost cost, Cost burst) {
    if (!has(now, cost, burst)) return false;
    take(now, cost);
    return true;
  }
  /// `burst` at once, then `per_second`.
  [[nodiscard]] bool admit(base::SteadyTime now, unsigned burst, unsigned per_second) {
    const Cost one = std::chrono::seconds(1);
    return admit(now, one / per_second, one * burst / per_second);
  }

 private:
  base::SteadyTime full_at_{};
};

/// bit/s as the cost of octets; 0: none.
class BitRate {
 public:
  BitRate() = default;
  /// \param burst that may come at once, at least `smallest` octets
  BitRate(std::uint64_t bits_per_second, TokenBucket::Cost burst, std::size_t smallest)
      : per_octet_(bits_per_second == 0 ? 0 : (8'000'000'000U << shift) / bits_per_second),
        burst_(std::max(burst, cost(smallest))) {}

  [[nodiscard]] TokenBucket::Cost cost(std::size_t octets) const {
    return std::chrono::nanoseconds((octets * per_octet_) >> shift);
  }
  [[nodiscard]] TokenBucket::Cost burst() const { return burst_; }

 private:
  static constexpr unsigned shift = 10;
  std::uint64_t per_octet_ = 0;  // nanoseconds, fixed point
  TokenBucket::Cost burst_{};
};

}  // namespace dnsd
