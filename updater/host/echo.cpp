#include "updater/host/echo.hpp"

#include <linux/icmp.h>
#include <linux/icmpv6.h>

namespace updater {
namespace {

/// RFC 1071, over an even number of octets.
std::uint16_t make_checksum(base::Bytes octets) {
  base::ByteReader reader(octets);
  std::uint32_t sum = 0;
  while (reader.remaining() >= 2) sum += reader.u16();
  while ((sum >> 16U) != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

std::array<std::uint8_t, echo_octets> write_echo_request(base::Family family, const EchoId& id) {
  const bool is_ipv4 = family == base::Family::ipv4;
  std::array<std::uint8_t, echo_octets> request{};
  base::ByteWriter writer(request);
  writer.u8(is_ipv4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST);
  writer.u8(0);
  writer.u16(0);
  writer.u16(id.id);
  writer.u16(id.sequence);
  if (is_ipv4) writer.patch_u16(2, make_checksum(request));
  return request;
}

std::optional<EchoId> parse_echo_reply(base::Bytes packet, base::Family family,
                                       bool has_ip_header) {
  base::ByteReader reader(packet);
  if (has_ip_header) {
    const std::size_t header = (reader.u8() & 0xfU) * std::size_t{4};
    if (header == 0) return std::nullopt;
    reader.skip(header - 1);
  }
  const std::uint8_t type = reader.u8();
  const std::uint8_t code = reader.u8();
  reader.skip(2);  // the checksum: the kernel's matter
  EchoId id;
  id.id = reader.u16();
  id.sequence = reader.u16();
  const auto wanted = family == base::Family::ipv4 ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY;
  if (!reader.ok() || type != wanted || code != 0) return std::nullopt;
  return id;
}

}  // namespace updater
