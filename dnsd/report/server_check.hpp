#pragma once

#include <optional>

#include "dnsd/report/findings.hpp"

namespace dnsd {

/// Whether each of these addresses of name servers answers for the zone, over UDP and TCP.
/// \return the first one that does
[[nodiscard]] std::optional<base::IpAddress> check_servers(const Examined& examined,
                                                           const Addresses& addresses,
                                                           Findings& findings);

}  // namespace dnsd
