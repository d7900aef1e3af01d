#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>

#include "base/bytes.hpp"

namespace noise {

/// An instant as an initiation carries it (paper §5.1, cr.yp.to/libtai/tai64.html): 8 octets of
/// seconds and 4 of nanoseconds, big-endian, so octets are ordered as time is. Only the order
/// matters to WireGuard. The default is before every other.
class Tai64n {
 public:
  static constexpr std::size_t size = 12;
  using Octets = std::array<std::uint8_t, size>;

  Tai64n() = default;
  explicit Tai64n(const Octets& octets) : octets_(octets) {}
  /// \param time of 1970 or later
  explicit Tai64n(std::chrono::sys_seconds time) {
    // 10 s: TAI is ahead of UTC by that in 1970; later leap seconds do not matter here.
    set((std::uint64_t{1} << 62U) + 10 +
            static_cast<std::uint64_t>(time.time_since_epoch().count()),
        0);
  }

  /// The earliest instant after this one.
  [[nodiscard]] Tai64n next() const {
    Tai64n result;
    const bool carries = nanoseconds() >= 999'999'999;
    result.set(seconds() + (carries ? 1 : 0), carries ? 0 : nanoseconds() + 1);
    return result;
  }
  [[nodiscard]] Tai64n operator+(std::chrono::seconds later) const {
    Tai64n result;
    result.set(seconds() + static_cast<std::uint64_t>(later.count()), nanoseconds());
    return result;
  }
  /// How far `other` lies before this one, in whole seconds; 0: it does not.
  [[nodiscard]] std::chrono::seconds since(const Tai64n& other) const {
    if (seconds() <= other.seconds()) return std::chrono::seconds{0};
    constexpr std::uint64_t century = 3'155'760'000;  // strangers' clocks may say anything
    return std::chrono::seconds{std::min(seconds() - other.seconds(), century)};
  }

  [[nodiscard]] const Octets& octets() const { return octets_; }
  friend auto operator<=>(const Tai64n&, const Tai64n&) = default;
  friend bool operator==(const Tai64n&, const Tai64n&) = default;

 private:
  [[nodiscard]] std::uint64_t seconds() const {
    base::ByteReader reader(octets_);
    const std::uint64_t high = reader.u32();
    return (high << 32U) | reader.u32();
  }
  [[nodiscard]] std::uint32_t nanoseconds() const {
    base::ByteReader reader(octets_);
    reader.skip(8);
    return reader.u32();
  }
  void set(std::uint64_t seconds, std::uint32_t nanoseconds) {
    base::ByteWriter writer(octets_);
    writer.u32(static_cast<std::uint32_t>(seconds >> 32U));
    writer.u32(static_cast<std::uint32_t>(seconds));
    writer.u32(nanoseconds);
  }

  Octets octets_{};
};

}  // namespace noise
