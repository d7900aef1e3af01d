#pragma once

#include <optional>
#include <span>

#include "base/ip_address.hpp"

namespace dnsd {

/// The lowest address of a block that no other block covers. Of IPv4 blocks of more than two
/// addresses the first and the last are for the network and its broadcast, of IPv6 blocks the first
/// is for its routers (RFC 4291 §2.6.1). \param taken in any order; other families do not matter.
/// \return nullopt: there is none
[[nodiscard]] std::optional<base::IpAddress> find_free_address(const base::Prefix& block,
                                                               std::span<const base::Prefix> taken);

}  // namespace dnsd
