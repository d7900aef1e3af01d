#include "dnsd/host/host_addresses.hpp"

#include <spdlog/spdlog.h>

#include "wg/device.hpp"

namespace dnsd {

HostAddresses read_host(const Config& config) {
  HostAddresses host;
  auto addresses = base::read_interface_addresses();
  if (addresses) {
    host.addresses = *std::move(addresses);
  } else {
    spdlog::error("the addresses of this host cannot be read: {}", addresses.error().message());
  }
  host.wireguard_interfaces = wg::list_devices();
  host.wireguard_interfaces.insert(host.wireguard_interfaces.end(), config.interfaces.begin(),
                                   config.interfaces.end());
  return host;
}

}  // namespace dnsd
