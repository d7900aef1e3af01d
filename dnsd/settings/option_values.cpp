#include "dnsd/settings/option_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/encoding.hpp"
#include "config/values.hpp"
#include "dns/server_address.hpp"
#include "schema/zone_name.hpp"

namespace dnsd {
namespace {

struct PublicPart {
  std::string_view word;
  bool PublicParts::*member;
};
constexpr std::array<PublicPart, 5> public_part_words{{{"names", &PublicParts::names},
                                                       {"allowed", &PublicParts::allowed},
                                                       {"since", &PublicParts::since},
                                                       {"map", &PublicParts::map},
                                                       {"list", &PublicParts::list}}};

constexpr std::string_view no_relay = "no-relay";

struct RateUnit {
  char letter;
  std::uint64_t bits;
};
constexpr std::array<RateUnit, 3> rate_units{
    {{'G', 1'000'000'000}, {'M', 1'000'000}, {'k', 1'000}}};
constexpr std::uint64_t max_bit_rate = 1'000'000'000'000;

constexpr std::string_view no_such_server =
    "an address needs a name, which the parent zone will lead to";

/// Each once.
bool add_prefix(std::vector<base::Prefix>& known, const std::string& value) {
  const auto prefix = base::Prefix::parse(value);
  if (!prefix || std::find(known.begin(), known.end(), *prefix) != known.end()) return false;
  known.push_back(*prefix);
  return true;
}

}  // namespace

bool set_zone(Config& config, const std::string& value) {
  const auto name = schema::parse_zone_name(value);
  if (name) config.zone = *name;
  return name.has_value();
}
std::vector<std::string> get_zone(const Config& config) {
  return {config.zone.to_string()};
}

/// The tunnel addresses and `no-relay` follow the last commas; what is neither belongs to the file
/// name.
bool add_point(Config& config, const std::string& value) {
  ConfiguredPoint point;
  std::string_view rest = value;
  for (std::size_t comma = rest.rfind(','); comma != std::string_view::npos;
       comma = rest.rfind(',')) {
    const std::string_view last = rest.substr(comma + 1);
    if (last == no_relay && point.relays) {
      point.relays = false;
      rest = rest.substr(0, comma);
      continue;
    }
    const auto address = base::IpAddress::parse(last);
    if (!address) break;
    const auto& known = point.tunnel_addresses;
    if (address->is_unspecified() ||
        std::any_of(known.begin(), known.end(),
                    [&](const auto& other) { return other.family() == address->family(); }))
      return false;
    point.tunnel_addresses.insert(point.tunnel_addresses.begin(), *address);
    rest = rest.substr(0, comma);
  }
  const std::size_t equals = std::min(rest.find('='), rest.size());
  auto listen = base::Endpoint::parse(rest.substr(0, equals));
  if (listen) listen->address = listen->address.unmapped();
  if (!listen || equals + 1 == rest.size() ||
      std::any_of(config.points.begin(), config.points.end(),
                  [&](const ConfiguredPoint& known) { return known.listen == *listen; }))
    return false;
  point.listen = *listen;
  if (equals < rest.size()) point.key_file = rest.substr(equals + 1);
  config.points.push_back(std::move(point));
  return true;
}
std::string point_fault(std::string_view value) {
  const std::string_view place = value.substr(0, value.find_first_of("=,"));
  if (base::Endpoint::parse(place)) {
    const bool has_file = place.size() < value.size() && value[place.size()] == '=';
    return has_file && place.size() + 1 == value.size() ? "the file name behind '=' is missing"
                                                        : "";
  }
  return config::address_fault(place);
}
std::vector<std::string> get_points(const Config& config) {
  std::vector<std::string> values;
  for (const ConfiguredPoint& point : config.points) {
    std::string value = point.listen.to_string();
    if (!point.key_file.empty()) value += '=' + point.key_file;
    for (const base::IpAddress& address : point.tunnel_addresses)
      value += ',' + address.to_string();
    if (!point.relays) value += fmt::format(",{}", no_relay);
    values.push_back(std::move(value));
  }
  return values;
}

std::optional<std::uint64_t> parse_bit_rate(std::string_view text) {
  std::uint64_t unit = 1;
  for (const RateUnit& known : rate_units) {
    if (text.empty() || base::to_lower(static_cast<std::uint8_t>(text.back())) !=
                            base::to_lower(static_cast<std::uint8_t>(known.letter)))
      continue;
    unit = known.bits;
    text.remove_suffix(1);
    break;
  }
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size() || number > max_bit_rate / unit)
    return std::nullopt;
  return number * unit;
}

std::string write_bit_rate(std::uint64_t rate) {
  for (const RateUnit& known : rate_units) {
    if (rate != 0 && rate % known.bits == 0)
      return fmt::format("{}{}", rate / known.bits, known.letter);
  }
  return std::to_string(rate);
}

bool set_publish(Config& config, const std::string& value) {
  if (value != "all" && value != "listed") return false;
  config.publish_listed_only = value == "listed";
  return true;
}
std::vector<std::string> get_publish(const Config& config) {
  return {config.publish_listed_only ? "listed" : "all"};
}

bool add_listen(Config& config, const std::string& value, View view) {
  const auto endpoint = dns::parse_server_address(value);
  if (!endpoint || std::any_of(config.listen.begin(), config.listen.end(),
                               [&](const auto& l) { return l.endpoint == *endpoint; }))
    return false;
  config.listen.push_back({*endpoint, view});
  return true;
}
void clear_listen(Config& config, View view) {
  std::erase_if(config.listen, [view](const ListenAddress& l) { return l.view == view; });
}
std::vector<std::string> get_listen(const Config& config, View view) {
  std::vector<std::string> values;
  for (const ListenAddress& l : config.listen) {
    if (l.view == view) values.push_back(l.endpoint.to_string());
  }
  return values;
}

bool add_name_server(Config& config, const std::string& value) {
  const std::size_t equals = value.find('=');
  const std::string host = value.substr(0, equals);
  const auto name = dns::Name::parse(host);
  if (schema::find_host_fault(host) || !name) return false;
  if (std::any_of(config.name_servers.begin(), config.name_servers.end(),
                  [&](const NameServer& known) { return known.name == *name; }))
    return false;
  NameServer server{*name, {}};
  for (std::size_t begin = equals; begin != std::string::npos;) {
    const std::size_t end = value.find(',', begin + 1);
    const auto address = base::IpAddress::parse(std::string_view(value).substr(
        begin + 1, end == std::string::npos ? end : end - begin - 1));
    if (!address || address->is_unspecified()) return false;
    server.addresses.push_back(address->unmapped());
    begin = end;
  }
  config.name_servers.push_back(std::move(server));
  return true;
}
std::string name_server_fault(std::string_view value) {
  const std::size_t equals = value.find('=');
  const std::string_view host = value.substr(0, equals);
  if (base::IpAddress::parse(host) || base::Endpoint::parse(host))
    return fmt::format("'{}' alone: {}", host, no_such_server);
  if (const auto fault = schema::find_host_fault(host)) return *fault;
  std::string_view rest = equals == std::string_view::npos ? "" : value.substr(equals + 1);
  while (true) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view one = rest.substr(0, end);
    if (base::Endpoint::parse(one)) return fmt::format("'{}' has a port: DNS has 53 alone", one);
    const auto address = base::IpAddress::parse(one);
    if (!address) return fmt::format("'{}' is no address", one);
    if (address->is_unspecified()) return fmt::format("'{}' is no place where one can ask", one);
    if (end == rest.size()) return {};
    rest.remove_prefix(end + 1);
  }
}
std::vector<std::string> get_name_servers(const Config& config) {
  std::vector<std::string> values;
  for (const NameServer& server : config.name_servers) {
    std::string value = server.name.to_string();
    char separator = '=';
    for (const base::IpAddress& address : server.addresses) {
      value += separator + address.to_string();
      separator = ',';
    }
    values.push_back(std::move(value));
  }
  return values;
}

bool add_public_part(Config& config, const std::string& value) {
  for (const PublicPart& part : public_part_words) {
    if (part.word != value || config.public_parts.*part.member) continue;
    config.public_parts.*part.member = true;
    return true;
  }
  return false;
}
std::vector<std::string> get_public_parts(const Config& config) {
  std::vector<std::string> values;
  for (const PublicPart& part : public_part_words) {
    if (config.public_parts.*part.member) values.emplace_back(part.word);
  }
  return values;
}

bool set_poll_interval(Config& config, const std::string& value) {
  const std::size_t point = value.find('.');
  std::string decimals = point == std::string::npos ? "" : value.substr(point + 1);
  if (point != std::string::npos && (decimals.empty() || decimals.size() > 3)) return false;
  decimals.resize(3, '0');
  const std::string digits = value.substr(0, point) + decimals;
  std::uint32_t milliseconds = 0;
  const auto [end, ec] =
      std::from_chars(digits.data(), digits.data() + digits.size(), milliseconds);
  if (ec != std::errc() || end != digits.data() + digits.size() || point == 0) return false;
  if (milliseconds < 100 || milliseconds > 60000) return false;
  config.poll_interval = std::chrono::milliseconds(milliseconds);
  return true;
}
std::vector<std::string> get_poll_interval(const Config& config) {
  const auto milliseconds = config.poll_interval.count();
  std::string text = std::to_string(milliseconds / 1000);
  if (milliseconds % 1000 == 0) return {text};
  text += fmt::format(".{:03}", milliseconds % 1000);
  while (text.back() == '0') text.pop_back();
  return {text};
}

bool add_address_range(Config& config, const std::string& value) {
  if (!config::parse_range(value)) return false;
  return add_prefix(config.address_range, value);
}

bool add_rate_limit_exempt(Config& config, const std::string& value) {
  return add_prefix(config.rate_limit_exempt, value);
}

}  // namespace dnsd
