#pragma once

#include <cstdint>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dns/response.hpp"
#include "dns/transport.hpp"
#include "dnsd/settings/view.hpp"

/// What an answer depends on apart from the query.
namespace dnsd {

/// Where a query came in.
struct Listener {
  View view{};
  dns::Transport transport{};
  /// The longest reply over UDP, whatever the asker takes; at least 512.
  std::uint16_t max_udp_octets = dns::our_udp_octets;
  /// Over UDP, replies count towards the rate limit: a stranger may ask here with a forged source.
  bool is_rate_limited = true;
};

/// The client, and the time of its query.
struct Asker {
  base::IpAddress address;
  base::Now now;
};

}  // namespace dnsd
