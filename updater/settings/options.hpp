#pragma once

#include <span>

#include "config/options.hpp"
#include "updater/settings/config.hpp"

/// The one table of options: an option is one entry here, its line in config/wg-updater.yaml and
/// its paragraph in doc/wg-updater.yaml.5.
namespace updater {

/// `interfaces` and `peers` are not in the table: they hold maps and exist only in the file.
using Option = config::Option<Config>;

/// What `hub-endpoint` allows, in words.
inline constexpr std::string_view hub_endpoint_allowed =
    "HOST:PORT, ADDRESS:PORT or [IPv6]:PORT, at most 8";

/// The whole table, on the command line and in the file.
[[nodiscard]] std::span<const Option> all_options();

/// Whether it makes sense for one interface only, so that it is not allowed at the top of the file.
[[nodiscard]] bool is_of_one_interface(const Option& option);

}  // namespace updater
