#include "dnsd/tunnel/tunnel_host.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <span>
#include <string>

#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

using base::IpProtocol;
using dnsd::InnerDrop;
using Octets = std::vector<std::uint8_t>;

base::IpAddress address(const char* text) {
  return *base::IpAddress::parse(text);
}

const std::vector<base::IpAddress> tunnel = {address("10.0.0.254"), address("fd00::fe")};
const base::Endpoint client_v4 = *base::Endpoint::parse("10.0.0.1:40000");
const base::Endpoint client_v6 = *base::Endpoint::parse("[fd00::1]:40000");

Octets packet_of(const base::IpAddress& from, const base::IpAddress& to, IpProtocol protocol,
                 base::Bytes payload) {
  Octets packet;
  base::write_ip_packets({from, to, protocol, payload}, 1, base::max_mtu,
                         [&](base::Bytes octets) { packet.assign(octets.begin(), octets.end()); });
  return packet;
}

Octets udp(const base::Endpoint& from, base::Bytes message, std::uint16_t port = 53,
           const base::IpAddress* to = nullptr) {
  const base::IpAddress here = to != nullptr ? *to : from.address.is_ipv4() ? tunnel[0] : tunnel[1];
  Octets segment(8 + message.size());
  base::ByteWriter writer(segment);
  base::write_udp(writer, from, {here, base::Port{port}}, message);
  return packet_of(from.address, here, IpProtocol::udp, segment);
}

Octets ping(const base::IpAddress& from, std::size_t size, std::uint8_t type) {
  const base::IpAddress& to = from.is_ipv4() ? tunnel[0] : tunnel[1];
  Octets body(size);
  for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<std::uint8_t>(i);
  Octets message(4 + size);
  base::ByteWriter writer(message);
  base::write_icmp(writer, from, to, {type, 0, body});
  return packet_of(from, to, from.is_ipv4() ? IpProtocol::icmp : IpProtocol::icmpv6, message);
}

Octets question(const dns::Name& name, dns::RrType type, std::optional<std::uint16_t> edns) {
  Octets query(512);
  base::ByteWriter writer(query);
  for (const int word : {0x1234, 0, 1, 0, 0, edns ? 1 : 0})
    writer.u16(static_cast<std::uint16_t>(word));
  writer.bytes(name.view().wire());
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(1);
  if (edns) {
    writer.u8(0);
    writer.u16(41);
    writer.u16(*edns);
    writer.u32(0);
    writer.u16(0);
  }
  query.resize(writer.size());
  return query;
}

/// Puts fragments together, as a peer's kernel does. Whole packets are returned unchanged.
Octets reassemble(const std::vector<Octets>& packets) {
  if (packets.size() == 1) return packets[0];
  Octets payload;
  const bool is_ipv4 = packets.at(0).at(0) >> 4U == 4;
  const std::size_t header = is_ipv4 ? 20 : 48;
  for (const Octets& packet : packets) {
    CHECK(packet.size() <= dnsd::inner_mtu);
    payload.insert(payload.end(), packet.begin() + static_cast<std::ptrdiff_t>(header),
                   packet.end());
  }
  return payload;
}

class Host {
 public:
  std::vector<Octets> send(const Octets& octets) { return send(octets, tunnel); }
  std::vector<Octets> send(const Octets& octets, std::span<const base::IpAddress> addresses) {
    std::vector<Octets> replies;
    const wg::PublicKey alice = AnswerFixture::key(1);
    host.receive({alice, allowed, addresses, octets, AnswerFixture::now},
                 [&](base::Bytes reply) { replies.emplace_back(reply.begin(), reply.end()); });
    return replies;
  }
  [[nodiscard]] std::uint64_t dropped(InnerDrop reason) const {
    return host.counters().dropped.at(static_cast<std::size_t>(reason)).load();
  }
  /// The DNS message of the reply; empty: there was none.
  Octets ask(const base::Endpoint& from, const Octets& message) {
    const auto packets = send(udp(from, message));
    if (packets.empty()) return {};
    const Octets whole = reassemble(packets);
    if (packets.size() > 1) return {whole.begin() + 8, whole.end()};
    const auto packet = base::parse_ip_packet(whole);
    REQUIRE(packet);
    CHECK(packet->destination == from.address);
    const auto datagram = base::parse_udp(*packet);
    REQUIRE(datagram);
    CHECK(base::to_number(datagram->source) == 53);
    CHECK(datagram->destination == from.port);
    return {datagram->payload.begin(), datagram->payload.end()};
  }

  AnswerFixture fixture;
  std::vector<base::Prefix> allowed = {*base::Prefix::parse("10.0.0.1/32"),
                                       *base::Prefix::parse("fd00::1/128")};
  dnsd::PeerUpdates updates{fixture.zones(), fixture.peers, *fixture.live, [] {}};
  dnsd::Responder responder = fixture.responder();
  dnsd::TunnelHost host{responder, updates};
  const dns::Name list = *dns::Name::parse("_wireguard._udp.wg.example.org.");
};

}  // namespace

TEST_CASE("a question inside the tunnel gets the private view's answer") {
  Host host;
  for (const base::Endpoint& client : {client_v4, client_v6}) {
    const Octets query = question(host.list, dns::RrType::ptr, 1232);
    const Octets reply = host.ask(client, query);
    const Octets outside = host.fixture.ask(query, {dnsd::View::private_view, dns::Transport::udp},
                                            {client.address, AnswerFixture::now});
    CHECK(reply == outside);
    CHECK(reply.at(7) == 6);
  }
  CHECK(host.host.counters().queries == 2);
}

TEST_CASE("ping is answered over both families, at any size that one packet has") {
  Host host;
  for (const std::size_t size :
       {std::size_t{4}, std::size_t{60}, std::size_t{61}, std::size_t{1376}}) {
    CAPTURE(size);
    for (const bool is_ipv4 : {true, false}) {
      const base::IpAddress& from = is_ipv4 ? client_v4.address : client_v6.address;
      const auto replies = host.send(ping(from, size, is_ipv4 ? 8 : 128));
      REQUIRE(replies.size() == 1);
      const auto packet = base::parse_ip_packet(replies[0]);
      REQUIRE(packet);
      CHECK(packet->source == (is_ipv4 ? tunnel[0] : tunnel[1]));
      CHECK(packet->destination == from);
      const auto message = base::parse_icmp(*packet);
      REQUIRE(message);
      CHECK(message->type == (is_ipv4 ? 0 : 129));
      REQUIRE(message->body.size() == size);
      CHECK(message->body[size - 1] == static_cast<std::uint8_t>(size - 1));
    }
  }
  CHECK(host.host.counters().echoes == 8);
}

TEST_CASE("a long answer leaves in fragments when the asker takes it, and is truncated otherwise") {
  Host host;
  auto keys = std::make_shared<dnsd::LiveState::KeyList>();
  const auto fill = [&](unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      base::Octets32 octets{};
      octets[0] = static_cast<std::uint8_t>(i);
      octets[1] = static_cast<std::uint8_t>(i >> 8U);
      keys->push_back(wg::PublicKey(octets));
    }
    host.fixture.live->set_list(dnsd::View::private_view, keys);
  };
  const auto is_truncated = [](const Octets& reply) { return (reply.at(2) & 2U) != 0; };
  const auto answers = [](const Octets& reply) { return (reply.at(6) << 8U) | reply.at(7); };
  fill(100);
  for (const base::Endpoint& client : {client_v4, client_v6}) {
    for (const std::uint16_t size : {std::uint16_t{8192}, std::uint16_t{65535}}) {
      const Octets reply = host.ask(client, question(host.list, dns::RrType::ptr, size));
      CHECK(!is_truncated(reply));
      CHECK(answers(reply) == 100);
      CHECK(reply.size() > 5000);
    }
    for (const auto size : {std::optional<std::uint16_t>(4096), std::optional<std::uint16_t>(),
                            std::optional<std::uint16_t>(100)}) {
      const Octets reply = host.ask(client, question(host.list, dns::RrType::ptr, size));
      CHECK(is_truncated(reply));
      CHECK(reply.size() <= 512);
    }
  }
  fill(200);  // more than 16 KiB
  for (const base::Endpoint& client : {client_v4, client_v6})
    CHECK(is_truncated(host.ask(client, question(host.list, dns::RrType::ptr, 65535))));
}

TEST_CASE("an UPDATE inside the tunnel is the announcement of the peer whose tunnel it is") {
  Host host;
  const dns::Name zone = *dns::Name::parse("wg.example.org.");
  const auto update = [&](std::uint8_t whose) {
    return schema::write_lan_update(9, zone, AnswerFixture::key(whose),
                                    {*base::Endpoint::parse("192.168.1.5:51820")});
  };
  const Octets granted = host.ask(client_v4, update(1));
  REQUIRE(granted.size() >= 12);
  CHECK(granted[3] == 0);
  CHECK(host.fixture.live->lan.find(AnswerFixture::key(1)) != nullptr);
  CHECK(host.ask(client_v6, update(2)).at(3) == 5);
  CHECK(host.fixture.live->lan.find(AnswerFixture::key(2)) == nullptr);
  CHECK(host.host.counters().updates == 2);
  // Outside a tunnel no asker is identified by its key.
  for (const auto view : {dnsd::View::public_view, dnsd::View::private_view})
    CHECK((host.fixture.ask(update(1), {view, dns::Transport::udp}).at(3) & 0x0fU) == 5);
}

TEST_CASE("everything else inside is dropped and counted") {
  Host host;
  const Octets query = question(host.list, dns::RrType::txt, 1232);
  const base::IpAddress victim = address("10.0.0.2");
  Octets cut = udp(client_v4, query);
  cut.pop_back();
  Octets flipped = udp(client_v4, query);
  flipped.back() ^= 1U;
  Octets part = udp(client_v6, query);
  part[6] = 44;
  Octets extended = part;
  extended[6] = 0;
  Octets reply = query;
  reply[2] = 0x80;
  struct Row {
    const char* name;
    Octets octets;
    InnerDrop expected;
  };
  const std::vector<Row> rows = {
      {"cut short", cut, InnerDrop::malformed},
      {"one octet", {0x45}, InnerDrop::malformed},
      {"a wrong bit", flipped, InnerDrop::checksum},
      {"a fragment", part, InnerDrop::fragment},
      {"extension headers", extended, InnerDrop::options},
      {"another peer's address", udp({victim, base::Port{40000}}, query), InnerDrop::source},
      {"another peer's ping", ping(victim, 8, 8), InnerDrop::source},
      {"another peer's announcement",
       udp({victim, base::Port{40000}},
           schema::write_lan_update(9, *dns::Name::parse("wg.example.org."), AnswerFixture::key(2),
                                    {*base::Endpoint::parse("192.168.1.5:51820")})),
       InnerDrop::source},
      {"to somebody behind the point", udp(client_v4, query, 53, &victim), InnerDrop::destination},
      {"TCP", packet_of(client_v4.address, tunnel[0], IpProtocol{6}, query), InnerDrop::protocol},
      {"ICMP of the other family",
       packet_of(client_v4.address, tunnel[0], IpProtocol::icmpv6, query), InnerDrop::protocol},
      {"another port", udp(client_v4, query, 54), InnerDrop::port},
      {"from port 0", udp({client_v4.address, base::Port{0}}, query), InnerDrop::port},
      {"an echo reply", ping(client_v4.address, 8, 0), InnerDrop::icmp},
      {"an echo request of the other family", ping(client_v4.address, 8, 128), InnerDrop::icmp},
      {"an answer", udp(client_v4, reply), InnerDrop::query},
      {"no DNS", udp(client_v4, {}), InnerDrop::query},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const std::uint64_t before = host.dropped(row.expected);
    CHECK(host.send(row.octets).empty());
    CHECK(host.dropped(row.expected) == before + 1);
  }
  CHECK(host.host.counters().packets == rows.size());
  CHECK(host.fixture.live->lan.find(AnswerFixture::key(2)) == nullptr);
}

TEST_CASE("sources that nobody has, whatever allowed-ips say") {
  Host host;
  host.allowed = {*base::Prefix::parse("0.0.0.0/0"), *base::Prefix::parse("::/0")};
  const Octets query = question(host.list, dns::RrType::txt, 1232);
  for (const char* source :
       {"0.0.0.0", "224.0.0.1", "255.255.255.255", "10.0.0.254", "::", "ff02::1", "fd00::fe"}) {
    CAPTURE(source);
    CHECK(host.send(udp({address(source), base::Port{40000}}, query)).empty());
  }
  CHECK(host.dropped(InnerDrop::source) == 7);
  CHECK(host.send(udp({address("192.0.2.77"), base::Port{40000}}, query)).size() == 1);
  // A point with an IPv4 tunnel address only.
  CHECK(host.send(udp(client_v6, query), std::span(tunnel).first(1)).empty());
  CHECK(host.dropped(InnerDrop::destination) == 1);
}

TEST_CASE("each reason has its word") {
  for (std::size_t i = 0; i < dnsd::inner_drop_count; ++i)
    CHECK(!dnsd::to_string(static_cast<InnerDrop>(i)).empty());
  CHECK(dnsd::to_string(InnerDrop::query) == "query");
}
