#pragma once

#include <string>
#include <vector>

#include "dnsd/settings/config.hpp"

/// `set` and `get` of the options (dnsd/settings/options.cpp) whose values are of no common kind
/// (config/values.hpp). The options' `allowed` says what each takes.
namespace dnsd {

[[nodiscard]] bool set_zone(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_zone(const Config& config);

[[nodiscard]] bool add_point(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_points(const Config& config);

[[nodiscard]] bool set_publish(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_publish(const Config& config);

/// Listeners of one view; an address belongs to one view only.
[[nodiscard]] bool add_listen(Config& config, const std::string& value, View view);
[[nodiscard]] std::vector<std::string> get_listen(const Config& config, View view);
void clear_listen(Config& config, View view);

[[nodiscard]] bool add_name_server(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_name_servers(const Config& config);

[[nodiscard]] bool add_public_part(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_public_parts(const Config& config);

/// Seconds with up to three decimals, 0.1 to 60.
[[nodiscard]] bool set_poll_interval(Config& config, const std::string& value);
[[nodiscard]] std::vector<std::string> get_poll_interval(const Config& config);

[[nodiscard]] bool add_rate_limit_exempt(Config& config, const std::string& value);

}  // namespace dnsd
