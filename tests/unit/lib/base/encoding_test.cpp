#include "base/encoding.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>
#include <string_view>

namespace {

struct Case {
  std::string_view hex;
  std::string_view base64;
  std::string_view base32;
};

// Computed with Python's base64 module.
constexpr std::array<Case, 4> cases = {{
    {"0000000000000000000000000000000000000000000000000000000000000000",
     "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
     "//////////////////////////////////////////8=",
     "777777777777777777777777777777777777777777777777777q"},
    {"c53201039adba14be71f886da1d8dbe9eebded08cb111b75340078999aa9f038",
     "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
     "yuzaca423oquxzy7rbw2dwg35hxl33iizmirw5juab4jtgvj6a4a"},
    {"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
     "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=",
     "aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qa"},
}};

std::string to_text(const std::array<char, base::base32_length>& digits) {
  return {digits.begin(), digits.end()};
}

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return upper;
}

TEST_CASE("known values in all three forms, both directions") {
  for (const Case& c : cases) {
    CAPTURE(c.hex);
    const auto octets = base::parse_hex(c.hex);
    REQUIRE(octets.has_value());
    CHECK(base::to_hex(*octets) == c.hex);
    CHECK(base::to_base64(*octets) == c.base64);
    CHECK(to_text(base::to_base32(*octets)) == c.base32);
    CHECK(base::parse_base64(c.base64) == octets);
    CHECK(base::parse_base32(c.base32) == octets);
    CHECK(base::parse_base32(std::string(c.base32) + "====") == octets);
    CHECK(base::parse_base32(to_upper(c.base32)) == octets);
    CHECK(base::parse_hex(to_upper(c.hex)) == octets);
  }
}

TEST_CASE("random values survive each form") {
  std::mt19937 random(1);  // NOLINT(bugprone-random-generator-seed): the same values each time
  for (int round = 0; round < 1000; ++round) {
    base::Octets32 octets{};
    for (auto& octet : octets) octet = static_cast<std::uint8_t>(random());
    REQUIRE(base::parse_hex(base::to_hex(octets)) == octets);
    REQUIRE(base::parse_base64(base::to_base64(octets)) == octets);
    REQUIRE(base::parse_base32(to_text(base::to_base32(octets))) == octets);
  }
}

/// The number of the 256 octets that leave the text valid at this place.
template <typename Parse>
int count_readable(std::string_view text, std::size_t place, Parse parse) {
  int count = 0;
  for (int value = 0; value < 256; ++value) {
    std::string changed(text);
    changed[place] = static_cast<char>(value);
    if (parse(changed)) ++count;
  }
  return count;
}

TEST_CASE("only the digits are read, and in the last one only those without spare bits") {
  const Case& c = cases[3];
  for (std::size_t place = 0; place < 52; ++place)
    CHECK(count_readable(c.base32, place, base::parse_base32) == (place == 51 ? 4 : 58));
  for (std::size_t place = 0; place < 44; ++place)
    CHECK(count_readable(c.base64, place, base::parse_base64) ==
          (place == 43 ? 1 : (place == 42 ? 16 : 64)));
  for (std::size_t place = 0; place < 64; ++place)
    CHECK(count_readable(c.hex, place, base::parse_hex) == 22);
}

TEST_CASE("no other length is read") {
  for (std::size_t size = 0; size <= 70; ++size) {
    CAPTURE(size);
    const std::string text(size, 'a');
    CHECK(base::parse_base32(text).has_value() == (size == 52));
    CHECK(base::parse_hex(text).has_value() == (size == 64));
    CHECK_FALSE(base::parse_base64(text).has_value());
    if (size > 0)
      CHECK(base::parse_base64(std::string(size - 1, 'A') + "=").has_value() == (size == 44));
  }
}

TEST_CASE("base32 padding is four signs at the end, or none") {
  const std::string digits(cases[0].base32);
  for (const std::string& text :
       {digits + "=", digits + "==", digits + "===", digits + "=====", "====" + digits,
        digits.substr(0, 51) + "=====", digits.substr(0, 48) + "====", digits + "aaaa",
        digits.substr(0, 51) + "=a===", std::string(56, '='), std::string(52, '=')}) {
    CAPTURE(text);
    CHECK_FALSE(base::parse_base32(text).has_value());
  }
}

TEST_CASE("lower case is that of ASCII") {
  for (unsigned value = 0; value < 256; ++value) {
    const auto octet = static_cast<std::uint8_t>(value);
    const bool is_upper = octet >= 'A' && octet <= 'Z';
    CHECK(base::to_lower(octet) == (is_upper ? octet + 32 : octet));
  }
}

}  // namespace
