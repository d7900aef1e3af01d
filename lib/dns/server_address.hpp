#pragma once

#include <optional>
#include <string_view>

#include "base/endpoint.hpp"

namespace dns {

/// RFC 1035 §4.2.
inline constexpr base::Port dns_port{53};

/// The address and port of a DNS server as an operator writes them: `ADDRESS`, which means port
/// dns_port, or `ADDRESS:PORT`. An IPv6 address with a port must be in brackets; one without a port
/// may be. An IPv4 address in an IPv6 one (::ffff:192.0.2.1) is the IPv4 address.
[[nodiscard]] std::optional<base::Endpoint> parse_server_address(std::string_view text);

}  // namespace dns
