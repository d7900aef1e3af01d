#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dnsd/settings/config.hpp"

/// `set` and `get` of the options (dnsd/settings/options.cpp) whose values are of no common kind
/// (config/values.hpp). The options' `allowed` says what each takes.
namespace dnsd {

[[nodiscard]] bool set_zone(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_zone(const Config& config);

[[nodiscard]] bool add_point(Config& config, const std::string& value);
[[nodiscard]] std::string point_fault(std::string_view value);
[[nodiscard]] std::vector<std::string> get_points(const Config& config);

/// Bits per second: a number, with k, M or G behind it for thousands, millions, milliards; at most
/// 1000G. It is written with the largest of them that leaves a whole number.
[[nodiscard]] std::optional<std::uint64_t> parse_bit_rate(std::string_view text);
[[nodiscard]] std::string write_bit_rate(std::uint64_t rate);
inline constexpr std::string_view bit_rate_allowed =
    "bits per second, a whole number, perhaps with k, M or G behind it: 20M, 1G, 0; at most 1000G";
template <auto member>
[[nodiscard]] bool set_bit_rate(Config& config, const std::string& value) {
  const auto rate = parse_bit_rate(value);
  if (rate) config.*member = *rate;
  return rate.has_value();
}
template <auto member>
[[nodiscard]] std::vector<std::string> get_bit_rate(const Config& config) {
  return {write_bit_rate(config.*member)};
}

[[nodiscard]] bool set_publish(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_publish(const Config& config);

/// Listeners of one view; an address belongs to one view only.
[[nodiscard]] bool add_listen(Config& config, const std::string& value, View view);
[[nodiscard]] std::vector<std::string> get_listen(const Config& config, View view);
void clear_listen(Config& config, View view);

[[nodiscard]] bool add_name_server(Config& config, const std::string& value);
[[nodiscard]] std::string name_server_fault(std::string_view value);
[[nodiscard]] std::vector<std::string> get_name_servers(const Config& config);

[[nodiscard]] bool add_public_part(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_public_parts(const Config& config);

/// Seconds with up to three decimals, 0.1 to 60.
[[nodiscard]] bool set_poll_interval(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_poll_interval(const Config& config);

[[nodiscard]] bool add_address_range(Config& config, const std::string& value);
[[nodiscard]] bool add_rate_limit_exempt(Config& config, const std::string& value);

}  // namespace dnsd
