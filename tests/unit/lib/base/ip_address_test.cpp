#include "base/ip_address.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace {

base::IpAddress address(std::string_view text) {
  const auto parsed = base::IpAddress::parse(text);
  REQUIRE_MESSAGE(parsed.has_value(), std::string(text));
  return *parsed;
}

TEST_CASE("addresses are read, and written in their one canonical form") {
  struct Case {
    std::string_view text;
    std::string_view canonical;  // empty: refused
  };
  const std::string too_long(10'000, '1');
  const auto cases = std::to_array<Case>({
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"203.0.113.10", "203.0.113.10"},
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"0000:0000:0000:0000:0000:ffff:192.168.100.200", "::ffff:192.168.100.200"},
      {"", ""},
      {" 1.2.3.4", ""},
      {"1.2.3.4 ", ""},
      {"1.2.3", ""},
      {"1.2.3.4.5", ""},
      {"1.2.3.256", ""},
      {"1.2.3.04", ""},
      {"1.2.3.-4", ""},
      {"0x1.2.3.4", ""},
      {"16909060", ""},
      {"[::1]", ""},
      {":", ""},
      {":::", ""},
      {"1::2::3", ""},
      {"1:2:3:4:5:6:7", ""},
      {"1:2:3:4:5:6:7:8:9", ""},
      {"12345::", ""},
      {"fe80::1%eth0", ""},
      {"::1/128", ""},
      {"example.org", ""},
      {std::string_view("1.2.3.4\0", 8), ""},
      {std::string_view("::1\0x", 5), ""},
      {too_long, ""},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = base::IpAddress::parse(c.text);
    CHECK(parsed.has_value() == !c.canonical.empty());
    if (parsed) CHECK(parsed->to_string() == c.canonical);
  }
}

TEST_CASE("addresses from octets: 4 or 16 of them") {
  const std::array<std::uint8_t, 20> octets = {0x20, 0x01, 0x0d, 0xb8};
  for (std::size_t size = 0; size <= octets.size(); ++size) {
    CAPTURE(size);
    const auto made = base::IpAddress::from_bytes(base::Bytes(octets).first(size));
    CHECK(made.has_value() == (size == 4 || size == 16));
    if (!made) continue;
    CHECK(made->bytes().size() == size);
    CHECK(made->is_ipv4() == (size == 4));
    CHECK(made->to_string() == (size == 4 ? "32.1.13.184" : "2001:db8::"));
  }
  CHECK(base::IpAddress().to_string() == "0.0.0.0");
}

TEST_CASE("IPv4-mapped addresses are unmapped, others stay") {
  CHECK(address("::ffff:192.0.2.1").unmapped() == address("192.0.2.1"));
  for (const std::string_view text : {"192.0.2.1", "::192.0.2.1", "::fffe:192.0.2.1",
                                      "1::ffff:192.0.2.1", "64:ff9b::192.0.2.1", "::"})
    CHECK(address(text).unmapped() == address(text));
}

TEST_CASE("loopback is 127.0.0.0/8 and ::1") {
  for (const std::string_view text : {"127.0.0.0", "127.255.255.255", "::1"})
    CHECK(address(text).is_loopback());
  for (const std::string_view text :
       {"126.255.255.255", "128.0.0.0", "::", "::2", "1::1", "::ffff:127.0.0.1", "7f00::"})
    CHECK_FALSE(address(text).is_loopback());
}

TEST_CASE("to whom an address may be told: both sides of each border") {
  using base::AddressScope;
  struct Case {
    AddressScope scope;
    std::string_view text;
  };
  constexpr auto cases = std::to_array<Case>({
      {AddressScope::never, "0.0.0.0"},
      {AddressScope::never, "0.255.255.255"},
      {AddressScope::global, "1.0.0.0"},
      {AddressScope::global, "9.255.255.255"},
      {AddressScope::private_use, "10.0.0.0"},
      {AddressScope::private_use, "10.255.255.255"},
      {AddressScope::global, "11.0.0.0"},
      {AddressScope::global, "100.63.255.255"},
      {AddressScope::private_use, "100.64.0.0"},
      {AddressScope::private_use, "100.127.255.255"},
      {AddressScope::global, "100.128.0.0"},
      {AddressScope::global, "126.255.255.255"},
      {AddressScope::never, "127.0.0.1"},
      {AddressScope::never, "127.255.255.255"},
      {AddressScope::global, "128.0.0.0"},
      {AddressScope::global, "169.253.255.255"},
      {AddressScope::never, "169.254.0.0"},
      {AddressScope::never, "169.254.255.255"},
      {AddressScope::global, "169.255.0.0"},
      {AddressScope::global, "172.15.255.255"},
      {AddressScope::private_use, "172.16.0.0"},
      {AddressScope::private_use, "172.31.255.255"},
      {AddressScope::global, "172.32.0.0"},
      {AddressScope::global, "192.167.255.255"},
      {AddressScope::private_use, "192.168.0.0"},
      {AddressScope::private_use, "192.168.255.255"},
      {AddressScope::global, "192.169.0.0"},
      {AddressScope::global, "223.255.255.255"},
      {AddressScope::never, "224.0.0.0"},
      {AddressScope::never, "239.255.255.255"},
      {AddressScope::never, "240.0.0.0"},
      {AddressScope::never, "255.255.255.255"},
      {AddressScope::never, "::"},
      {AddressScope::never, "::1"},
      {AddressScope::global, "::2"},
      {AddressScope::global, "2001:db8::1"},
      {AddressScope::global, "fbff:ffff::"},
      {AddressScope::private_use, "fc00::"},
      {AddressScope::private_use, "fdff:ffff::1"},
      {AddressScope::global, "fe7f::1"},
      {AddressScope::never, "fe80::"},
      {AddressScope::never, "febf:ffff::1"},
      {AddressScope::global, "fec0::1"},
      {AddressScope::never, "ff00::"},
      {AddressScope::never, "ff02::1"},
      {AddressScope::never, "::ffff:127.0.0.1"},
      {AddressScope::private_use, "::ffff:10.1.2.3"},
      {AddressScope::global, "::ffff:8.8.8.8"},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(address(c.text).scope() == c.scope);
  }
}

TEST_CASE("IPv4 is ordered before IPv6, then octet by octet") {
  constexpr std::array<std::string_view, 6> ordered = {"0.0.0.0", "1.2.3.4", "200.0.0.0",
                                                       "::",      "::1",     "2001:db8::"};
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      CHECK((address(ordered[i]) < address(ordered[j])) == (i < j));
      CHECK((address(ordered[i]) == address(ordered[j])) == (i == j));
    }
  }
  CHECK(address("::").is_unspecified());
  CHECK(address("0.0.0.0").is_unspecified());
  CHECK_FALSE(address("::1").is_unspecified());
}

TEST_CASE("prefixes are read, and their host bits cleared") {
  struct Case {
    std::string_view text;
    std::string_view canonical;  // empty: refused
  };
  constexpr auto cases = std::to_array<Case>({
      {"10.1.2.3/8", "10.0.0.0/8"},
      {"10.1.2.3", "10.1.2.3/32"},
      {"10.1.2.255/31", "10.1.2.254/31"},
      {"255.255.255.255/0", "0.0.0.0/0"},
      {"255.255.255.255/1", "128.0.0.0/1"},
      {"255.255.255.255/23", "255.255.254.0/23"},
      {"::1", "::1/128"},
      {"2001:db8:ffff::1/33", "2001:db8:8000::/33"},
      {"ffff::/0", "::/0"},
      {"", ""},
      {"/", ""},
      {"/8", ""},
      {"10.0.0.0/", ""},
      {"10.0.0.0/33", ""},
      {"10.0.0.0/-1", ""},
      {"10.0.0.0/+8", ""},
      {"10.0.0.0/ 8", ""},
      {"10.0.0.0/8 ", ""},
      {"10.0.0.0/8/8", ""},
      {"10.0.0.0/255.0.0.0", ""},
      {"10.0.0.0/4294967304", ""},
      {"10/8", ""},
      {"::/129", ""},
      {"::/18446744073709551744", ""},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = base::Prefix::parse(c.text);
    CHECK(parsed.has_value() == !c.canonical.empty());
    if (parsed) CHECK(parsed->to_string() == c.canonical);
  }
}

TEST_CASE("a prefix contains its own family's addresses that begin with it, at every length") {
  for (const std::string_view text :
       {"255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}) {
    const base::IpAddress ones = address(text);
    const auto bits = static_cast<unsigned>(ones.bytes().size() * 8);
    for (unsigned length = 0; length <= bits; ++length) {
      CAPTURE(length);
      const auto prefix = base::Prefix::make(ones, length);
      REQUIRE(prefix.has_value());
      CHECK(prefix->length() == length);
      CHECK(prefix->is_host() == (length == bits));
      CHECK(prefix->contains(ones));
      CHECK(prefix->contains(prefix->address()));
      for (unsigned flipped = 0; flipped < bits; ++flipped) {
        std::array<std::uint8_t, 16> octets{};
        std::copy(ones.bytes().begin(), ones.bytes().end(), octets.begin());
        octets[flipped / 8] =
            static_cast<std::uint8_t>(octets[flipped / 8] ^ (0x80U >> (flipped % 8)));
        const auto other = base::IpAddress::from_bytes(base::Bytes(octets).first(bits / 8));
        REQUIRE(prefix->contains(*other) == (flipped >= length));
      }
    }
    CHECK_FALSE(base::Prefix::make(ones, bits + 1).has_value());
    CHECK_FALSE(base::Prefix::make(ones, ~0U).has_value());
  }
  CHECK_FALSE(base::Prefix::parse("0.0.0.0/0")->contains(address("::1")));
  CHECK_FALSE(base::Prefix::parse("::/0")->contains(address("1.2.3.4")));
}

}  // namespace
