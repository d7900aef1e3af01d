#include "base/ip_packet.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using base::IpError;
using base::IpPacket;
using base::IpProtocol;
using Octets = std::vector<std::uint8_t>;

base::IpAddress address(const char* text) {
  return *base::IpAddress::parse(text);
}

struct Family {
  const char* name;
  base::IpAddress here;
  base::IpAddress there;
  std::size_t header;
  IpProtocol icmp;
};
const std::vector<Family> families = {
    {"IPv4", address("10.0.0.254"), address("10.0.0.1"), 20, IpProtocol::icmp},
    {"IPv6", address("fd00::fe"), address("fd00::1"), 40, IpProtocol::icmpv6}};

Octets counting(std::size_t size) {
  Octets octets(size);
  std::iota(octets.begin(), octets.end(), std::uint8_t{1});
  return octets;
}

std::vector<Octets> write_packets(const IpPacket& packet, std::size_t mtu) {
  std::vector<Octets> packets;
  base::write_ip_packets(packet, 0x12345, mtu, [&](base::Bytes octets) {
    packets.emplace_back(octets.begin(), octets.end());
  });
  return packets;
}

Octets udp_segment(const Family& family, std::size_t size) {
  Octets buffer(8 + size);
  base::ByteWriter writer(buffer);
  base::write_udp(writer, {family.there, base::Port{4000}}, {family.here, base::Port{53}},
                  counting(size));
  REQUIRE(writer.size() == buffer.size());
  return buffer;
}

Octets udp_packet(const Family& family, std::size_t size) {
  const Octets segment = udp_segment(family, size);
  return write_packets({family.there, family.here, IpProtocol::udp, segment}, 1420).at(0);
}

/// The error of a packet, as IP or as UDP.
std::optional<IpError> error_of(const Octets& octets) {
  const auto packet = base::parse_ip_packet(octets);
  if (!packet) return packet.error();
  const auto datagram = base::parse_udp(*packet);
  if (!datagram) return datagram.error();
  return std::nullopt;
}

std::uint16_t u16(const Octets& octets, std::size_t at) {
  return static_cast<std::uint16_t>((octets.at(at) << 8U) | octets.at(at + 1));
}

/// Corrects the sum of the IPv4 header.
void fix_ipv4(Octets& octets) {
  const std::size_t header = std::size_t{octets.at(0) & 0x0fU} * 4;
  octets.at(10) = octets.at(11) = 0;
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < header; i += 2) sum += u16(octets, i);
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = ~((sum & 0xffffU) + (sum >> 16U));
  octets.at(10) = static_cast<std::uint8_t>(sum >> 8U);
  octets.at(11) = static_cast<std::uint8_t>(sum);
}

}  // namespace

TEST_CASE("a packet whose sums were calculated elsewhere") {
  // 10.0.0.1 port 40000 sends `hello` to port 53 of 10.0.0.254.
  const Octets udp = {0x45, 0x00, 0x00, 0x21, 0xab, 0xcd, 0x40, 0x00, 0x40, 0x11, 0x7a,
                      0x00, 0x0a, 0x00, 0x00, 0x01, 0x0a, 0x00, 0x00, 0xfe, 0x9c, 0x40,
                      0x00, 0x35, 0x00, 0x0d, 0x0a, 0x8e, 'h',  'e',  'l',  'l',  'o'};
  const auto packet = base::parse_ip_packet(udp);
  REQUIRE(packet);
  CHECK(packet->source == address("10.0.0.1"));
  CHECK(packet->destination == address("10.0.0.254"));
  CHECK(packet->protocol == IpProtocol::udp);
  const auto datagram = base::parse_udp(*packet);
  REQUIRE(datagram);
  CHECK(base::to_number(datagram->source) == 40000);
  CHECK(base::to_number(datagram->destination) == 53);
  CHECK(base::as_text(datagram->payload) == "hello");
}

TEST_CASE("what is written is read again, with and without padding") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, std::size_t{12}, std::size_t{1371}}) {
      CAPTURE(size);
      Octets octets = udp_packet(family, size);
      CHECK(octets.size() == family.header + 8 + size);
      for (const std::size_t padding : {std::size_t{0}, std::size_t{15}}) {
        octets.resize(octets.size() + padding, 0xee);
        const auto packet = base::parse_ip_packet(octets);
        REQUIRE(packet);
        CHECK(packet->source == family.there);
        CHECK(packet->destination == family.here);
        const auto datagram = base::parse_udp(*packet);
        REQUIRE(datagram);
        CHECK(Octets(datagram->payload.begin(), datagram->payload.end()) == counting(size));
      }
    }
  }
}

TEST_CASE(
    "a packet that is cut short anywhere is malformed, and one with any wrong bit is refused") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    const Octets whole = udp_packet(family, 13);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CAPTURE(size);
      CHECK(error_of(Octets(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))) ==
            IpError::malformed);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      // IPv6 has no header sum: traffic class, flow label and hop limit are not protected.
      if (family.header == 40 && (at == 1 || at == 2 || at == 3 || at == 7)) continue;
      if (family.header == 40 && at == 6) continue;  // another protocol: not UDP any more
      for (unsigned bit = 0; bit < 8; ++bit) {
        if (family.header == 40 && at == 0 && bit < 4) continue;
        CAPTURE(at);
        CAPTURE(bit);
        Octets wrong = whole;
        wrong[at] = static_cast<std::uint8_t>(wrong[at] ^ (1U << bit));
        CHECK(error_of(wrong).has_value());
      }
    }
  }
}

TEST_CASE("what is not served is told apart") {
  const Octets v4 = udp_packet(families[0], 13);
  const Octets v6 = udp_packet(families[1], 13);
  struct Row {
    const char* name;
    Octets octets;
    std::optional<IpError> expected;
  };
  const auto changed = [](Octets octets, std::initializer_list<std::pair<std::size_t, int>> at) {
    for (const auto& [where, value] : at) octets.at(where) = static_cast<std::uint8_t>(value);
    if (octets[0] >> 4U == 4) fix_ipv4(octets);
    return octets;
  };
  Octets with_options = v4;
  with_options.insert(with_options.begin() + 20, {1, 1, 1, 0});
  with_options[0] = 0x46;
  with_options[3] = static_cast<std::uint8_t>(with_options.size());
  fix_ipv4(with_options);
  const std::vector<Row> rows = {
      {"nothing changed", v4, std::nullopt},
      {"DF", changed(v4, {{6, 0x40}}), std::nullopt},
      {"no checksum over IPv4", changed(v4, {{26, 0}, {27, 0}}), std::nullopt},
      {"no checksum over IPv6", changed(v6, {{46, 0}, {47, 0}}), IpError::checksum},
      {"more fragments follow", changed(v4, {{6, 0x20}}), IpError::fragment},
      {"a last fragment", changed(v4, {{7, 1}}), IpError::fragment},
      {"IPv6 fragment, atomic or not", changed(v6, {{6, 44}}), IpError::fragment},
      {"IPv4 options", with_options, IpError::options},
      {"hop-by-hop options", changed(v6, {{6, 0}}), IpError::options},
      {"routing header", changed(v6, {{6, 43}}), IpError::options},
      {"destination options", changed(v6, {{6, 60}}), IpError::options},
      {"version 5", changed(v4, {{0, 0x55}}), IpError::malformed},
      {"header shorter than it can be", changed(v4, {{0, 0x44}}), IpError::malformed},
      {"header longer than the packet", changed(v4, {{3, 19}}), IpError::malformed},
      {"longer than what came", changed(v4, {{3, 42}}), IpError::malformed},
      {"jumbogram", changed(v6, {{4, 0}, {5, 0}}), IpError::malformed},
      {"UDP shorter than its header", changed(v4, {{25, 7}, {26, 0}, {27, 0}}), IpError::malformed},
      {"UDP longer than the packet", changed(v4, {{25, 22}, {26, 0}, {27, 0}}), IpError::malformed},
      {"octets behind UDP's length do not count", changed(v4, {{25, 20}, {26, 0}, {27, 0}}),
       std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(error_of(row.octets) == row.expected);
  }
}

TEST_CASE("a sum of zero is sent as all ones, which means that there is one") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    bool seen = false;
    for (unsigned value = 0; value <= 0xffff && !seen; ++value) {
      const Octets payload = {static_cast<std::uint8_t>(value >> 8U),
                              static_cast<std::uint8_t>(value)};
      Octets buffer(10);
      base::ByteWriter writer(buffer);
      base::write_udp(writer, {family.there, base::Port{1}}, {family.here, base::Port{2}}, payload);
      REQUIRE(u16(buffer, 6) != 0);
      seen = u16(buffer, 6) == 0xffff;
      if (!seen) continue;
      CHECK(base::parse_udp({family.there, family.here, IpProtocol::udp, buffer}));
    }
    CHECK(seen);
  }
}

TEST_CASE("ICMP messages have their family's checksum") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    Octets buffer(64);
    base::ByteWriter writer(buffer);
    const Octets body = counting(13);
    base::write_icmp(writer, family.there, family.here, {8, 0, body});
    const IpPacket packet{family.there, family.here, family.icmp, writer.written()};
    const auto message = base::parse_icmp(packet);
    REQUIRE(message);
    CHECK(message->type == 8);
    CHECK(Octets(message->body.begin(), message->body.end()) == body);
    for (std::size_t size = 0; size < writer.size(); ++size) {
      CAPTURE(size);
      const auto cut = base::parse_icmp(
          {family.there, family.here, family.icmp, base::Bytes(buffer).first(size)});
      REQUIRE(!cut);
      CHECK(cut.error() == (size < 4 ? IpError::malformed : IpError::checksum));
    }
  }
}

TEST_CASE("of an ICMP socket's message the kernel makes and checks what covers the addresses") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    Octets buffer(64);
    base::ByteWriter writer(buffer);
    const Octets body = counting(13);
    base::write_socket_icmp(writer, family.here.family(), {8, 0, body});
    const IpPacket packet{family.there, family.here, family.icmp, writer.written()};
    CHECK(base::parse_icmp(packet).has_value() == family.here.is_ipv4());
    CHECK((u16(buffer, 2) == 0) == !family.here.is_ipv4());
    buffer[2] ^= 0xffU;  // the checksum
    const auto message = base::parse_socket_icmp(writer.written());
    REQUIRE(message);
    CHECK(message->type == 8);
    CHECK(Octets(message->body.begin(), message->body.end()) == body);
    for (std::size_t size = 0; size < 4; ++size)
      CHECK(!base::parse_socket_icmp(base::Bytes(buffer).first(size)));
  }
}

TEST_CASE("what is longer than the MTU leaves in fragments that fit together again") {
  for (const Family& family : families) {
    CAPTURE(family.name);
    const bool is_ipv4 = family.header == 20;
    for (const std::size_t mtu : {std::size_t{576}, std::size_t{1420}}) {
      for (const std::size_t size : {mtu - family.header - 8, mtu - family.header - 7,
                                     std::size_t{4096}, std::size_t{16384}}) {
        CAPTURE(mtu);
        CAPTURE(size);
        const Octets segment = udp_segment(family, size);
        const auto packets =
            write_packets({family.there, family.here, IpProtocol::udp, segment}, mtu);
        CHECK((packets.size() == 1) == (family.header + segment.size() <= mtu));
        Octets together;
        for (const Octets& packet : packets) {
          CHECK(packet.size() <= mtu);
          const bool last = &packet == &packets.back();
          std::size_t start = family.header;
          if (is_ipv4) {
            CHECK(u16(packet, 2) == packet.size());
            CHECK(u16(packet, 4) == 0x2345);
            CHECK(u16(packet, 6) == ((last ? 0U : 0x2000U) | (together.size() / 8)));
            Octets again = packet;
            fix_ipv4(again);
            CHECK(again == packet);
          } else {
            CHECK(u16(packet, 4) == packet.size() - 40);
            CHECK(packet[6] == (packets.size() == 1 ? 17 : 44));
            if (packets.size() > 1) {
              start += 8;
              CHECK(packet[40] == 17);
              CHECK(u16(packet, 42) == (together.size() | (last ? 0U : 1U)));
              CHECK(u16(packet, 46) == 0x2345);
            }
          }
          CHECK((last || (packet.size() - start) % 8 == 0));
          together.insert(together.end(), packet.begin() + static_cast<std::ptrdiff_t>(start),
                          packet.end());
        }
        CHECK(together == segment);
      }
    }
  }
}
