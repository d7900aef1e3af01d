#include "base/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace base {
namespace {

bool has_prefix(Bytes octets, Bytes prefix, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(prefix.begin(), prefix.begin() + static_cast<std::ptrdiff_t>(whole),
                  octets.begin()))
    return false;
  const unsigned rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xffU << (8U - rest));
  return (octets[whole] & mask) == (prefix[whole] & mask);
}

constexpr std::array<std::uint8_t, 12> mapped_prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool is_link_local_v4(Bytes a) {
  return a[0] == 169 && a[1] == 254;  // RFC 3927
}

bool is_link_local_v6(Bytes a) {
  return a[0] == 0xfe && (a[1] & 0xc0U) == 0x80;  // RFC 4291 §2.5.6
}

AddressScope scope_v4(Bytes a) {
  if (a[0] == 0 || a[0] == 127 || a[0] >= 224)
    return AddressScope::never;  // RFC 6890 §2.2.2, RFC 5771, RFC 1112 §4
  if (is_link_local_v4(a)) return AddressScope::never;
  if (a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0U) == 16) || (a[0] == 192 && a[1] == 168)) {
    return AddressScope::private_use;  // RFC 1918 §3
  }
  if (a[0] == 100 && (a[1] & 0xc0U) == 64) return AddressScope::private_use;  // RFC 6598 §7
  return AddressScope::global;
}

AddressScope scope_v6(Bytes a) {
  const bool zero15 = std::all_of(a.begin(), a.begin() + 15, [](std::uint8_t o) { return o == 0; });
  if (zero15 && a[15] <= 1) return AddressScope::never;  // RFC 4291 §2.5.2, §2.5.3
  if (a[0] == 0xff) return AddressScope::never;          // RFC 4291 §2.7
  if (is_link_local_v6(a)) return AddressScope::never;
  if ((a[0] & 0xfeU) == 0xfc) return AddressScope::private_use;  // RFC 4193 §3.1
  return AddressScope::global;
}

}  // namespace

IpAddress::IpAddress(const std::array<std::uint8_t, 4>& octets) {
  std::copy(octets.begin(), octets.end(), octets_.begin());
}

std::optional<IpAddress> IpAddress::from_bytes(Bytes octets) {
  IpAddress result;
  if (octets.size() == 16) {
    result.family_ = Family::ipv6;
  } else if (octets.size() != 4) {
    return std::nullopt;
  }
  std::copy(octets.begin(), octets.end(), result.octets_.begin());
  return result;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() > INET6_ADDRSTRLEN || text.find('\0') != std::string_view::npos)
    return std::nullopt;
  const std::string terminated(text);
  IpAddress result;
  if (inet_pton(AF_INET, terminated.c_str(), result.octets_.data()) == 1) return result;
  if (inet_pton(AF_INET6, terminated.c_str(), result.octets_.data()) == 1) {
    result.family_ = Family::ipv6;
    return result;
  }
  return std::nullopt;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_ipv4() ? AF_INET : AF_INET6, octets_.data(), text.data(), text.size());
  return text.data();
}

IpAddress IpAddress::unmapped() const {
  if (is_ipv4() || !has_prefix(octets_, mapped_prefix, 96)) return *this;
  return IpAddress(std::array<std::uint8_t, 4>{octets_[12], octets_[13], octets_[14], octets_[15]});
}

AddressScope IpAddress::scope() const {
  if (is_ipv4()) return scope_v4(octets_);
  const IpAddress plain = unmapped();
  return plain.is_ipv4() ? scope_v4(plain.octets_) : scope_v6(octets_);
}

bool IpAddress::is_loopback() const {
  if (is_ipv4()) return octets_[0] == 127;  // RFC 1122 §3.2.1.3
  constexpr std::array<std::uint8_t, 16> one = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return octets_ == one;  // RFC 4291 §2.5.3
}

bool IpAddress::is_link_local() const {
  return is_ipv4() ? is_link_local_v4(octets_) : is_link_local_v6(octets_);
}

bool IpAddress::is_unspecified() const {
  return std::all_of(octets_.begin(), octets_.end(), [](std::uint8_t octet) { return octet == 0; });
}

std::optional<Prefix> Prefix::make(const IpAddress& address, unsigned length) {
  const Bytes octets = address.bytes();
  if (length > octets.size() * 8) return std::nullopt;
  std::array<std::uint8_t, 16> masked{};
  for (std::size_t i = 0; i < octets.size(); ++i) {
    const std::size_t bits = length > i * 8 ? std::min<std::size_t>(length - i * 8, 8) : 0;
    masked[i] = static_cast<std::uint8_t>(octets[i] & (0xff00U >> bits));
  }
  return Prefix(*IpAddress::from_bytes(Bytes(masked).first(octets.size())), length);
}

std::optional<Prefix> Prefix::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return make(*address, address->is_ipv4() ? 32 : 128);
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return make(*address, length);
}

bool Prefix::contains(const IpAddress& address) const {
  return address.family() == address_.family() &&
         has_prefix(address.bytes(), address_.bytes(), length_);
}

std::string Prefix::to_string() const {
  return address_.to_string() + '/' + std::to_string(length_);
}

}  // namespace base
