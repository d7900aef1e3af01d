#include "wg/device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "wg/netlink.hpp"
#include "wg/uapi_socket.hpp"

namespace wg {
namespace {

constexpr std::size_t max_name = 15;  // IFNAMSIZ − 1, linux/if.h

/// What the kernel refuses as the name of an interface (dev_valid_name); '/' would also leave the
/// folder of the UAPI sockets.
std::optional<DeviceError> check_name(const std::string& name) {
  const auto is_wrong = [](char c) {
    return c == '/' || c == ':' || c == '\0' || c == ' ' || (c >= '\t' && c <= '\r');
  };
  if (!name.empty() && name.size() <= max_name && name != "." && name != ".." &&
      std::none_of(name.begin(), name.end(), is_wrong))
    return std::nullopt;
  return DeviceError{DeviceError::Kind::bad_name, std::make_error_code(std::errc::invalid_argument),
                     fmt::format("\"{}\" cannot be the name of an interface: 1–{} characters, no "
                                 "white space, no '/' and no ':'",
                                 name.substr(0, max_name), max_name)};
}

}  // namespace

const DevicePeer* Device::find(const PublicKey& key) const {
  const auto peer = std::find_if(peers.begin(), peers.end(), [&](const DevicePeer& candidate) {
    return candidate.public_key == key;
  });
  return peer == peers.end() ? nullptr : &*peer;
}

base::Expected<Device, DeviceError> read_device(const std::string& name) {
  if (auto error = check_name(name)) return base::Unexpected(std::move(*error));
  auto device = read_uapi_device(name);
  if (device || device.error().kind != DeviceError::Kind::no_such_device) return device;
  return read_kernel_device(name);
}

base::Expected<void, DeviceError> set_peers(const std::string& name,
                                            std::span<const PeerUpdate> updates) {
  if (auto error = check_name(name)) return base::Unexpected(std::move(*error));
  auto done = set_uapi_peers(name, updates);
  if (done || done.error().kind != DeviceError::Kind::no_such_device) return done;
  return set_kernel_peers(name, updates);
}

base::Expected<void, DeviceError> change_membership(const std::string& name,
                                                    const Membership& change) {
  if (auto error = check_name(name)) return base::Unexpected(std::move(*error));
  auto done = change_uapi_membership(name, change);
  if (done || done.error().kind != DeviceError::Kind::no_such_device) return done;
  return change_kernel_membership(name, change);
}

std::vector<std::string> list_devices() {
  std::vector<std::string> names = list_uapi_devices();
  const std::vector<std::string> kernel = list_kernel_devices();
  names.insert(names.end(), kernel.begin(), kernel.end());
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace wg
