// Reading and writing whole IP packets: first checksums and headers, then the parsers, which check
// each length before they use it, then the writers. Pure, on the caller's thread. No socket here,
// and no reassembly.

#include "base/ip_packet.hpp"

#include <algorithm>
#include <array>
#include <cassert>

namespace base {
namespace {

constexpr std::size_t ipv4_header_octets = 20;
constexpr std::size_t ipv6_header_octets = 40;
constexpr std::size_t fragment_header_octets = 8;  // RFC 8200 §4.5
constexpr std::size_t udp_header_octets = 8;
constexpr std::uint8_t hop_limit = 64;  // RFC 1700, "IP time to live": the usual default

// Next headers that are not the payload yet (RFC 8200 §4).
constexpr std::uint8_t hop_by_hop = 0;
constexpr std::uint8_t routing = 43;
constexpr std::uint8_t fragment = 44;
constexpr std::uint8_t destination_options = 60;

constexpr unsigned more_fragments_v4 = 0x2000;  // RFC 791 §3.1
constexpr unsigned offset_mask_v4 = 0x1fff;
constexpr unsigned more_fragments_v6 = 0x0001;  // RFC 8200 §4.5

/// RFC 1071. \param sum of what came before it, an even number of octets.
std::uint32_t add_sum(Bytes octets, std::uint32_t sum) {
  for (std::size_t i = 0; i + 1 < octets.size(); i += 2) {
    sum += (std::uint32_t{octets[i]} << 8U) | octets[i + 1];
  }
  if (octets.size() % 2 != 0) sum += std::uint32_t{octets.back()} << 8U;
  return (sum & 0xffffU) + (sum >> 16U);
}

std::uint16_t fold(std::uint32_t sum) {
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(sum);
}

/// The pseudo-header, which the checksums of UDP and ICMPv6 cover as well (RFC 768, RFC 8200 §8.1).
/// The 32-bit length of IPv6 adds up to the same as the 16-bit one of IPv4, because no packet is
/// longer.
std::uint32_t pseudo_header_sum(const IpAddress& source, const IpAddress& destination,
                                IpProtocol protocol, std::size_t length) {
  std::uint32_t sum = add_sum(source.bytes(), 0);
  sum = add_sum(destination.bytes(), sum);
  return sum + static_cast<std::uint32_t>(protocol) + static_cast<std::uint32_t>(length);
}

Expected<IpPacket, IpError> parse_ipv4(Bytes octets) {
  ByteReader reader(octets);
  const std::uint8_t version_and_words = reader.u8();
  reader.skip(1);
  const std::size_t total = reader.u16();
  reader.skip(2);
  const unsigned flags_and_offset = reader.u16();
  reader.skip(1);
  const IpProtocol protocol{reader.u8()};
  reader.skip(2);
  const auto source = IpAddress::from_bytes(reader.bytes(4));
  const auto destination = IpAddress::from_bytes(reader.bytes(4));
  const std::size_t header = std::size_t{version_and_words & 0x0fU} * 4;
  if (!reader.ok() || header < ipv4_header_octets || header > total || total > octets.size())
    return Unexpected(IpError::malformed);
  if (fold(add_sum(octets.first(header), 0)) != 0xffff) return Unexpected(IpError::checksum);
  if (header != ipv4_header_octets) return Unexpected(IpError::options);
  if ((flags_and_offset & (more_fragments_v4 | offset_mask_v4)) != 0)
    return Unexpected(IpError::fragment);
  return IpPacket{*source, *destination, protocol, octets.first(total).subspan(header)};
}

Expected<IpPacket, IpError> parse_ipv6(Bytes octets) {
  ByteReader reader(octets);
  reader.skip(4);
  const std::size_t length = reader.u16();
  const std::uint8_t next_header = reader.u8();
  reader.skip(1);
  const auto source = IpAddress::from_bytes(reader.bytes(16));
  const auto destination = IpAddress::from_bytes(reader.bytes(16));
  const Bytes payload = reader.bytes(length);
  if (!reader.ok()) return Unexpected(IpError::malformed);
  if (next_header == fragment) return Unexpected(IpError::fragment);
  if (next_header == hop_by_hop || next_header == routing || next_header == destination_options)
    return Unexpected(IpError::options);
  return IpPacket{*source, *destination, IpProtocol{next_header}, payload};
}

void write_ipv4_header(ByteWriter& writer, const IpPacket& packet, std::size_t length,
                       std::uint32_t identification, std::size_t offset, bool more) {
  const std::size_t start = writer.size();
  writer.u8(0x45);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(ipv4_header_octets + length));
  writer.u16(static_cast<std::uint16_t>(identification));
  // No DF: a router behind the peer may have a smaller MTU, and its ICMP would not be heard.
  writer.u16(static_cast<std::uint16_t>((more ? more_fragments_v4 : 0U) | (offset / 8)));
  writer.u8(hop_limit);
  writer.u8(static_cast<std::uint8_t>(packet.protocol));
  writer.u16(0);
  writer.bytes(packet.source.bytes());
  writer.bytes(packet.destination.bytes());
  const std::uint16_t sum = fold(add_sum(writer.written().subspan(start), 0));
  writer.patch_u16(start + 10, static_cast<std::uint16_t>(~sum));
}

void write_ipv6_header(ByteWriter& writer, const IpPacket& packet, std::size_t length,
                       std::uint8_t next_header) {
  writer.u32(0x60000000);
  writer.u16(static_cast<std::uint16_t>(length));
  writer.u8(next_header);
  writer.u8(hop_limit);
  writer.bytes(packet.source.bytes());
  writer.bytes(packet.destination.bytes());
}

void write_fragment_header(ByteWriter& writer, const IpPacket& packet, std::uint32_t identification,
                           std::size_t offset, bool more) {
  writer.u8(static_cast<std::uint8_t>(packet.protocol));
  writer.u8(0);
  // The upper 13 bits hold the offset in units of 8 octets, so the offset in octets needs no shift.
  writer.u16(static_cast<std::uint16_t>(offset | (more ? more_fragments_v6 : 0U)));
  writer.u32(identification);
}

/// Fills in the checksum of the message that begins at `start`; the field is still 0. \param before
/// the sum of what the checksum covers besides.
void patch_icmp_checksum(ByteWriter& writer, std::size_t start, std::uint32_t before) {
  const std::uint16_t sum = fold(add_sum(writer.written().subspan(start), before));
  writer.patch_u16(start + 2, static_cast<std::uint16_t>(~sum));
}

}  // namespace

Expected<IpPacket, IpError> parse_ip_packet(Bytes octets) {
  if (octets.empty()) return Unexpected(IpError::malformed);
  switch (octets[0] >> 4U) {
    case 4:
      return parse_ipv4(octets);
    case 6:
      return parse_ipv6(octets);
    default:
      return Unexpected(IpError::malformed);
  }
}

Expected<UdpDatagram, IpError> parse_udp(const IpPacket& packet) {
  ByteReader reader(packet.payload);
  const Port source{reader.u16()};
  const Port destination{reader.u16()};
  const std::size_t length = reader.u16();
  const std::uint16_t checksum = reader.u16();
  if (!reader.ok() || length < udp_header_octets || length > packet.payload.size())
    return Unexpected(IpError::malformed);
  const Bytes datagram = packet.payload.first(length);
  if (checksum == 0) {
    // RFC 768: over IPv4 the sender may leave it out.
    if (!packet.source.is_ipv4()) return Unexpected(IpError::checksum);
  } else if (fold(add_sum(datagram, pseudo_header_sum(packet.source, packet.destination,
                                                      IpProtocol::udp, length))) != 0xffff) {
    return Unexpected(IpError::checksum);
  }
  return UdpDatagram{source, destination, datagram.subspan(udp_header_octets)};
}

Expected<IcmpMessage, IpError> parse_icmp(const IpPacket& packet) {
  auto message = parse_socket_icmp(packet.payload);
  if (!message) return message;
  const std::uint32_t before = packet.source.is_ipv4()
                                   ? 0
                                   : pseudo_header_sum(packet.source, packet.destination,
                                                       IpProtocol::icmpv6, packet.payload.size());
  if (fold(add_sum(packet.payload, before)) != 0xffff) return Unexpected(IpError::checksum);
  return message;
}

Expected<IcmpMessage, IpError> parse_socket_icmp(Bytes octets) {
  ByteReader reader(octets);
  IcmpMessage message;
  message.type = reader.u8();
  message.code = reader.u8();
  reader.skip(2);
  if (!reader.ok()) return Unexpected(IpError::malformed);
  message.body = octets.subspan(reader.offset());
  return message;
}

void write_udp(ByteWriter& writer, const Endpoint& source, const Endpoint& destination,
               Bytes payload) {
  const std::size_t start = writer.size();
  const std::size_t length = udp_header_octets + payload.size();
  writer.u16(to_number(source.port));
  writer.u16(to_number(destination.port));
  writer.u16(static_cast<std::uint16_t>(length));
  writer.u16(0);
  writer.bytes(payload);
  const auto sum = static_cast<std::uint16_t>(~fold(
      add_sum(writer.written().subspan(start),
              pseudo_header_sum(source.address, destination.address, IpProtocol::udp, length))));
  // RFC 768: zero says that there is none, so a sum of zero is sent as all ones.
  writer.patch_u16(start + 6, sum == 0 ? std::uint16_t{0xffff} : sum);
}

void write_icmp(ByteWriter& writer, const IpAddress& source, const IpAddress& destination,
                const IcmpMessage& message) {
  const std::size_t start = writer.size();
  write_socket_icmp(writer, source.family(), message);
  if (source.is_ipv4()) return;
  const Bytes written = writer.written().subspan(start);
  patch_icmp_checksum(writer, start,
                      pseudo_header_sum(source, destination, IpProtocol::icmpv6, written.size()));
}

void write_socket_icmp(ByteWriter& writer, Family family, const IcmpMessage& message) {
  const std::size_t start = writer.size();
  writer.u8(message.type);
  writer.u8(message.code);
  writer.u16(0);
  writer.bytes(message.body);
  if (family == Family::ipv4) patch_icmp_checksum(writer, start, 0);
}

void write_ip_packets(const IpPacket& packet, std::uint32_t identification, std::size_t mtu,
                      const std::function<void(Bytes)>& emit) {
  assert(mtu <= max_mtu && packet.payload.size() <= 65535 - ipv4_header_octets);
  const bool is_ipv4 = packet.source.is_ipv4();
  const std::size_t header = is_ipv4 ? ipv4_header_octets : ipv6_header_octets;
  const bool whole = header + packet.payload.size() <= mtu;
  const std::size_t extra = whole || is_ipv4 ? 0 : fragment_header_octets;
  // Every fragment but the last is a multiple of 8 octets long.
  const std::size_t step = whole ? packet.payload.size() : (mtu - header - extra) / 8 * 8;
  std::array<std::uint8_t, max_mtu> buffer;
  std::size_t offset = 0;
  do {
    const Bytes part =
        packet.payload.subspan(offset).first(std::min(step, packet.payload.size() - offset));
    const bool more = offset + part.size() < packet.payload.size();
    ByteWriter writer(buffer);
    if (is_ipv4) {
      write_ipv4_header(writer, packet, part.size(), identification, offset, more);
    } else if (whole) {
      write_ipv6_header(writer, packet, part.size(), static_cast<std::uint8_t>(packet.protocol));
    } else {
      write_ipv6_header(writer, packet, extra + part.size(), fragment);
      write_fragment_header(writer, packet, identification, offset, more);
    }
    writer.bytes(part);
    emit(writer.written());
    offset += part.size();
  } while (offset < packet.payload.size());
}

}  // namespace base
