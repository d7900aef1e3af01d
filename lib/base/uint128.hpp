#pragma once

#include <cstdint>

/// As much of a 128-bit integer as base::hash needs. The compiler's own, where it has one; 32-bit
/// machines have none.
namespace base {

/// Modulo 2^128.
class TwoWords {
 public:
  constexpr TwoWords(std::uint64_t low)
      : low_(low) {}  // NOLINT(google-explicit-constructor): as an integer

  explicit constexpr operator std::uint64_t() const { return low_; }

  constexpr TwoWords& operator+=(const TwoWords& other) {
    low_ += other.low_;
    high_ += other.high_ + (low_ < other.low_ ? 1 : 0);
    return *this;
  }

  friend constexpr TwoWords operator*(const TwoWords& a, std::uint64_t b) {
    constexpr auto half = 0xffffffffU;
    const std::uint64_t low = (a.low_ & half) * (b & half);
    const std::uint64_t middle = (a.low_ >> 32U) * (b & half) + (low >> 32U);
    const std::uint64_t other_middle = (a.low_ & half) * (b >> 32U) + (middle & half);
    TwoWords product = other_middle << 32U | (low & half);
    product.high_ =
        (a.low_ >> 32U) * (b >> 32U) + (middle >> 32U) + (other_middle >> 32U) + a.high_ * b;
    return product;
  }

  [[nodiscard]] constexpr std::uint64_t high() const { return high_; }

 private:
  std::uint64_t low_;
  std::uint64_t high_ = 0;
};

constexpr std::uint64_t high_word(const TwoWords& number) {
  return number.high();
}

#ifdef __SIZEOF_INT128__
__extension__ using Uint128 = unsigned __int128;

constexpr std::uint64_t high_word(Uint128 number) {
  return static_cast<std::uint64_t>(number >> 64U);
}
#else
using Uint128 = TwoWords;
#endif

}  // namespace base
