#pragma once

#include <string>
#include <vector>

#include "base/interfaces.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// What this host has; listeners and made zones depend on it.
struct HostAddresses {
  std::vector<base::InterfaceAddress> addresses;
  std::vector<std::string> wireguard_interfaces;
};

/// Reads it. Interfaces that the configuration names are among the WireGuard interfaces. If the
/// addresses cannot be read, the log says so and there are none. Takes milliseconds. Control
/// thread.
[[nodiscard]] HostAddresses read_host(const Config& config);

}  // namespace dnsd
