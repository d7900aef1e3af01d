#pragma once

#include <optional>

#include "dnsd/report/findings.hpp"

namespace dnsd {

/// Whether each of these addresses of name servers answers for the zone, over UDP and TCP. What
/// this host answers itself proves nothing of what is in front of it; that is said. Blocks: up to 4
/// s for each address over UDP, 2 s over TCP. \return the first one that does
[[nodiscard]] std::optional<base::IpAddress> check_servers(const Examined& examined,
                                                           const Addresses& addresses,
                                                           Findings& findings);

}  // namespace dnsd
