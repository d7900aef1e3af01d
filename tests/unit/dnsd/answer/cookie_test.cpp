#include "dnsd/answer/cookie.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace {

using base::WallTime;
using dnsd::CookieState;
using std::chrono::seconds;

constexpr dnsd::CookieSecret secret = {0xe5, 0xe9, 0x73, 0xe5, 0xa6, 0xb2, 0xa4, 0x3f,
                                       0x48, 0xe7, 0xdc, 0x84, 0x9e, 0x37, 0xbf, 0xcf};
const std::vector<std::uint8_t> client_cookie = {0x24, 0x64, 0xc4, 0xab, 0xcf, 0x10, 0xc9, 0x57};
constexpr const char* client_text = "198.51.100.100";
const base::IpAddress client = *base::IpAddress::parse(client_text);
constexpr WallTime then{seconds(1559731985)};

std::string hex(base::Bytes octets) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t octet : octets) {
    text += digits[octet >> 4U];
    text += digits[octet & 15U];
  }
  return text;
}

}  // namespace

TEST_CASE("RFC 9018 appendix A.1: learning a new server cookie") {
  const dnsd::CookieJar jar(secret);
  CHECK(hex(jar.make(client_cookie, client, then)) == "010000005cf79f111f8130c3eee29480");
}

TEST_CASE("RFC 9018 appendix A.4: an IPv6 client and a secret that rolled over") {
  const dnsd::CookieSecret old_secret = {0xdd, 0x3b, 0xdf, 0x93, 0x44, 0xb6, 0x78, 0xb1,
                                         0x85, 0xa6, 0xf5, 0xcb, 0x60, 0xfc, 0xa7, 0x15};
  const dnsd::CookieSecret new_secret = {0x44, 0x55, 0x36, 0xbc, 0xd2, 0x51, 0x32, 0x98,
                                         0x07, 0x5a, 0x5d, 0x37, 0x96, 0x63, 0xc9, 0x62};
  const dnsd::CookieJar jar(new_secret, old_secret);
  const std::vector<std::uint8_t> cookie = {0x22, 0x68, 0x1a, 0xb9, 0x7d, 0x52, 0xc2, 0x98};
  const auto address = *base::IpAddress::parse("2001:db8:220:1:59de:d0f4:8769:82b8");
  const std::vector<std::uint8_t> old_cookie = {0x01, 0x00, 0x00, 0x00, 0x5c, 0xf7, 0xc5, 0x79,
                                                0x26, 0x55, 0x6b, 0xd0, 0x93, 0x4c, 0x72, 0xf8};
  const WallTime now{seconds(1559741961)};
  CHECK(jar.check(cookie, old_cookie, address, now) == CookieState::aging);
  CHECK(hex(jar.make(cookie, address, now)) == "010000005cf7c609a6bb79d16625507a");
}

TEST_CASE("RFC 9018 §4.3: what is accepted") {
  const dnsd::CookieJar jar(secret);
  const auto cookie = jar.make(client_cookie, client, then);
  const auto check = [&](WallTime now) { return jar.check(client_cookie, cookie, client, now); };
  CHECK(check(then) == CookieState::fresh);
  CHECK(check(then + seconds(1800)) == CookieState::fresh);
  CHECK(check(then + seconds(1801)) == CookieState::aging);
  CHECK(check(then + seconds(3600)) == CookieState::aging);
  CHECK(check(then + seconds(3601)) == CookieState::invalid);
  CHECK(check(then - seconds(300)) == CookieState::fresh);
  CHECK(check(then - seconds(301)) == CookieState::invalid);
  const auto is_invalid = [&](base::Bytes theirs, base::Bytes ours, const char* address) {
    return jar.check(theirs, ours, *base::IpAddress::parse(address), then) == CookieState::invalid;
  };
  CHECK(is_invalid(client_cookie, cookie, "198.51.100.101"));
  CHECK(is_invalid(client_cookie, cookie, "2001:db8::1"));
  std::vector<std::uint8_t> other = client_cookie;
  other[0] ^= 1U;
  CHECK(is_invalid(other, cookie, client_text));
  for (std::size_t i = 0; i < cookie.size(); ++i) {
    CAPTURE(i);
    auto bent = cookie;
    bent[i] ^= 0x80U;
    CHECK(is_invalid(client_cookie, bent, client_text));
    CHECK(is_invalid(client_cookie, base::Bytes(cookie).first(i), client_text));
  }
  std::vector<std::uint8_t> longer(cookie.begin(), cookie.end());
  longer.push_back(0);
  CHECK(is_invalid(client_cookie, longer, client_text));
}

TEST_CASE("RFC 9018 §5: a rollover keeps the cookies of the previous secret") {
  const dnsd::CookieSecret next = {1};
  const dnsd::CookieJar before(secret);
  const dnsd::CookieJar after(next, secret);
  const dnsd::CookieJar later(next);
  const auto cookie = before.make(client_cookie, client, then);
  CHECK(after.check(client_cookie, cookie, client, then) == CookieState::aging);
  CHECK(later.check(client_cookie, cookie, client, then) == CookieState::invalid);
  const auto renewed = after.make(client_cookie, client, then);
  CHECK(later.check(client_cookie, renewed, client, then) == CookieState::fresh);
  CHECK(dnsd::CookieJar::draw_secret() != dnsd::CookieJar::draw_secret());
}
