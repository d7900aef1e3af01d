#include "dnsd/control/free_address.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace dnsd {
namespace {

using base::IpAddress;
using base::Prefix;

constexpr unsigned ipv4_bits = 32;
constexpr unsigned ipv6_bits = 128;

unsigned bits_of(const IpAddress& address) {
  return address.is_ipv4() ? ipv4_bits : ipv6_bits;
}

IpAddress last_address(const Prefix& block) {
  std::array<std::uint8_t, 16> octets{};
  const base::Bytes first = block.address().bytes();
  for (std::size_t i = 0; i < first.size(); ++i) {
    const std::size_t fixed =
        std::min<std::size_t>(block.length() - std::min<std::size_t>(block.length(), 8 * i), 8);
    octets[i] = static_cast<std::uint8_t>(first[i] | (0xffU >> fixed));
  }
  return *IpAddress::from_bytes(base::Bytes(octets).first(first.size()));
}

/// \return nullopt: there is no address behind it
std::optional<IpAddress> next_address(const IpAddress& address) {
  std::array<std::uint8_t, 16> octets{};
  const base::Bytes before = address.bytes();
  std::copy(before.begin(), before.end(), octets.begin());
  for (std::size_t i = before.size(); i-- > 0;) {
    if (++octets[i] != 0) return IpAddress::from_bytes(base::Bytes(octets).first(before.size()));
  }
  return std::nullopt;
}

}  // namespace

std::optional<IpAddress> find_free_address(const Prefix& block, std::span<const Prefix> taken) {
  std::vector<Prefix> blocks;
  for (const Prefix& one : taken) {
    if (one.address().family() == block.address().family()) blocks.push_back(one);
  }
  const bool has_network = block.length() + 1 < bits_of(block.address());
  if (has_network) blocks.push_back(*Prefix::make(block.address(), bits_of(block.address())));
  if (has_network && block.address().is_ipv4())
    blocks.push_back(*Prefix::make(last_address(block), ipv4_bits));
  std::sort(blocks.begin(), blocks.end(),
            [](const Prefix& a, const Prefix& b) { return a.address() < b.address(); });
  std::optional<IpAddress> candidate = block.address();
  for (const Prefix& one : blocks) {
    if (candidate && one.contains(*candidate)) candidate = next_address(last_address(one));
  }
  return candidate && block.contains(*candidate) ? candidate : std::nullopt;
}

}  // namespace dnsd
