#pragma once

#include <string>
#include <vector>

#include "base/interfaces.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// What listeners depend on.
struct HostAddresses {
  std::vector<base::InterfaceAddress> addresses;
  std::vector<std::string> wireguard_interfaces;
};

/// The addresses of this host and its WireGuard interfaces, those of the configuration included.
/// Milliseconds.
[[nodiscard]] HostAddresses read_host(const Config& config);

}  // namespace dnsd
