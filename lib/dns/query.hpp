#pragma once

#include <cstdint>
#include <vector>

#include "dns/name.hpp"
#include "dns/types.hpp"

/// A question as octets, for asking a server without a resolver in between.
namespace dns {

/// One question without RD (it goes to an authoritative server), with EDNS.
/// \param udp_octets the longest reply over UDP that the asker takes.
[[nodiscard]] std::vector<std::uint8_t> write_query(std::uint16_t id, const Name& name, RrType type,
                                                    std::uint16_t udp_octets);

/// An id that a forger has to guess; never blocks.
[[nodiscard]] std::uint16_t random_id();

}  // namespace dns
