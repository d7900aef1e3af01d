#pragma once

#include <span>

#include "config/options.hpp"
#include "dnsd/settings/config.hpp"

/// The one table of options: an option is one field of Config, one entry here, its line in
/// config/wg-dnsd.yaml and its paragraph in doc/wg-dnsd.yaml.5; see CONTRIBUTING.md.
namespace dnsd {

/// `peers` is not in the table: it is a list of maps and can only be set in the file.
using Option = config::Option<Config>;

[[nodiscard]] std::span<const Option> all_options();

}  // namespace dnsd
