#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "base/hash.hpp"
#include "base/ip_address.hpp"

namespace noise {

/// How many handshakes one source may begin while we are under load: 20 per second and 5 at once
/// for an IPv4 address or an IPv6 /64, the numbers of the kernel's implementation. Asked only about
/// sources that are proven by a cookie: a spoofer cannot use up somebody else's share. Constant
/// memory; networks that share a slot share its allowance. One thread.
class SourceLimit {
 public:
  [[nodiscard]] bool admit(const base::IpAddress& source, base::SteadyTime now) {
    const base::Bytes network = source.bytes().first(source.is_ipv4() ? 4 : 8);
    Slot& slot = slots_[base::keyed_hash(network) % slots_.size()];
    // A slot holds the time at which its allowance is complete again. Each handshake moves it
    // later.
    if (slot < now) slot = now;
    if (slot - now > interval * (burst - 1)) return false;
    slot += interval;
    return true;
  }

 private:
  static constexpr std::chrono::milliseconds interval{50};
  static constexpr int burst = 5;
  using Slot = base::SteadyTime;

  std::array<Slot, 8192> slots_{};
};

}  // namespace noise
