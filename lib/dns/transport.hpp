#pragma once

#include <cstdint>

namespace dns {

/// How a message travels: RFC 1035 §4.2.1 (UDP) or §4.2.2 (TCP, behind two octets of length).
enum class Transport : std::uint8_t { udp, tcp };

}  // namespace dns
