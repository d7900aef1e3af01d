#pragma once

#include "dnsd/settings/config.hpp"

namespace dnsd {

/// Where nothing is configured to listen, and this user may not have port 53: all addresses at
/// another port, with a warning that says so. Asks the kernel.
void choose_allowed_port(Config& config);

}  // namespace dnsd
