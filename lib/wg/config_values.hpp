#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"

/// The values in WireGuard's own configuration format, each read as wg(8) reads it: what wg takes
/// is taken, what it refuses is an error that says what would be right. tests/forms shows what they
/// make of files. Values come without white space: wg removes it first. Pure, but for the services
/// file.
namespace wg {

/// An endpoint that is no plain address and port. Nothing is resolved here.
struct HostEndpoint {
  /// As written, for getaddrinfo: a name, an IPv6 address with its zone (`fe80::1%eth0`), or `*`.
  std::string host;
  base::Port port{};

  friend bool operator==(const HostEndpoint&, const HostEndpoint&) = default;
};

/// An address is never IPv4-mapped. The port may be 0.
using ConfigEndpoint = std::variant<base::Endpoint, HostEndpoint>;

template <typename T>
using ConfigValue = base::Expected<T, std::string>;

/// `HOST:PORT` or `[HOST]:PORT`, cut at the last colon. HOST is an address in any spelling that
/// inet_aton and inet_pton know, a bare IPv6 address too, or a name that might resolve.
[[nodiscard]] ConfigValue<ConfigEndpoint> parse_config_endpoint(std::string_view text);

/// ListenPort; 0: any free one.
[[nodiscard]] ConfigValue<std::uint16_t> parse_config_port(std::string_view text);

/// FwMark: `off`, decimal, or hexadecimal behind `0x`; 0: none.
[[nodiscard]] ConfigValue<std::uint32_t> parse_config_fwmark(std::string_view text);

/// PersistentKeepalive: `off`, or seconds; 0: none.
[[nodiscard]] ConfigValue<std::uint16_t> parse_config_keepalive(std::string_view text);

/// AllowedIPs: blocks with commas between.
[[nodiscard]] ConfigValue<std::vector<base::Prefix>> parse_config_blocks(std::string_view text);

/// One block of Address, as wg-quick(8) hands it to ip(8): the length may be an IPv4 mask.
[[nodiscard]] bool is_interface_address(std::string_view text);

/// What is in a message: short, and without characters that control a terminal.
[[nodiscard]] std::string quote_config(std::string_view text);

/// White space as isspace() knows it in the C locale.
[[nodiscard]] constexpr bool is_config_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/// Takes the part before the next `separator` off the front; everything when there is none.
std::string_view take_part(std::string_view& text, char separator);

}  // namespace wg
