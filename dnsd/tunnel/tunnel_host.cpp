#include "dnsd/tunnel/tunnel_host.hpp"

#include <algorithm>

#include "base/ip_packet.hpp"
#include "dns/header.hpp"
#include "dns/server_address.hpp"

namespace dnsd {
namespace {

constexpr std::size_t udp_header_octets = 8;
constexpr std::size_t icmp_header_octets = 4;

// RFC 792; RFC 4443 §4.1, §4.2.
constexpr std::uint8_t echo_request_v4 = 8;
constexpr std::uint8_t echo_reply_v4 = 0;
constexpr std::uint8_t echo_request_v6 = 128;
constexpr std::uint8_t echo_reply_v6 = 129;

InnerDrop drop_of(base::IpError error) {
  switch (error) {
    case base::IpError::malformed:
      return InnerDrop::malformed;
    case base::IpError::options:
      return InnerDrop::options;
    case base::IpError::fragment:
      return InnerDrop::fragment;
    case base::IpError::checksum:
      break;
  }
  return InnerDrop::checksum;
}

bool is_multicast(const base::IpAddress& address) {
  const std::uint8_t first = address.bytes()[0];
  return address.is_ipv4() ? first >= 224 : first == 0xff;
}

/// Cryptokey routing (WireGuard paper §2): the peer may send from this address. And it can be
/// replied to.
bool may_be_source(const base::IpAddress& source, const InnerPacket& packet) {
  if (source.is_unspecified() || is_multicast(source)) return false;
  return std::any_of(packet.allowed_ips.begin(), packet.allowed_ips.end(),
                     [&](const base::Prefix& prefix) { return prefix.contains(source); });
}

bool is_tunnel_address(const base::IpAddress& address, const InnerPacket& packet) {
  return std::find(packet.tunnel_addresses.begin(), packet.tunnel_addresses.end(), address) !=
         packet.tunnel_addresses.end();
}

bool is_update(base::Bytes message) {
  return message.size() >= dns::header_octets &&
         ((message[2] >> 3U) & dns::opcode_mask) == static_cast<unsigned>(dns::Opcode::update);
}

void count(std::atomic<std::uint64_t>& counter) {
  counter.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::string_view to_string(InnerDrop reason) {
  static constexpr std::array<std::string_view, inner_drop_count> words = {
      "malformed",   "options",  "fragment", "checksum", "source",
      "destination", "protocol", "port",     "icmp",     "query"};
  return words.at(static_cast<std::size_t>(reason));
}

void TunnelHost::receive(const InnerPacket& packet, const SendInner& send) {
  count(counters_.packets);
  if (const auto reason = answer(packet, send))
    count(counters_.dropped.at(static_cast<std::size_t>(*reason)));
}

std::optional<InnerDrop> TunnelHost::answer(const InnerPacket& packet, const SendInner& send) {
  const auto ip = base::parse_ip_packet(packet.octets);
  if (!ip) return drop_of(ip.error());
  if (!may_be_source(ip->source, packet) || is_tunnel_address(ip->source, packet))
    return InnerDrop::source;
  if (!is_tunnel_address(ip->destination, packet)) return InnerDrop::destination;
  if (ip->protocol == base::IpProtocol::udp) return answer_udp(*ip, packet, send);
  const auto icmp = ip->source.is_ipv4() ? base::IpProtocol::icmp : base::IpProtocol::icmpv6;
  return ip->protocol == icmp ? answer_echo(*ip, send) : InnerDrop::protocol;
}

std::optional<InnerDrop> TunnelHost::answer_udp(const base::IpPacket& ip, const InnerPacket& packet,
                                                const SendInner& send) {
  const auto datagram = base::parse_udp(ip);
  if (!datagram) return drop_of(datagram.error());
  if (datagram->destination != dns::dns_port || base::to_number(datagram->source) == 0)
    return InnerDrop::port;
  const bool update = is_update(datagram->payload);
  std::array<std::uint8_t, max_reply_octets> message;
  const std::size_t size = update ? updates_.respond(datagram->payload, {packet.peer, packet.relay},
                                                     packet.now.steady, message)
                                  : responder_.respond(datagram->payload,
                                                       {.view = View::private_view,
                                                        .transport = dns::Transport::udp,
                                                        .max_udp_octets = max_reply_octets,
                                                        .is_rate_limited = false},
                                                       {ip.source, packet.now}, message);
  if (size == 0) return InnerDrop::query;
  count(update ? counters_.updates : counters_.queries);

  std::array<std::uint8_t, udp_header_octets + max_reply_octets> buffer;
  base::ByteWriter writer(buffer);
  base::write_udp(writer, {ip.destination, dns::dns_port}, {ip.source, datagram->source},
                  base::Bytes(message).first(size));
  reply(ip, writer.written(), send);
  return std::nullopt;
}

std::optional<InnerDrop> TunnelHost::answer_echo(const base::IpPacket& ip, const SendInner& send) {
  auto message = base::parse_icmp(ip);
  if (!message) return drop_of(message.error());
  const bool is_ipv4 = ip.source.is_ipv4();
  std::array<std::uint8_t, max_reply_octets> buffer;
  if (message->type != (is_ipv4 ? echo_request_v4 : echo_request_v6) || message->code != 0 ||
      message->body.size() > buffer.size() - icmp_header_octets)
    return InnerDrop::icmp;
  message->type = is_ipv4 ? echo_reply_v4 : echo_reply_v6;
  base::ByteWriter writer(buffer);
  base::write_icmp(writer, ip.destination, ip.source, *message);
  count(counters_.echoes);
  reply(ip, writer.written(), send);
  return std::nullopt;
}

void TunnelHost::reply(const base::IpPacket& to, base::Bytes payload, const SendInner& send) {
  base::write_ip_packets({to.destination, to.source, to.protocol, payload},
                         identification_.fetch_add(1, std::memory_order_relaxed), inner_mtu, send);
}

}  // namespace dnsd
