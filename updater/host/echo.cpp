#include "updater/host/echo.hpp"

#include <linux/icmp.h>
#include <linux/icmpv6.h>

#include "base/ip_packet.hpp"

namespace updater {

std::array<std::uint8_t, echo_octets> write_echo_request(base::Family family, const EchoId& id) {
  const bool is_ipv4 = family == base::Family::ipv4;
  std::array<std::uint8_t, 4> body{};
  base::ByteWriter body_writer(body);
  body_writer.u16(id.id);
  body_writer.u16(id.sequence);
  std::array<std::uint8_t, echo_octets> request{};
  base::ByteWriter writer(request);
  const std::uint8_t type = is_ipv4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;
  base::write_socket_icmp(writer, family, {type, 0, body});
  return request;
}

std::optional<EchoId> parse_echo_reply(base::Bytes packet, base::Family family,
                                       bool has_ip_header) {
  if (has_ip_header) {
    if (packet.empty()) return std::nullopt;
    const std::size_t header = (packet[0] & 0xfU) * std::size_t{4};
    if (header == 0 || header > packet.size()) return std::nullopt;
    packet = packet.subspan(header);
  }
  const auto message = base::parse_socket_icmp(packet);
  const auto wanted = family == base::Family::ipv4 ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY;
  if (!message || message->type != wanted || message->code != 0) return std::nullopt;
  base::ByteReader reader(message->body);
  EchoId id;
  id.id = reader.u16();
  id.sequence = reader.u16();
  if (!reader.ok()) return std::nullopt;
  return id;
}

}  // namespace updater
