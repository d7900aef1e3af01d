#pragma once

#include <cstdint>
#include <functional>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/expected.hpp"

/// Whole IPv4 and IPv6 packets as they come out of a tunnel and go into one: reading with every
/// length and checksum checked, writing with fragments. Pure; no options, no reassembly.
namespace base {

/// RFC 790 and the registry, as far as it is needed here.
enum class IpProtocol : std::uint8_t { icmp = 1, udp = 17, icmpv6 = 58 };

struct IpPacket {
  IpAddress source;
  IpAddress destination;
  IpProtocol protocol{};  ///< any value
  Bytes payload;          ///< behind the header, borrowed; nothing behind the packet's own length
};

enum class IpError : std::uint8_t {
  malformed,  ///< not IP, cut short, or lengths that contradict each other
  options,    ///< IPv4 options, IPv6 extension headers: no client of ours needs them
  fragment,   ///< one part of a packet; fragments are sent, but not reassembled
  checksum,   ///< wrong, or missing where IPv6 demands one (RFC 8200 §8.1)
};

/// \param octets one packet, perhaps with padding behind it.
[[nodiscard]] Expected<IpPacket, IpError> parse_ip_packet(Bytes octets);

struct UdpDatagram {
  Port source{};       ///< may be 0
  Port destination{};  ///< may be 0
  Bytes payload;       ///< borrowed
};

/// \param packet of protocol udp.
[[nodiscard]] Expected<UdpDatagram, IpError> parse_udp(const IpPacket& packet);

struct IcmpMessage {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  Bytes body;  ///< behind the checksum, borrowed
};

/// \param packet of protocol icmp (RFC 792) in IPv4 or icmpv6 (RFC 4443) in IPv6.
[[nodiscard]] Expected<IcmpMessage, IpError> parse_icmp(const IpPacket& packet);
/// A message that came from an ICMP socket: the kernel has checked its checksum.
/// \param octets without an IP header.
[[nodiscard]] Expected<IcmpMessage, IpError> parse_socket_icmp(Bytes octets);

/// Header and payload, with the checksum. \param source, destination of one family.
void write_udp(ByteWriter& writer, const Endpoint& source, const Endpoint& destination,
               Bytes payload);
void write_icmp(ByteWriter& writer, const IpAddress& source, const IpAddress& destination,
                const IcmpMessage& message);
/// The same for an ICMP socket. In IPv6 the checksum stays 0: it covers the addresses, so the
/// kernel makes it.
void write_socket_icmp(ByteWriter& writer, Family family, const IcmpMessage& message);

/// The longest packet that write_ip_packets() makes.
inline constexpr std::size_t max_mtu = 1500;

/// Puts IP headers before a payload, in as many fragments as `mtu` asks for (RFC 791 §3.2, RFC 8200
/// §4.5), and hands each packet out, in order. \param packet source and destination of one family;
/// payload up to 65 515 octets. \param identification tells this packet's fragments from those of
/// others that are on their way. \param mtu 68 to max_mtu, the longest packet to make.
void write_ip_packets(const IpPacket& packet, std::uint32_t identification, std::size_t mtu,
                      const std::function<void(Bytes)>& emit);

}  // namespace base
