#include "wg/netlink_codec.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/lib/wg/sample_key.hpp"

namespace {

using wg_test::public_key;
using Octets = std::vector<std::uint8_t>;

Octets operator+(Octets a, const Octets& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// The octets of a value in the byte order of this machine.
template <typename T>
Octets raw(const T& value) {
  Octets octets(sizeof value);
  std::memcpy(octets.data(), &value, sizeof value);
  return octets;
}

Octets text(std::string_view value) {
  Octets octets(value.begin(), value.end());
  octets.push_back(0);
  return octets;
}

Octets attribute(unsigned type, const Octets& value) {
  Octets octets = raw(static_cast<std::uint16_t>(value.size() + 4)) +
                  raw(static_cast<std::uint16_t>(type)) + value;
  octets.resize((octets.size() + 3) / 4 * 4);
  return octets;
}

Octets nest(unsigned type, const Octets& value) {
  return attribute(type | NLA_F_NESTED, value);
}

Octets message(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence,
               const Octets& payload) {
  return raw(nlmsghdr{static_cast<std::uint32_t>(16 + payload.size()), type, flags, sequence, 0}) +
         payload;
}

const Octets generic_header = raw(genlmsghdr{0, 1, 0});

Octets key(std::uint8_t first) {
  Octets octets(32, 7);
  octets[0] = first;
  return octets;
}

Octets endpoint4(std::string_view address, std::uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  REQUIRE(inet_pton(AF_INET, std::string(address).c_str(), &v4.sin_addr) == 1);
  return raw(v4);
}

Octets endpoint6(std::string_view address, std::uint16_t port) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_scope_id = 3;
  REQUIRE(inet_pton(AF_INET6, std::string(address).c_str(), &v6.sin6_addr) == 1);
  return raw(v6);
}

Octets allowed_ip(const Octets& address, std::uint8_t length) {
  const auto family = static_cast<std::uint16_t>(address.size() == 4 ? AF_INET : AF_INET6);
  return nest(0, attribute(WGALLOWEDIP_A_CIDR_MASK, raw(length)) +
                     attribute(WGALLOWEDIP_A_FAMILY, raw(family)) +
                     attribute(WGALLOWEDIP_A_IPADDR, address));
}

Octets handshake(std::int64_t seconds, std::int64_t nanoseconds) {
  return attribute(WGPEER_A_LAST_HANDSHAKE_TIME, raw(seconds) + raw(nanoseconds));
}

/// A dump's payload that holds one peer with these attributes.
Octets peer_payload(const Octets& attributes) {
  return generic_header + nest(WGDEVICE_A_PEERS, nest(0, attributes));
}

Octets with_key(const Octets& attributes) {
  return peer_payload(attribute(WGPEER_A_PUBLIC_KEY, key(1)) + attributes);
}

/// A device with its first peer, in the order in which the kernel writes it.
Octets whole_payload() {
  return generic_header + attribute(WGDEVICE_A_LISTEN_PORT, raw(std::uint16_t{51820})) +
         attribute(WGDEVICE_A_FWMARK, raw(std::uint32_t{0x11})) +
         attribute(WGDEVICE_A_IFINDEX, raw(std::uint32_t{2})) +
         attribute(WGDEVICE_A_IFNAME, text("wg0")) +
         attribute(WGDEVICE_A_PRIVATE_KEY, Octets(32, 0xee)) +
         attribute(WGDEVICE_A_PUBLIC_KEY, key(9)) +
         nest(
             WGDEVICE_A_PEERS,
             nest(0, attribute(WGPEER_A_PUBLIC_KEY, key(1)) +
                         attribute(WGPEER_A_PRESHARED_KEY, Octets(32, 0xdd)) +
                         handshake(1'700'000'000, 5) +
                         attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, raw(std::uint16_t{25})) +
                         attribute(WGPEER_A_TX_BYTES, raw(std::uint64_t{148})) +
                         attribute(WGPEER_A_RX_BYTES, raw(UINT64_MAX)) +
                         attribute(WGPEER_A_PROTOCOL_VERSION, raw(std::uint32_t{1})) +
                         attribute(WGPEER_A_ENDPOINT, endpoint4("203.0.113.10", 999)) +
                         nest(WGPEER_A_ALLOWEDIPS, allowed_ip({10, 0, 0, 1}, 32))));
}

bool read(const Octets& payload) {
  return wg::NetlinkDeviceReader().read(payload);
}

wg::DevicePeer read_peer(const Octets& attributes) {
  wg::NetlinkDeviceReader reader;
  REQUIRE(reader.read(with_key(attributes)));
  auto device = std::move(reader).take();
  REQUIRE(device.peers.size() == 1);
  return device.peers[0];
}

TEST_CASE("what the kernel dumps becomes a device") {
  wg::NetlinkDeviceReader reader;
  REQUIRE(reader.read(whole_payload()));
  const wg::Device device = std::move(reader).take();
  CHECK(device.public_key == public_key(9));
  CHECK(device.listen_port == base::Port{51820});
  CHECK(device.firewall_mark == 0x11);
  REQUIRE(device.peers.size() == 1);
  const wg::DevicePeer& peer = device.peers[0];
  CHECK(peer.public_key == public_key(1));
  CHECK(peer.endpoint == base::Endpoint::parse("203.0.113.10:999"));
  CHECK(peer.latest_handshake->time_since_epoch() ==
        std::chrono::seconds(1'700'000'000) + std::chrono::nanoseconds(5));
  CHECK(peer.persistent_keepalive == std::chrono::seconds(25));
  CHECK(peer.tx_bytes == 148);
  CHECK(peer.rx_bytes == UINT64_MAX);
  REQUIRE(peer.allowed_ips.size() == 1);
  CHECK(peer.allowed_ips[0].to_string() == "10.0.0.1/32");
}

TEST_CASE("a device without peers, without a key") {
  wg::NetlinkDeviceReader reader;
  REQUIRE(reader.read(generic_header + attribute(WGDEVICE_A_PUBLIC_KEY, Octets(32, 0))));
  REQUIRE(reader.read(generic_header));
  const wg::Device device = std::move(reader).take();
  CHECK(device.peers.empty());
  CHECK_FALSE(device.public_key.has_value());
}

TEST_CASE("a payload that is cut short is refused at every length") {
  // One attribute in the middle, so that no cut falls between two attributes of the device.
  const Octets payload = peer_payload(
      attribute(WGPEER_A_PUBLIC_KEY, key(1)) + handshake(5, 5) +
      attribute(WGPEER_A_ENDPOINT, endpoint6("2001:db8::1", 5)) +
      nest(WGPEER_A_ALLOWEDIPS, allowed_ip({10, 0, 0, 0}, 8) + allowed_ip(Octets(16, 0x20), 128)));
  REQUIRE(read(payload));
  for (std::size_t size = 0; size < payload.size(); ++size) {
    CAPTURE(size);
    const Octets cut(payload.begin(), payload.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(read(cut) == (size == generic_header.size()));
  }
  Octets longer = payload;
  longer.push_back(0);
  CHECK_FALSE(read(longer));
}

TEST_CASE("a peer that is split over messages is merged, wherever its pieces are") {
  wg::NetlinkDeviceReader reader;
  REQUIRE(reader.read(whole_payload()));
  REQUIRE(reader.read(
      generic_header + attribute(WGDEVICE_A_IFNAME, text("wg0")) +
      nest(WGDEVICE_A_PEERS,
           nest(0, attribute(WGPEER_A_PUBLIC_KEY, key(1)) +
                       nest(WGPEER_A_ALLOWEDIPS, allowed_ip(Octets(16, 0x20), 64))) +
               nest(0, attribute(WGPEER_A_PUBLIC_KEY, key(2)))) +
      nest(WGDEVICE_A_PEERS, nest(0, nest(WGPEER_A_ALLOWEDIPS, allowed_ip({10, 9, 9, 9}, 8)) +
                                         attribute(WGPEER_A_PUBLIC_KEY, key(1))))));
  const wg::Device device = std::move(reader).take();
  CHECK(device.listen_port == base::Port{51820});
  REQUIRE(device.peers.size() == 2);
  REQUIRE(device.peers[0].allowed_ips.size() == 3);
  CHECK(device.peers[0].allowed_ips[1].to_string() == "2020:2020:2020:2020::/64");
  CHECK(device.peers[0].allowed_ips[2].to_string() == "10.0.0.0/8");
  CHECK(device.peers[0].endpoint.has_value());
  CHECK(device.peers[0].rx_bytes == UINT64_MAX);
  CHECK(device.peers[1].public_key == public_key(2));
}

TEST_CASE("endpoints of both families; mapped ones are unmapped") {
  const auto shown = [](const Octets& value) {
    return read_peer(attribute(WGPEER_A_ENDPOINT, value)).endpoint->to_string();
  };
  CHECK(shown(endpoint4("203.0.113.10", 65535)) == "203.0.113.10:65535");
  CHECK(shown(endpoint6("2001:db8::1", 1)) == "[2001:db8::1]:1");
  CHECK(shown(endpoint6("fe80::1", 1)) == "[fe80::1]:1");
  CHECK(shown(endpoint6("::ffff:192.0.2.1", 0)) == "192.0.2.1:0");
}

TEST_CASE("a handshake of zero is none") {
  CHECK_FALSE(read_peer(handshake(0, 0)).latest_handshake.has_value());
  CHECK(read_peer(handshake(0, 1)).latest_handshake.has_value());
  CHECK(read_peer(handshake(9'223'372'035, 999'999'999)).latest_handshake.has_value());
}

TEST_CASE("attributes with a length or a value that they do not have are refused") {
  struct Case {
    std::string_view name;
    Octets payload;
  };
  const auto device = [](unsigned type, const Octets& value) {
    return generic_header + attribute(type, value);
  };
  const Octets mask = attribute(WGALLOWEDIP_A_CIDR_MASK, raw(std::uint8_t{8}));
  const Octets ip = attribute(WGALLOWEDIP_A_IPADDR, Octets(4, 10));
  const auto allowed = [](const Octets& attributes) {
    return with_key(nest(WGPEER_A_ALLOWEDIPS, nest(0, attributes)));
  };
  Octets too_long = whole_payload();
  too_long[4] = 0xff;  // the length of the first attribute
  Octets too_short = whole_payload();
  too_short[4] = 3;
  Octets unspecified = endpoint4("1.2.3.4", 5);
  unspecified[0] = AF_UNSPEC;
  Octets v6_in_v4 = endpoint4("1.2.3.4", 5);
  v6_in_v4[0] = AF_INET6;
  Octets v4_in_v6 = endpoint6("::1", 5);
  v4_in_v6[0] = AF_INET;
  const auto cases = std::to_array<Case>({
      {"no generic header", {}},
      {"half a generic header", {0, 1}},
      {"attribute longer than the message", too_long},
      {"attribute shorter than its header", too_short},
      {"public key of 31 octets", device(WGDEVICE_A_PUBLIC_KEY, Octets(31))},
      {"public key of 33 octets", device(WGDEVICE_A_PUBLIC_KEY, Octets(33))},
      {"no public key in it", device(WGDEVICE_A_PUBLIC_KEY, {})},
      {"port of one octet", device(WGDEVICE_A_LISTEN_PORT, Octets(1))},
      {"port of four octets", device(WGDEVICE_A_LISTEN_PORT, Octets(4))},
      {"mark of two octets", device(WGDEVICE_A_FWMARK, Octets(2))},
      {"mark of eight octets", device(WGDEVICE_A_FWMARK, Octets(8))},
      {"peers that are no attributes", device(WGDEVICE_A_PEERS, Octets(3, 1))},
      {"peer that is no attributes", device(WGDEVICE_A_PEERS, nest(0, Octets(5, 0xff)))},
      {"peer without key", peer_payload(handshake(1, 1))},
      {"peer with nothing", peer_payload({})},
      {"peer's key of 31 octets", peer_payload(attribute(WGPEER_A_PUBLIC_KEY, Octets(31)))},
      {"endpoint of 15 octets", with_key(attribute(WGPEER_A_ENDPOINT, Octets(15, 2)))},
      {"endpoint of nothing", with_key(attribute(WGPEER_A_ENDPOINT, {}))},
      {"endpoint of a whole storage",
       with_key(attribute(WGPEER_A_ENDPOINT, raw(sockaddr_storage{})))},
      {"endpoint of a long attribute", with_key(attribute(WGPEER_A_ENDPOINT, Octets(60'000)))},
      {"endpoint of no family", with_key(attribute(WGPEER_A_ENDPOINT, unspecified))},
      {"IPv6 endpoint, short", with_key(attribute(WGPEER_A_ENDPOINT, v6_in_v4))},
      {"IPv4 endpoint, long", with_key(attribute(WGPEER_A_ENDPOINT, v4_in_v6))},
      {"keepalive of one octet",
       with_key(attribute(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL, Octets(1)))},
      {"handshake of 8 octets", with_key(attribute(WGPEER_A_LAST_HANDSHAKE_TIME, Octets(8)))},
      {"handshake of 17 octets", with_key(attribute(WGPEER_A_LAST_HANDSHAKE_TIME, Octets(17)))},
      {"handshake before 1970", with_key(handshake(-1, 0))},
      {"handshake with negative fraction", with_key(handshake(1, -1))},
      {"handshake with a whole second as fraction", with_key(handshake(1, 1'000'000'000))},
      {"handshake that would overflow", with_key(handshake(9'223'372'036, 0))},
      {"handshake at the end of numbers", with_key(handshake(INT64_MAX, INT64_MAX))},
      {"received octets in four", with_key(attribute(WGPEER_A_RX_BYTES, Octets(4)))},
      {"sent octets in nine", with_key(attribute(WGPEER_A_TX_BYTES, Octets(9)))},
      {"allowed ip without length", allowed(ip)},
      {"allowed ip without address", allowed(mask)},
      {"allowed ip with nothing", allowed({})},
      {"allowed ip of five octets", allowed(mask + attribute(WGALLOWEDIP_A_IPADDR, Octets(5)))},
      {"allowed ip with a long prefix",
       allowed(attribute(WGALLOWEDIP_A_CIDR_MASK, raw(std::uint8_t{33})) + ip)},
      {"length in two octets",
       allowed(attribute(WGALLOWEDIP_A_CIDR_MASK, raw(std::uint16_t{8})) + ip)},
  });
  for (const Case& c : cases) {
    CAPTURE(c.name);
    CHECK_FALSE(read(c.payload));
  }
}

TEST_CASE("messages are taken off a datagram one by one") {
  const Octets datagram = message(20, NLM_F_MULTI, 5, {1, 2, 3, 4}) +
                          message(20, NLM_F_MULTI | NLM_F_DUMP_INTR, 5, {}) +
                          message(NLMSG_DONE, NLM_F_MULTI, 5, raw(std::int32_t{0}));
  base::Bytes rest(datagram);
  const auto first = wg::take_message(rest);
  REQUIRE(first.has_value());
  CHECK(first->kind == wg::NetlinkMessage::Kind::data);
  CHECK(first->sequence == 5);
  CHECK(first->payload.size() == 4);
  CHECK_FALSE(first->was_interrupted);
  const auto second = wg::take_message(rest);
  REQUIRE(second.has_value());
  CHECK(second->was_interrupted);
  CHECK(second->payload.empty());
  const auto third = wg::take_message(rest);
  REQUIRE(third.has_value());
  CHECK(third->kind == wg::NetlinkMessage::Kind::done);
  CHECK(rest.empty());
  CHECK_FALSE(wg::take_message(rest).has_value());
}

TEST_CASE("errors, acknowledgements and dumps that fail at their end") {
  struct Case {
    std::uint16_t type;
    std::int32_t code;
    wg::NetlinkMessage::Kind kind;
  };
  using Kind = wg::NetlinkMessage::Kind;
  for (const Case& c : {Case{NLMSG_ERROR, 0, Kind::done}, Case{NLMSG_ERROR, -19, Kind::error},
                        Case{NLMSG_DONE, 0, Kind::done}, Case{NLMSG_DONE, -90, Kind::error}}) {
    const Octets datagram = message(c.type, 0, 1, raw(c.code));
    base::Bytes rest(datagram);
    const auto taken = wg::take_message(rest);
    REQUIRE(taken.has_value());
    CHECK(taken->kind == c.kind);
    CHECK(taken->error == -c.code);
  }
  for (const Octets& code : {Octets{}, Octets{0, 0, 0}, raw(std::int32_t{1}), raw(INT32_MIN)}) {
    const Octets datagram = message(NLMSG_ERROR, 0, 1, code);
    base::Bytes rest(datagram);
    CHECK_FALSE(wg::take_message(rest).has_value());
  }
}

TEST_CASE("messages that are cut short, or lie about their length, are not taken") {
  const Octets datagram = message(20, 0, 5, {1, 2, 3, 4, 5});
  for (std::size_t size = 0; size < datagram.size(); ++size) {
    base::Bytes rest = base::Bytes(datagram).first(size);
    CHECK_FALSE(wg::take_message(rest).has_value());
  }
  base::Bytes whole(datagram);  // the padding at the end of a datagram may be missing
  CHECK(wg::take_message(whole).has_value());
  CHECK(whole.empty());
  for (const std::uint32_t length : {0U, 1U, 15U, 22U, 0x7fffffffU, 0xffffffffU}) {
    Octets changed = datagram;
    std::memcpy(changed.data(), &length, sizeof length);
    base::Bytes rest(changed);
    CHECK_FALSE(wg::take_message(rest).has_value());
  }
}

TEST_CASE("the family's number is found in the controller's answer") {
  const Octets number = attribute(CTRL_ATTR_FAMILY_ID, raw(std::uint16_t{0x1d}));
  const Octets name = attribute(CTRL_ATTR_FAMILY_NAME, text("wireguard"));
  CHECK(wg::parse_family(generic_header + name + number) == 0x1d);
  CHECK_FALSE(wg::parse_family(generic_header + name).has_value());
  CHECK_FALSE(wg::parse_family({}).has_value());
  CHECK_FALSE(wg::parse_family(generic_header + name + Octets{1}).has_value());
  CHECK_FALSE(
      wg::parse_family(generic_header + attribute(CTRL_ATTR_FAMILY_ID, Octets(4))).has_value());
}

TEST_CASE("links of kind wireguard, and no others") {
  const Octets header = raw(ifinfomsg{});
  const Octets name = attribute(IFLA_IFNAME, text("wg0"));
  const auto kind = [](const Octets& value) {
    return nest(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, value));
  };
  CHECK(wg::parse_wireguard_link(header + name + kind(text("wireguard"))) == "wg0");
  CHECK(wg::parse_wireguard_link(header + kind(text("wireguard")) + name) == "wg0");
  CHECK_FALSE(wg::parse_wireguard_link(header + name + kind(text("wireguard2"))).has_value());
  CHECK_FALSE(wg::parse_wireguard_link(header + name + kind(text("tun"))).has_value());
  CHECK_FALSE(wg::parse_wireguard_link(header + name + kind({})).has_value());
  CHECK_FALSE(wg::parse_wireguard_link(header + name).has_value());
  CHECK_FALSE(wg::parse_wireguard_link(header + kind(text("wireguard"))).has_value());
  CHECK_FALSE(wg::parse_wireguard_link(header).has_value());
  CHECK_FALSE(wg::parse_wireguard_link({}).has_value());
}

}  // namespace
