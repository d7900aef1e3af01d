#include "tests/bench/relay_scene.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/bench/scene.hpp"

namespace bench {
namespace {

base::IpAddress address_of(std::uint32_t number) {
  return base::IpAddress(std::array<std::uint8_t, 4>{
      static_cast<std::uint8_t>(number >> 24U), static_cast<std::uint8_t>(number >> 16U),
      static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)});
}

}  // namespace

base::IpAddress relay_address() {
  return address_of(0xcb00710a);  // 203.0.113.10
}

base::Endpoint place_of_relayed(std::uint32_t peer) {
  return {address_of(first_relayed_address + peer), base::Port{relayed_port}};
}

wg::PrivateKey key_of_relayed(std::uint32_t peer) {
  Draw draw((std::uint64_t{1} << 32U) + std::uint64_t{peer} * 4);
  base::Octets32 octets{};
  for (std::size_t i = 0; i < octets.size(); i += 8) {
    const std::uint64_t word = draw();
    std::memcpy(octets.data() + i, &word, sizeof word);
  }
  octets[0] &= 0xf8U;  // as `wg genkey` writes it
  octets[31] = (octets[31] & 0x7fU) | 0x40U;
  return wg::PrivateKey(octets);
}

std::vector<RelayedWay> relayed_ways(std::uint32_t peers, std::uint32_t count) {
  std::vector<RelayedWay> ways;
  if (count <= peers) {
    for (std::uint32_t from = 0; from < peers; ++from) {
      const std::uint32_t to = from ^ 1U;
      ways.push_back({from, to, index_for(to, 0)});
    }
    return ways;
  }
  // To as many on either side, in a ring.
  const std::uint32_t partners = std::min(count / peers, peers - 2) / 2;
  for (std::uint32_t from = 0; from < peers; ++from) {
    for (std::uint32_t i = 1; i <= partners; ++i) {
      const std::uint32_t next = (from + i) % peers;
      const std::uint32_t previous = (from + peers - i) % peers;
      ways.push_back({from, next, index_for(next, 2 * i)});
      ways.push_back({from, previous, index_for(previous, 2 * i + 1)});
    }
  }
  return ways;
}

}  // namespace bench
