#pragma once

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

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
  friend class SegmentedPacketInfo;
  using Room = std::span<unsigned char>;
  static void write_source(msghdr& to_send, const IpAddress& local, Room room);

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
  /// nullptr: it was the last one.
  [[nodiscard]] static const cmsghdr* next(const msghdr& received, const cmsghdr& message) {
    msghdr header = received;  // CMSG_NXTHDR takes both as mutable, and changes nothing
    return CMSG_NXTHDR(&header, const_cast<cmsghdr*>(&message));
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
  /// Makes `header` carry this one message, in `room`.
  template <typename T>
  static void write(msghdr& header, int level, int type, const T& value, Room room) {
    header.msg_controllen = 0;
    append(header, level, type, value, room);
  }
  /// The same, behind the message that may be there.
  template <typename T>
  static void append(msghdr& header, int level, int type, const T& value, Room room) {
    const std::size_t before = header.msg_controllen;
    std::memset(room.data() + before, 0, CMSG_SPACE(sizeof value));
    header.msg_control = room.data();
    header.msg_controllen = before + CMSG_SPACE(sizeof value);
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    if (before > 0) message = CMSG_NXTHDR(&header, message);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(message), &value, sizeof value);
  }

  // Aligned as cmsg(3) wants it.
  alignas(cmsghdr) std::array<unsigned char, CMSG_SPACE(sizeof(in6_pktinfo))> octets_{};
};

/// The same with room for the size of segments, by which many UDP datagrams of one size pass
/// through the kernel as one: UDP_GRO on receipt, UDP_SEGMENT to send (udp(7)).
class SegmentedPacketInfo {
 public:
  /// As PacketInfo::read_asked().
  [[nodiscard]] static std::optional<IpAddress> read_asked(const msghdr& received) {
    return PacketInfo::read_asked(received);
  }
  /// The size of each datagram but the last of what was received. \return nullopt: it is one.
  [[nodiscard]] static std::optional<std::size_t> read_segment(const msghdr& received);

  /// As PacketInfo::write_source(). \param to_send without control messages
  void write_source(msghdr& to_send, const IpAddress& local) {
    PacketInfo::write_source(to_send, local, octets_);
  }
  /// Makes the kernel cut what is sent into datagrams of this size. After write_source().
  void write_segment(msghdr& to_send, std::uint16_t size) {
    PacketInfo::append(to_send, SOL_UDP, UDP_SEGMENT, size, octets_);
  }

 private:
  alignas(cmsghdr)
      std::array<unsigned char, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int))> octets_;
};

inline std::optional<IpAddress> PacketInfo::read_asked(const msghdr& received) {
  if ((received.msg_flags & MSG_CTRUNC) != 0) return std::nullopt;
  for (const cmsghdr* message = CMSG_FIRSTHDR(&received); message != nullptr;
       message = next(received, *message)) {
    if (is_ipv4(*message)) {
      const auto asked = read<in_pktinfo>(*message);
      if (is_for_us_alone(asked)) return to_address<4>(asked.ipi_addr);
    } else if (is_ipv6(*message)) {
      const auto asked = read<in6_pktinfo>(*message);
      if (is_for_us_alone(asked)) return to_address<16>(asked.ipi6_addr);
    }
  }
  return std::nullopt;
}

inline std::optional<std::size_t> SegmentedPacketInfo::read_segment(const msghdr& received) {
  for (const cmsghdr* message = CMSG_FIRSTHDR(&received); message != nullptr;
       message = PacketInfo::next(received, *message)) {
    if (message->cmsg_level != SOL_UDP || message->cmsg_type != UDP_GRO) continue;
    const int size = PacketInfo::read<int>(*message);
    if (size > 0) return static_cast<std::size_t>(size);
  }
  return std::nullopt;
}

inline void PacketInfo::write_source(msghdr& to_send, const IpAddress& local) {
  write_source(to_send, local, octets_);
}

inline void PacketInfo::write_source(msghdr& to_send, const IpAddress& local, Room room) {
  if (local.is_unspecified()) return;
  const Bytes octets = local.bytes();
  if (local.is_ipv4()) {
    in_pktinfo source{};
    std::memcpy(&source.ipi_spec_dst, octets.data(), octets.size());
    write(to_send, IPPROTO_IP, IP_PKTINFO, source, room);
  } else {
    in6_pktinfo source{};
    std::memcpy(&source.ipi6_addr, octets.data(), octets.size());
    write(to_send, IPPROTO_IPV6, IPV6_PKTINFO, source, room);
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
    write(reply, IPPROTO_IP, IP_PKTINFO, source, octets_);
    return true;
  }
  if (is_ipv6(*message)) {
    auto asked = read<in6_pktinfo>(*message);
    if (!is_for_us_alone(asked)) return false;
    // A link-local address means nothing without its interface. Elsewhere the route decides: a
    // reply may rightly leave by another interface than the query came in by.
    if (!IN6_IS_ADDR_LINKLOCAL(&asked.ipi6_addr)) asked.ipi6_ifindex = 0;
    write(reply, IPPROTO_IPV6, IPV6_PKTINFO, asked, octets_);
    return true;
  }
  return false;
}

}  // namespace base
