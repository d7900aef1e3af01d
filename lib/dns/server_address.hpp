#pragma once

#include <optional>
#include <string_view>

#include "base/endpoint.hpp"

namespace dns {

/// RFC 1035 §4.2.
inline constexpr base::Port dns_port{53};

/// Where a DNS server is, as an operator writes it: `ADDRESS`, then at dns_port, or `ADDRESS:PORT`.
/// An IPv6 address with a port stands in brackets, and may without one.
[[nodiscard]] std::optional<base::Endpoint> parse_server_address(std::string_view text);

}  // namespace dns
