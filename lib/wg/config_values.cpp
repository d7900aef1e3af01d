#include "wg/config_values.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <utility>

#include "base/encoding.hpp"

namespace wg {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_off(std::string_view text) {
  return base::equals_ignoring_case(text, "off");
}

/// A whole number without a sign.
template <typename Number>
std::optional<Number> parse_digits(std::string_view text, int base = 10) {
  Number number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::uint16_t> find_udp_service(const std::string& name) {
  servent entry{};
  servent* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getservbyname_r(name.c_str(), "udp", &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr)
    return std::nullopt;
  return ntohs(static_cast<std::uint16_t>(found->s_port));
}

/// A port as getaddrinfo of glibc reads it: a number, of which only the low 16 bits count, or the
/// name of a UDP service.
std::optional<std::uint16_t> parse_service(std::string_view text) {
  const std::string service(text);
  char* end = nullptr;
  const unsigned long number = std::strtoul(service.c_str(), &end, 10);
  if (*end == '\0' && static_cast<int>(number) >= 0) return static_cast<std::uint16_t>(number);
  return find_udp_service(service);
}

bool is_link_local(const base::IpAddress& address) {
  const base::Bytes octets = address.bytes();
  return (octets[0] == 0xfe && (octets[1] & 0xc0U) == 0x80) ||
         (octets[0] == 0xff && (octets[1] & 0x0fU) == 0x02);
}

/// glibc takes the name of an interface, which may be on another host than this one, behind a
/// link-local address, and a number behind any.
bool is_zone_of(const base::IpAddress& address, std::string_view zone) {
  if (zone.empty() || address.is_ipv4()) return false;
  return is_link_local(address) || parse_digits<std::uint32_t>(zone).has_value();
}

/// A name whose last label is a number is a mistyped address (RFC 3696 §2).
bool ends_in_number(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return std::all_of(last.begin(), last.end(), is_digit);
}

std::optional<ConfigEndpoint> make_endpoint(std::string_view host, base::Port port) {
  if (const auto address = base::IpAddress::parse(host))
    return base::Endpoint{address->unmapped(), port};
  const std::string text(host);
  if (in_addr short_form{}; ::inet_aton(text.c_str(), &short_form) != 0) {
    std::array<std::uint8_t, 4> octets{};
    std::memcpy(octets.data(), &short_form, octets.size());
    return base::Endpoint{base::IpAddress(octets), port};
  }
  if (const std::size_t percent = host.find('%'); percent != std::string_view::npos) {
    const auto address = base::IpAddress::parse(host.substr(0, percent));
    if (!address || !is_zone_of(*address, host.substr(percent + 1))) return std::nullopt;
  } else if (host.find(':') != std::string_view::npos || ends_in_number(host)) {
    return std::nullopt;
  }
  return HostEndpoint{text, port};
}

}  // namespace

ConfigValue<ConfigEndpoint> parse_config_endpoint(std::string_view text) {
  const bool is_bracketed = text.starts_with('[');
  const std::size_t end = is_bracketed ? text.find(']') : text.rfind(':');
  const std::string_view rest = end == std::string_view::npos ? "" : text.substr(end);
  const std::string_view separator = is_bracketed ? "]:" : ":";
  if (rest.starts_with(separator) && rest.size() > separator.size()) {
    const std::string_view host = text.substr(0, end).substr(is_bracketed ? 1 : 0);
    const std::string_view service = rest.substr(separator.size());
    const auto port = service == "*" ? std::optional<std::uint16_t>(0) : parse_service(service);
    if (auto endpoint =
            port && !host.empty() ? make_endpoint(host, base::Port{*port}) : std::nullopt)
      return *std::move(endpoint);
  }
  return base::Unexpected(
      fmt::format("{} is not an endpoint: IPV4:PORT, [IPV6]:PORT or NAME:PORT with a port of "
                  "1–65535",
                  quote_config(text)));
}

ConfigValue<std::uint16_t> parse_config_port(std::string_view text) {
  if (const auto port = parse_service(text)) return *port;
  return base::Unexpected(fmt::format("{} is not a port: 0–65535", quote_config(text)));
}

ConfigValue<std::uint32_t> parse_config_fwmark(std::string_view text) {
  if (is_off(text)) return 0U;
  const bool is_hex = text.size() > 2 && text.starts_with("0x");
  if (const auto mark =
          parse_digits<std::uint32_t>(is_hex ? text.substr(2) : text, is_hex ? 16 : 10))
    return *mark;
  return base::Unexpected(
      fmt::format("{} is not a firewall mark: off, or 0–0xffffffff", quote_config(text)));
}

ConfigValue<std::uint16_t> parse_config_keepalive(std::string_view text) {
  if (is_off(text)) return std::uint16_t{0};
  if (const auto seconds = parse_digits<std::uint16_t>(text)) return *seconds;
  return base::Unexpected(
      fmt::format("{} is not an interval: off, or 0–65535 seconds", quote_config(text)));
}

ConfigValue<std::vector<base::Prefix>> parse_config_blocks(std::string_view text) {
  std::vector<base::Prefix> prefixes;
  for (std::string_view rest = text;;) {
    const bool is_last = rest.find(',') == std::string_view::npos;
    const std::string_view item = take_part(rest, ',');
    const auto prefix = base::Prefix::parse(item);
    if (!prefix)
      return base::Unexpected(fmt::format(
          "{} is not an address block: ADDRESS or ADDRESS/LENGTH, with commas between, none at "
          "the end",
          quote_config(item)));
    prefixes.push_back(*prefix);
    if (is_last) return prefixes;
  }
}

bool is_interface_address(std::string_view text) {
  if (base::Prefix::parse(text)) return true;
  const auto address = base::IpAddress::parse(take_part(text, '/'));
  const auto mask = base::IpAddress::parse(text);
  return address && mask && address->is_ipv4() && mask->is_ipv4();
}

std::string quote_config(std::string_view text) {
  constexpr std::size_t max_quoted = 64;
  std::string quoted(text.substr(0, max_quoted));
  for (char& c : quoted)
    if (c < ' ' || c > '~') c = '?';
  return fmt::format("\"{}{}\"", quoted, text.size() > max_quoted ? "…" : "");
}

std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return part;
}

}  // namespace wg
