#include "schema/zone_name.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip_address.hpp"
#include "schema/owner_name.hpp"

namespace schema {
namespace {

static_assert(max_zone_octets == 169);  // zone_name_allowed and the manuals say so

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_allowed(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
         c == '.';
}

std::optional<std::string> find_character_fault(std::string_view text) {
  if (text.empty()) return "it is empty";
  if (base::IpAddress::parse(text)) return "it is an address, not a name";
  if (text.find("://") != std::string_view::npos) return "it is a URL, and only its name is wanted";
  if (text.find(':') != std::string_view::npos) return "it has a port, and only the name is wanted";
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (is_allowed(c)) continue;
    if (octet > 0x7f) return "it has letters beyond ASCII: DNS writes such a name as xn--…";
    if (c == ' ' || c == '\t') return "it has a blank";
    if (c == '*') return "a wildcard is no zone and no host";
    if (octet < 0x20 || octet == 0x7f) return "it has a control character";
    return fmt::format("'{}' is not allowed in it", c);
  }
  return std::nullopt;
}

/// \param text with allowed characters only
std::optional<std::string> find_label_fault(std::string_view text) {
  std::string_view rest = text;
  if (rest.ends_with('.')) rest.remove_suffix(1);
  if (rest.empty()) return "it is the root of DNS";
  std::string_view label;
  while (true) {
    const std::size_t end = std::min(rest.find('.'), rest.size());
    label = rest.substr(0, end);
    if (label.empty()) return "a dot stands where a label is missing";
    if (label.size() > 63) return fmt::format("the label '{}' is longer than 63 octets", label);
    if (label.front() == '-') return fmt::format("the label '{}' begins with a hyphen", label);
    if (label.back() == '-') return fmt::format("the label '{}' ends with a hyphen", label);
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  if (std::all_of(label.begin(), label.end(), is_digit))
    return fmt::format("the last label, '{}', is a number: no such domain can be", label);
  return std::nullopt;
}

std::optional<std::string> find_name_fault(std::string_view text, std::size_t max_octets) {
  if (auto fault = find_character_fault(text)) return fault;
  if (auto fault = find_label_fault(text)) return fault;
  const auto name = dns::Name::parse(text);
  const std::size_t most = name ? name->view().wire().size() : max_octets + 1;
  if (most > max_octets) return fmt::format("it is longer than {} octets", max_octets);
  return std::nullopt;
}

}  // namespace

std::optional<dns::Name> parse_zone_name(std::string_view text) {
  if (find_zone_fault(text)) return std::nullopt;
  return dns::Name::parse(text);
}

std::optional<std::string> find_zone_fault(std::string_view text) {
  return find_name_fault(text, max_zone_octets);
}

std::optional<std::string> find_host_fault(std::string_view text) {
  if (auto fault = find_name_fault(text, dns::max_name_octets)) return fault;
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos || dot + 1 == text.size())
    return fmt::format("'{}' alone is a host of the root: write the whole name", text);
  return std::nullopt;
}

}  // namespace schema
