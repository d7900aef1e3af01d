#pragma once

#include <cstdint>
#include <optional>
#include <system_error>

#include "base/expected.hpp"
#include "base/ip_address.hpp"

namespace base {

/// The way that packets to one address take from this host, as the kernel decides it now.
struct Route {
  unsigned interface_index = 0;      ///< of the interface that they leave by
  std::optional<IpAddress> source;   ///< the source address that they get
  std::optional<IpAddress> gateway;  ///< none: on-link, or by the interface alone

  friend bool operator==(const Route&, const Route&) = default;
};

/// Asks the kernel, policy rules included. \param mark the firewall mark of such packets; 0: none.
/// \error network_unreachable, host_unreachable and their kind: there is no way. Any thread; takes
/// microseconds.
[[nodiscard]] Expected<Route, std::error_code> read_route(const IpAddress& to, std::uint32_t mark);

}  // namespace base
