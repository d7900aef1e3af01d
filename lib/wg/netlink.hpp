#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/expected.hpp"
#include "wg/device.hpp"

/// The kernel's WireGuard devices of this network namespace, through generic netlink. Blocking and
/// threads as in wg/device.hpp.
namespace wg {

/// \error no_such_device also when the interface is there and is not WireGuard.
[[nodiscard]] base::Expected<Device, DeviceError> read_kernel_device(const std::string& name);

/// More updates than one message holds (about 300) go in several, in order; one peer's consecutive
/// updates stay together.
[[nodiscard]] base::Expected<void, DeviceError> set_kernel_peers(
    const std::string& name, std::span<const PeerUpdate> updates);

/// See wg/device.hpp.
[[nodiscard]] base::Expected<void, DeviceError> change_kernel_membership(const std::string& name,
                                                                         const Membership& change);

/// Names of the kernel's WireGuard devices, in no order. Needs no privilege.
[[nodiscard]] std::vector<std::string> list_kernel_devices();

}  // namespace wg
