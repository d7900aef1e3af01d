#include "base/packet_info.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using base::IpAddress;
using base::PacketInfo;

IpAddress address(const std::string& text) {
  const auto parsed = IpAddress::parse(text);
  REQUIRE(parsed);
  return *parsed;
}

/// A datagram's header with one control message, as the kernel writes it.
struct Message {
  alignas(cmsghdr) std::array<unsigned char, 64> octets{};
  msghdr header{};

  template <typename T>
  Message(int level, int type, const T& value) {
    header.msg_control = octets.data();
    header.msg_controllen = CMSG_SPACE(sizeof value);
    cmsghdr* message = CMSG_FIRSTHDR(&header);
    message->cmsg_level = level;
    message->cmsg_type = type;
    message->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(message), &value, sizeof value);
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
};

in_pktinfo info_v4(const std::string& asked, const std::string& own) {
  in_pktinfo info{};
  info.ipi_ifindex = 7;
  std::memcpy(&info.ipi_addr, address(asked).bytes().data(), 4);
  std::memcpy(&info.ipi_spec_dst, address(own).bytes().data(), 4);
  return info;
}

in6_pktinfo info_v6(const std::string& asked) {
  in6_pktinfo info{};
  info.ipi6_ifindex = 7;
  std::memcpy(&info.ipi6_addr, address(asked).bytes().data(), 16);
  return info;
}

/// The only control message of a header, which must be of this kind.
template <typename T>
T written(const msghdr& header, int level, int type) {
  T value{};
  const cmsghdr* message = CMSG_FIRSTHDR(&header);
  REQUIRE(message != nullptr);
  CHECK(message->cmsg_level == level);
  CHECK(message->cmsg_type == type);
  CHECK(message->cmsg_len == CMSG_LEN(sizeof value));
  CHECK(header.msg_controllen == CMSG_SPACE(sizeof value));
  std::memcpy(&value, CMSG_DATA(message), sizeof value);
  return value;
}

template <typename T>
bool is_octets_of(const T& in_network_order, const std::string& text) {
  const IpAddress expected = address(text);
  return std::memcmp(&in_network_order, expected.bytes().data(), sizeof in_network_order) == 0;
}

}  // namespace

TEST_CASE("a reply over IPv4 leaves from the address that was asked, by whatever interface") {
  const Message query(IPPROTO_IP, IP_PKTINFO, info_v4("192.0.2.1", "192.0.2.1"));
  CHECK(PacketInfo::read_asked(query.header) == address("192.0.2.1"));
  PacketInfo info;
  msghdr reply{};
  REQUIRE(info.write_reply_source(query.header, reply));
  const auto source = written<in_pktinfo>(reply, IPPROTO_IP, IP_PKTINFO);
  CHECK(is_octets_of(source.ipi_spec_dst, "192.0.2.1"));
  CHECK(source.ipi_ifindex == 0);
}

TEST_CASE(
    "a reply over IPv6 leaves from the address that was asked, a link-local one by its link") {
  const struct {
    const char* asked;
    unsigned interface;
  } rows[] = {{"2001:db8::1", 0}, {"fd77::1", 0}, {"::1", 0}, {"fe80::1", 7}};
  for (const auto& row : rows) {
    CAPTURE(row.asked);
    const Message query(IPPROTO_IPV6, IPV6_PKTINFO, info_v6(row.asked));
    CHECK(PacketInfo::read_asked(query.header) == address(row.asked));
    PacketInfo info;
    msghdr reply{};
    REQUIRE(info.write_reply_source(query.header, reply));
    const auto source = written<in6_pktinfo>(reply, IPPROTO_IPV6, IPV6_PKTINFO);
    CHECK(is_octets_of(source.ipi6_addr, row.asked));
    CHECK(source.ipi6_ifindex == row.interface);
  }
}

TEST_CASE("the size of segments stands beside the address, in either order") {
  for (const bool is_ipv4 : {true, false}) {
    CAPTURE(is_ipv4);
    const std::string local = is_ipv4 ? "192.0.2.1" : "2001:db8::1";
    base::SegmentedPacketInfo info;
    msghdr header{};
    info.write_source(header, address(local));
    CHECK(!base::SegmentedPacketInfo::read_segment(header));
    info.write_segment(header, 1452);
    const cmsghdr* first = CMSG_FIRSTHDR(&header);
    cmsghdr* second = CMSG_NXTHDR(&header, const_cast<cmsghdr*>(first));
    REQUIRE(second != nullptr);
    CHECK(first->cmsg_type == (is_ipv4 ? IP_PKTINFO : IPV6_PKTINFO));
    CHECK(second->cmsg_level == SOL_UDP);
    CHECK(second->cmsg_type == UDP_SEGMENT);
    CHECK(second->cmsg_len == CMSG_LEN(sizeof(std::uint16_t)));
    CHECK(CMSG_NXTHDR(&header, second) == nullptr);
  }
  base::SegmentedPacketInfo alone;
  msghdr header{};
  alone.write_source(header, address("0.0.0.0"));
  alone.write_segment(header, 64);
  REQUIRE(CMSG_FIRSTHDR(&header) != nullptr);
  CHECK(CMSG_FIRSTHDR(&header)->cmsg_type == UDP_SEGMENT);

  // The kernel writes the size first.
  const Message size(SOL_UDP, UDP_GRO, int{1452});
  CHECK(base::SegmentedPacketInfo::read_segment(size.header) == 1452);
  CHECK(!PacketInfo::read_asked(size.header));
  const Message both(SOL_UDP, UDP_GRO, int{1452});
  msghdr received = both.header;
  received.msg_controllen += CMSG_SPACE(sizeof(in_pktinfo));
  cmsghdr* behind = CMSG_NXTHDR(&received, CMSG_FIRSTHDR(&received));
  REQUIRE(behind != nullptr);
  const in_pktinfo asked = info_v4("192.0.2.1", "192.0.2.1");
  behind->cmsg_level = IPPROTO_IP;
  behind->cmsg_type = IP_PKTINFO;
  behind->cmsg_len = CMSG_LEN(sizeof asked);
  std::memcpy(CMSG_DATA(behind), &asked, sizeof asked);
  CHECK(PacketInfo::read_asked(received) == address("192.0.2.1"));
  CHECK(base::SegmentedPacketInfo::read_segment(received) == 1452);
  for (const int wrong : {0, -1})
    CHECK(!base::SegmentedPacketInfo::read_segment(Message(SOL_UDP, UDP_GRO, wrong).header));
}

TEST_CASE("what was sent to more than this host has no asked address and gets no reply") {
  const Message broadcast(IPPROTO_IP, IP_PKTINFO, info_v4("192.0.2.255", "192.0.2.1"));
  const Message multicast(IPPROTO_IPV6, IPV6_PKTINFO, info_v6("ff02::1"));
  const Message other(SOL_SOCKET, SCM_RIGHTS, int{0});
  Message cut(IPPROTO_IP, IP_PKTINFO, info_v4("192.0.2.1", "192.0.2.1"));
  cut.header.msg_flags = MSG_CTRUNC;
  for (const Message* query : {&broadcast, &multicast, &other, static_cast<const Message*>(&cut)}) {
    CHECK(!PacketInfo::read_asked(query->header));
    PacketInfo info;
    msghdr reply{};
    CHECK(!info.write_reply_source(query->header, reply));
    CHECK(reply.msg_control == nullptr);
  }
}

TEST_CASE("without a message the address is not known, and a reply needs none") {
  const msghdr query{};
  CHECK(!PacketInfo::read_asked(query));
  PacketInfo info;
  msghdr reply{};
  CHECK(info.write_reply_source(query, reply));
  CHECK(reply.msg_control == nullptr);
}

TEST_CASE("a datagram leaves from the address that is written, and from any where none is") {
  PacketInfo info;
  msghdr header{};
  info.write_source(header, address("2001:db8::1"));
  CHECK(is_octets_of(written<in6_pktinfo>(header, IPPROTO_IPV6, IPV6_PKTINFO).ipi6_addr,
                     "2001:db8::1"));
  info.write_source(header, address("192.0.2.1"));
  CHECK(
      is_octets_of(written<in_pktinfo>(header, IPPROTO_IP, IP_PKTINFO).ipi_spec_dst, "192.0.2.1"));
  for (const char* any : {"0.0.0.0", "::"}) {
    msghdr untouched{};
    info.write_source(untouched, address(any));
    CHECK(untouched.msg_control == nullptr);
  }
}
