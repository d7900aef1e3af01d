#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "base/ip_address.hpp"

namespace base {

/// Room for one control message of a datagram: IP_PKTINFO of ip(7) or IPV6_PKTINFO of ipv6(7). It
/// tells which address of this host a datagram was sent to, and from which one a datagram leaves.
/// Receivers point msg_control at an object of it. Inline, because each query passes here.
class PacketInfo {
 public:
  /// The address of this host that a received datagram was sent to.
  /// \return nullopt: not to this host alone (broadcast, multicast), or the message is missing.
  [[nodiscard]] static std::optional<IpAddress> read_asked(const msghdr& received);

  /// Makes a datagram leave from `local`. Unspecified: the route decides, and nothing is written.
  void write_source(msghdr& to_send, const IpAddress& local);

  /// Makes a reply leave from the address that the query was sent to. A socket that is bound to one
  /// address gets no such message with its queries, and needs none for its replies.
  /// \return false: the query was not sent to this host alone, and gets no reply.
  [[nodiscard]] bool write_reply_source(const msghdr& query, msghdr& reply);

 private:
  [[nodiscard]] static bool is_ipv4(const cmsghdr& message) {
    return message.cmsg_level == IPPROTO_IP && message.cmsg_type == IP_PKTINFO;
  }
  [[nodiscard]] static bool is_ipv6(const cmsghdr& message) {
    return message.cmsg_level == IPPROTO_IPV6 && message.cmsg_type == IPV6_PKTINFO;
  }
  /// ipi_spec_dst is this host's own address. If the datagram went to another one, it was a
  /// broadcast.
  [[nodiscard]] static bool is_for_us_alone(const in_pktinfo& asked) {
    return asked.ipi_addr.s_addr == asked.ipi_spec_dst.s_addr;
  }
  [[nodiscard]] static bool is_for_us_alone(const in6_pktinfo& asked) {
    return !IN6_IS_ADDR_MULTICAST(&asked.ipi6_addr);
  }
  template <typename T>
  [[nodiscard]] static T read(const cmsghdr& message) {
    T value{};
    std::memcpy(&value, CMSG_DATA(&message), sizeof value);
    return value;
  }
  template <std::size_t size, typename T>
  [[nodiscard]] static IpAddress to_address(const T& in_network_order) {
    std::array<std::uint8_t, size> octets{};
    std::memcpy(octets.data(), &in_network_order, size);
    return IpAddress(octets);
  }
  /// Makes `header` carry this one message.
  template <typename T>
  void write(msghdr& header, int level, int type, const T& value) {
    octets_ = {};
    header.msg_control = this;
    header.msg_controllen = CMSG_SPACE(sizeof value);
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(message), &value, sizeof value);
  }

  // Aligned as cmsg(3) wants it.
  alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof(in6_pktinfo))> octets_{};
};

inline std::optional<IpAddress> PacketInfo::read_asked(const msghdr& received) {
  const cmsghdr* message = CMSG_FIRSTHDR(&received);
  if (message == nullptr || (received.msg_flags & MSG_CTRUNC) != 0) return std::nullopt;
  if (is_ipv4(*message)) {
    const auto asked = read<in_pktinfo>(*message);
    if (is_for_us_alone(asked)) return to_address<4>(asked.ipi_addr);
  } else if (is_ipv6(*message)) {
    const auto asked = read<in6_pktinfo>(*message);
    if (is_for_us_alone(asked)) return to_address<16>(asked.ipi6_addr);
  }
  return std::nullopt;
}

inline void PacketInfo::write_source(msghdr& to_send, const IpAddress& local) {
  if (local.is_unspecified()) return;
  const Bytes octets = local.bytes();
  if (local.is_ipv4()) {
    in_pktinfo source{};
    std::memcpy(&source.ipi_spec_dst, octets.data(), octets.size());
    write(to_send, IPPROTO_IP, IP_PKTINFO, source);
  } else {
    in6_pktinfo source{};
    std::memcpy(&source.ipi6_addr, octets.data(), octets.size());
    write(to_send, IPPROTO_IPV6, IPV6_PKTINFO, source);
  }
}

inline bool PacketInfo::write_reply_source(const msghdr& query, msghdr& reply) {
  const cmsghdr* message = CMSG_FIRSTHDR(&query);
  if ((query.msg_flags & MSG_CTRUNC) != 0) return false;
  if (message == nullptr) return true;
  if (is_ipv4(*message)) {
    const auto asked = read<in_pktinfo>(*message);
    if (!is_for_us_alone(asked)) return false;
    in_pktinfo source{};
    source.ipi_spec_dst = asked.ipi_addr;
    write(reply, IPPROTO_IP, IP_PKTINFO, source);
    return true;
  }
  if (is_ipv6(*message)) {
    auto asked = read<in6_pktinfo>(*message);
    if (!is_for_us_alone(asked)) return false;
    // A link-local address means nothing without its interface. Elsewhere the route decides: a
    // reply may rightly leave by another interface than the query came in by.
    if (!IN6_IS_ADDR_LINKLOCAL(&asked.ipi6_addr)) asked.ipi6_ifindex = 0;
    write(reply, IPPROTO_IPV6, IPV6_PKTINFO, asked);
    return true;
  }
  return false;
}

}  // namespace base
