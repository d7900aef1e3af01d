#include "base/interfaces.hpp"

#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>

#include "base/endpoint.hpp"
#include "base/last_error.hpp"

namespace base {
namespace {

std::optional<IpAddress> to_address(const sockaddr* raw) {
  if (raw == nullptr) return std::nullopt;
  sockaddr_storage storage{};
  if (raw->sa_family == AF_INET) {
    std::memcpy(&storage, raw, sizeof(sockaddr_in));
  } else if (raw->sa_family == AF_INET6) {
    std::memcpy(&storage, raw, sizeof(sockaddr_in6));
  } else {
    return std::nullopt;
  }
  const auto endpoint = Endpoint::from_sockaddr(storage);
  return endpoint ? std::optional(endpoint->address) : std::nullopt;
}

unsigned count_mask_bits(const sockaddr* raw) {
  const auto mask = to_address(raw);
  if (!mask) return 0;
  unsigned bits = 0;
  for (const std::uint8_t octet : mask->bytes())
    bits += static_cast<unsigned>(std::popcount(octet));
  return bits;
}

struct FreeAddresses {
  void operator()(ifaddrs* list) const { ::freeifaddrs(list); }
};

}  // namespace

Expected<std::vector<InterfaceAddress>, std::error_code> read_interface_addresses() {
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return Unexpected(last_error());
  const std::unique_ptr<ifaddrs, FreeAddresses> list(raw);
  std::vector<InterfaceAddress> result;
  for (const ifaddrs* entry = list.get(); entry != nullptr; entry = entry->ifa_next) {
    const auto address = to_address(entry->ifa_addr);
    if (!address) continue;
    const unsigned index = ::if_nametoindex(entry->ifa_name);
    if (index == 0) continue;  // gone since the list was made
    result.push_back({.address = *address,
                      .prefix_length = count_mask_bits(entry->ifa_netmask),
                      .interface = entry->ifa_name,
                      .interface_index = index,
                      .is_up = (entry->ifa_flags & IFF_UP) != 0});
  }
  return result;
}

Expected<InterfaceWatch, std::error_code> InterfaceWatch::open() {
  FileDescriptor socket(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket) return Unexpected(last_error());
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups =
      RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
  const void* raw = &address;
  if (::bind(socket.get(), static_cast<const sockaddr*>(raw), sizeof address) != 0) {
    return Unexpected(last_error());
  }
  return InterfaceWatch(std::move(socket));
}

bool InterfaceWatch::drain() {
  bool changed = false;
  std::array<char, 8192> notice{};
  // The content does not matter, so a notice that is cut short does no harm. ENOBUFS: the kernel
  // dropped notices.
  for (;;) {
    const auto size = ::recv(socket_.get(), notice.data(), notice.size(), 0);
    if (size < 0 && errno != ENOBUFS && errno != EINTR) return changed;
    changed = changed || size > 0 || errno == ENOBUFS;
    if (size == 0) return changed;
  }
}

}  // namespace base
