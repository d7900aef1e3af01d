#pragma once

#include <sys/socket.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.hpp"

namespace base {

/// A UDP or TCP port, 0–65535, host byte order.
enum class Port : std::uint16_t {};

[[nodiscard]] constexpr std::uint16_t to_number(Port port) {
  return static_cast<std::uint16_t>(port);
}

/// 1–65535 in decimal, otherwise nullopt.
[[nodiscard]] std::optional<Port> parse_port(std::string_view text);

/// An address and a port: where a peer can be reached, or where we listen. A plain value.
struct Endpoint {
  IpAddress address;
  Port port{};

  /// `203.0.113.10:51820` or `[2001:db8::1]:51820`; port 1–65535.
  [[nodiscard]] static std::optional<Endpoint> parse(std::string_view text);
  /// \return nullopt when `storage` holds neither AF_INET nor AF_INET6.
  [[nodiscard]] static std::optional<Endpoint> from_sockaddr(const sockaddr_storage& storage);
  /// Fills `storage` as far as the length that it returns, to be passed on with it.
  socklen_t to_sockaddr(sockaddr_storage& storage) const;
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

}  // namespace base
