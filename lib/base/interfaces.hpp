#pragma once

#include <string>
#include <system_error>
#include <vector>

#include "base/expected.hpp"
#include "base/file_descriptor.hpp"
#include "base/ip_address.hpp"

/// The addresses of this host (of this network namespace), and when they change.
namespace base {

/// One address of one interface.
struct InterfaceAddress {
  IpAddress address;
  unsigned prefix_length = 0;
  std::string interface;         ///< 1–15 octets
  unsigned interface_index = 0;  ///< never 0; another one when an interface vanishes and returns
  bool is_up = false;            ///< the interface is administratively up

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

/// Every IPv4 and IPv6 address, in the kernel's order. Any thread; takes microseconds.
[[nodiscard]] Expected<std::vector<InterfaceAddress>, std::error_code> read_interface_addresses();

/// Says that an interface, an address or a route changed; the caller reads again what it needs. Not
/// thread-safe: one owner, which waits until fd() is readable and then drains it.
class InterfaceWatch {
 public:
  /// Sees what changes from now on.
  [[nodiscard]] static Expected<InterfaceWatch, std::error_code> open();

  /// A non-blocking socket for poll(2) and its kind. The watch keeps ownership.
  [[nodiscard]] int fd() const { return socket_.get(); }
  /// Takes everything that is waiting. \return whether something changed, or may have (notices were
  /// lost).
  [[nodiscard]] bool drain();

 private:
  explicit InterfaceWatch(FileDescriptor socket) : socket_(std::move(socket)) {}
  FileDescriptor socket_;
};

}  // namespace base
