#include "dns/server_address.hpp"

namespace dns {

std::optional<base::Endpoint> parse_server_address(std::string_view text) {
  if (const auto endpoint = base::Endpoint::parse(text))
    return base::Endpoint{endpoint->address.unmapped(), endpoint->port};
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const auto address = base::IpAddress::parse(bracketed ? text.substr(1, text.size() - 2) : text);
  if (!address || (bracketed && address->is_ipv4())) return std::nullopt;
  return base::Endpoint{address->unmapped(), dns_port};
}

}  // namespace dns
