#pragma once

#include <span>

#include "config/options.hpp"
#include "updater/settings/config.hpp"

/// The one table of options: an option is one entry here, its line in config/wg-updater.yaml and
/// its paragraph in doc/wg-updater.yaml.5.
namespace updater {

/// `interfaces` and `peers` are not in the table: they hold maps and stand in the file only.
using Option = config::Option<Config>;

[[nodiscard]] std::span<const Option> all_options();

/// Whether it can only be meant for one interface, and so has no place at the top of the file.
[[nodiscard]] bool is_of_one_interface(const Option& option);

}  // namespace updater
