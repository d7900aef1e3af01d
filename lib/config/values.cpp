#include "config/values.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

#include "base/endpoint.hpp"

namespace config {
namespace {

constexpr std::array<std::string_view, 4> log_levels{"debug", "info", "warning", "error"};
constexpr std::size_t max_socket_path = 107;  // sun_path has 108 octets, with the end mark
constexpr std::size_t max_interface_name = 15;

}  // namespace

std::optional<bool> parse_toggle(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on") return true;
  if (text == "false" || text == "no" || text == "off") return false;
  return std::nullopt;
}

bool is_log_level(std::string_view text) {
  return std::find(log_levels.begin(), log_levels.end(), text) != log_levels.end();
}

bool is_socket_path(std::string_view text) {
  return !text.empty() && text.size() <= max_socket_path;
}

bool is_interface_name(std::string_view text) {
  const auto is_wrong = [](char c) {
    return c == '/' || static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
  };
  return !text.empty() && text.size() <= max_interface_name && text != "." && text != ".." &&
         std::none_of(text.begin(), text.end(), is_wrong);
}

std::optional<base::Prefix> parse_range(std::string_view text) {
  const auto prefix = base::Prefix::parse(text);
  const bool has_length = text.find('/') != std::string_view::npos;
  return prefix && has_length && prefix->length() > 0 ? prefix : std::nullopt;
}

std::string range_fault(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view address = text.substr(0, slash);
  const auto parsed = base::IpAddress::parse(address);
  if (!parsed) return fmt::format("'{}' is no address", address);
  if (slash == text.size())
    return fmt::format("the length is missing: {}/{} has 256 addresses", address,
                       parsed->is_ipv4() ? 24 : 120);
  const auto prefix = base::Prefix::parse(text);
  if (!prefix)
    return fmt::format("the length of such an address is 1 to {}", parsed->is_ipv4() ? 32 : 128);
  return prefix->length() == 0 ? "these are all the addresses there are" : "";
}

std::string address_fault(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && text.find(':') == colon;
  const std::string_view host = text.substr(0, has_port ? colon : text.size());
  if (text.empty()) return "it is empty";
  if (text.front() != '[' && text.find(':') != std::string_view::npos && !has_port) {
    if (base::IpAddress::parse(text)) return "the port is missing";
    if (base::IpAddress::parse(text.substr(0, colon)))
      return "an IPv6 address with a port stands in brackets";
    return "it is no address";
  }
  if (has_port && host.empty()) return "the address is missing: 0.0.0.0 is every IPv4 address";
  const bool is_number =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (is_number) return "it is a port alone, and the address is missing";
  if (text.front() != '[' && !base::IpAddress::parse(host))
    return fmt::format("'{}' is no address, and names are not looked up", host);
  if (!has_port && text.front() != '[') return "the port is missing";
  if (text.find("]") == std::string_view::npos && text.front() == '[') return "a ']' is missing";
  return "a port is a number from 1 to 65535";
}

}  // namespace config
