#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/ip_address.hpp"

/// ICMP echo messages without payload (RFC 792, RFC 4443 §4). Pure.
namespace updater {

inline constexpr std::size_t echo_octets = 8;

/// What ties a reply to its request.
struct EchoId {
  std::uint16_t id = 0;
  std::uint16_t sequence = 0;

  friend bool operator==(const EchoId&, const EchoId&) = default;
};

/// With its checksum in IPv4. In IPv6 the kernel makes it, because it covers the addresses.
[[nodiscard]] std::array<std::uint8_t, echo_octets> write_echo_request(base::Family family,
                                                                       const EchoId& id);

/// \param packet as received. \param has_ip_header raw IPv4 sockets give the packet with its
/// header. \return nullopt: it is no echo reply.
[[nodiscard]] std::optional<EchoId> parse_echo_reply(base::Bytes packet, base::Family family,
                                                     bool has_ip_header);

}  // namespace updater
