#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/expected.hpp"
#include "wg/device.hpp"

/// Devices in user space, through their Unix sockets. Blocking and threads as in wg/device.hpp.
namespace wg {

/// Where WireGuard implementations put NAME.sock. Source: wireguard.com/xplatform.
inline constexpr const char* uapi_directory = "/var/run/wireguard";

/// \error no_such_device: no socket of that name, or one that its program left behind (it is not
/// removed: it is another program's file).
[[nodiscard]] base::Expected<Device, DeviceError> read_uapi_device(
    const std::string& name, const std::string& directory = uapi_directory);

/// \error no_such_device as above; read_only: boringtun.
[[nodiscard]] base::Expected<void, DeviceError> set_uapi_peers(
    const std::string& name, std::span<const PeerUpdate> updates,
    const std::string& directory = uapi_directory);

/// \error as set_uapi_peers().
[[nodiscard]] base::Expected<void, DeviceError> change_uapi_membership(
    const std::string& name, const Membership& change,
    const std::string& directory = uapi_directory);

/// Names of the devices whose socket accepts connections, in no order.
[[nodiscard]] std::vector<std::string> list_uapi_devices(
    const std::string& directory = uapi_directory);

}  // namespace wg
