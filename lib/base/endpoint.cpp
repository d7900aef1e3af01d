#include "base/endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <cstring>

namespace base {

std::optional<Port> parse_port(std::string_view text) {
  std::uint16_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return Port{number};
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = IpAddress::parse(host);
  const auto port = parse_port(text.substr(colon + 1));
  if (!address || !port || bracketed == address->is_ipv4()) return std::nullopt;
  return Endpoint{*address, *port};
}

std::optional<Endpoint> Endpoint::from_sockaddr(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof v4);
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), &v4.sin_addr, octets.size());
    return Endpoint{IpAddress(octets), Port{ntohs(v4.sin_port)}};
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    std::array<std::uint8_t, 16> octets{};
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
    return Endpoint{IpAddress(octets), Port{ntohs(v6.sin6_port)}};
  }
  return std::nullopt;
}

socklen_t Endpoint::to_sockaddr(sockaddr_storage& storage) const {
  const auto& octets = address.padded();
  if (address.is_ipv4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(to_number(port));
    std::memcpy(&v4.sin_addr, octets.data(), sizeof v4.sin_addr);
    std::memcpy(&storage, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(to_number(port));
  std::memcpy(&v6.sin6_addr, octets.data(), octets.size());
  std::memcpy(&storage, &v6, sizeof v6);
  return sizeof v6;
}

std::string Endpoint::to_string() const {
  const std::string text = std::to_string(to_number(port));
  return address.is_ipv4() ? address.to_string() + ':' + text
                           : '[' + address.to_string() + "]:" + text;
}

}  // namespace base
