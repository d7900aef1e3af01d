#pragma once

#include <cstdint>
#include <system_error>

#include "base/expected.hpp"
#include "base/ip_address.hpp"

/// The kernel's neighbour table (arp(7), RFC 4861): who answers on a link of this host.
namespace base {

enum class NeighbourState : std::uint8_t {
  unknown,   ///< there is no entry
  asked,     ///< the question is out, no answer yet
  answered,  ///< it answered, now or before; or the link needs no such question
  silent,    ///< nobody answered
};

/// Makes the kernel ask who has `address` on that link, by ARP or neighbour solicitation and no
/// other packet: the neighbour itself notices nothing above its own link layer. Needs
/// CAP_NET_ADMIN. \param interface_index the link's. Any thread; takes microseconds.
[[nodiscard]] Expected<void, std::error_code> ask_neighbour(const IpAddress& address,
                                                            unsigned interface_index);

/// What the kernel knows now. Any thread; takes microseconds.
[[nodiscard]] Expected<NeighbourState, std::error_code> read_neighbour(const IpAddress& address,
                                                                       unsigned interface_index);

}  // namespace base
