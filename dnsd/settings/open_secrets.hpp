#pragma once

#include <string>
#include <vector>

#include "dnsd/settings/config.hpp"

/// Files with secrets that everybody on the host may read or write: wg and wg-quick warn of them,
/// and so do we. A file that is not there yet is made for its owner alone.
namespace dnsd {

/// One sentence, if the file is such. \param what is in it
[[nodiscard]] std::vector<std::string> warn_of_open_secret(const std::string& path,
                                                           const std::string& what);

/// Of every file that the configuration names for a secret alone: the keys of points, preshared
/// keys and the cookie secret. Files of peers are the peer reader's.
[[nodiscard]] std::vector<std::string> warn_of_open_secrets(const Config& config);

}  // namespace dnsd
