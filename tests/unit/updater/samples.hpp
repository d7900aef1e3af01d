#pragma once

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "dns/name.hpp"
#include "wg/device.hpp"

/// Values that the updater's tests share.
namespace samples {

using namespace std::chrono_literals;

inline wg::PublicKey key(std::uint8_t first) {
  base::Octets32 octets{};
  octets[0] = first;
  octets[31] = 1;
  return wg::PublicKey(octets);
}

inline base::Endpoint endpoint(std::string_view text) {
  const auto parsed = base::Endpoint::parse(text);
  if (!parsed) std::abort();  // also used where no test runs
  return *parsed;
}

inline base::IpAddress address(std::string_view text) {
  const auto parsed = base::IpAddress::parse(text);
  if (!parsed) std::abort();  // also used where no test runs
  return *parsed;
}

inline base::Prefix prefix(std::string_view text) {
  const auto parsed = base::Prefix::parse(text);
  if (!parsed) std::abort();  // also used where no test runs
  return *parsed;
}

inline dns::Name name(std::string_view text) {
  const auto parsed = dns::Name::parse(text);
  if (!parsed) std::abort();  // also used where no test runs
  return *parsed;
}

/// `seconds` after a start at an arbitrary time on both clocks.
inline base::Now at(double seconds) {
  const auto steady = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(seconds));
  return {base::SteadyTime(1000s) + steady,
          base::WallTime(1763800000s) + std::chrono::duration_cast<std::chrono::seconds>(steady)};
}

/// The times from `from` to before `until`, `step` apart.
inline std::vector<double> times(double from, double until, double step) {
  const auto count = static_cast<std::size_t>(std::ceil((until - from) / step));
  std::vector<double> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(from + static_cast<double>(i) * step);
  return result;
}

/// The time of a handshake, in the form that WireGuard shows.
inline std::chrono::sys_time<std::chrono::nanoseconds> handshake_at(double seconds) {
  return std::chrono::sys_time<std::chrono::nanoseconds>(1763800000s) +
         std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::duration<double>(seconds));
}

inline base::InterfaceAddress own(std::string_view text, std::string interface = "eth0") {
  return {address(text), 24, std::move(interface), 2, true};
}

}  // namespace samples
