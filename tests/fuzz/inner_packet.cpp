// One packet inside a tunnel: unchanged, and as the payload of packets with correct checksums,
// which no fuzzer guesses. Every reply goes to the address that the packet came from.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "dnsd/tunnel/tunnel_host.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

struct Tunnel {
  AnswerFixture fixture;
  dnsd::PeerUpdates updates{fixture.zones(), fixture.peers, *fixture.live, [] {}};
  dnsd::Responder responder = fixture.responder();
  dnsd::TunnelHost host{responder, updates};
  wg::PublicKey peer = AnswerFixture::key(1);
  std::vector<base::IpAddress> addresses = {*base::IpAddress::parse("10.0.0.254"),
                                            *base::IpAddress::parse("fd00::fe")};
  std::vector<base::IpAddress> peers = {*base::IpAddress::parse("10.0.0.1"),
                                        *base::IpAddress::parse("fd00::1")};
  std::vector<base::Prefix> allowed = {*base::Prefix::parse("10.0.0.1/32"),
                                       *base::Prefix::parse("fd00::1/128")};

  [[nodiscard]] std::uint64_t accounted() const {
    const dnsd::InnerCounters& counters = host.counters();
    std::uint64_t sum = counters.queries + counters.updates + counters.echoes;
    for (const auto& one : counters.dropped) sum += one;
    return sum;
  }

  void take(base::Bytes octets) {
    std::size_t replies = 0;
    const std::uint64_t dropped_or_answered = accounted();
    host.receive({peer, allowed, addresses, octets, AnswerFixture::now}, [&](base::Bytes reply) {
      require(reply.size() <= dnsd::inner_mtu && ++replies <= 12);
      const bool is_ipv4 = reply[0] >> 4U == 4;
      const std::size_t length = is_ipv4 ? 4 : 16;
      const std::size_t at = is_ipv4 ? 12 : 8;
      const auto is = [&](std::size_t offset, const base::IpAddress& address) {
        return base::IpAddress::from_bytes(reply.subspan(offset, length)) == address;
      };
      const std::size_t family = is_ipv4 ? 0 : 1;
      require(is(at, addresses[family]) && is(at + length, peers[family]));
      const auto again = base::parse_ip_packet(reply);
      require(again || again.error() == base::IpError::fragment);
    });
    require(accounted() == dropped_or_answered + 1);
  }

  void take_as(std::size_t family, base::IpProtocol protocol, base::Bytes payload) {
    base::write_ip_packets({peers[family], addresses[family], protocol, payload}, 1, base::max_mtu,
                           [this](base::Bytes packet) { take(packet); });
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Tunnel tunnel;
  const base::Bytes input(data, size);
  tunnel.take(input);
  if (size < 2 || size > 1400) return 0;
  for (const std::size_t family : {std::size_t{0}, std::size_t{1}}) {
    std::array<std::uint8_t, 1500> buffer;
    base::ByteWriter udp(buffer);
    base::write_udp(udp, {tunnel.peers[family], base::Port{4000}},
                    {tunnel.addresses[family], base::Port{53}}, input);
    tunnel.take_as(family, base::IpProtocol::udp, udp.written());
    base::ByteWriter icmp(buffer);
    base::write_icmp(icmp, tunnel.peers[family], tunnel.addresses[family],
                     {data[0], data[1], input.subspan(2)});
    tunnel.take_as(family, family == 0 ? base::IpProtocol::icmp : base::IpProtocol::icmpv6,
                   icmp.written());
    tunnel.take_as(family, base::IpProtocol{data[0]}, input.subspan(1));
  }
  return 0;
}
