#include "noise/message.hpp"

#include <doctest/doctest.h>

#include <array>
#include <utility>
#include <vector>

namespace {

using Octets = std::vector<std::uint8_t>;

Octets filled(std::size_t size, std::uint8_t octet) {
  return Octets(size, octet);
}

TEST_CASE("an initiation, octet by octet") {
  Octets message(noise::initiation_octets);
  base::Octets32 key{};
  key.fill(0xee);
  noise::write_initiation(0x04030201, wg::PublicKey(key), filled(48, 0x55), filled(28, 0x77),
                          message);
  Octets expected = {1, 0, 0, 0, 1, 2, 3, 4};
  for (const auto& [count, octet] : {std::pair(32, 0xee), {48, 0x55}, {28, 0x77}, {32, 0}})
    expected.insert(expected.end(), static_cast<std::size_t>(count),
                    static_cast<std::uint8_t>(octet));
  CHECK(message == expected);

  const auto parsed = noise::parse_message(message);
  REQUIRE(parsed.has_value());
  const auto& initiation = std::get<noise::Initiation>(*parsed);
  CHECK(initiation.sender == 0x04030201);
  CHECK(initiation.ephemeral == wg::PublicKey(key));
  CHECK(initiation.sealed_static.size() == 48);
  CHECK(initiation.sealed_timestamp[0] == 0x77);
  CHECK(initiation.macs.before_mac1.size() == 116);
  CHECK(initiation.macs.before_mac2.size() == 132);
}

TEST_CASE("a response, a cookie reply and data, there and back") {
  Octets message(noise::response_octets);
  noise::write_response(1, 2, wg::PublicKey(), filled(16, 3), message);
  auto parsed = noise::parse_message(message);
  REQUIRE(parsed.has_value());
  CHECK(std::get<noise::Response>(*parsed).sender == 1);
  CHECK(std::get<noise::Response>(*parsed).receiver == 2);
  CHECK(std::get<noise::Response>(*parsed).sealed_nothing.size() == 16);
  CHECK(std::get<noise::Response>(*parsed).macs.before_mac1.size() == 60);

  message.assign(noise::cookie_reply_octets, 0);
  noise::Nonce24 nonce{};
  nonce.fill(9);
  noise::write_cookie_reply(5, nonce, filled(32, 8), message);
  parsed = noise::parse_message(message);
  REQUIRE(parsed.has_value());
  CHECK(std::get<noise::CookieReply>(*parsed).receiver == 5);
  CHECK(std::get<noise::CookieReply>(*parsed).nonce == nonce);
  CHECK(std::get<noise::CookieReply>(*parsed).sealed_cookie[31] == 8);

  message.assign(noise::keepalive_octets, 0);
  noise::write_data_header(6, 0x0807060504030201, message);
  CHECK(message[8] == 1);
  CHECK(message[15] == 8);
  parsed = noise::parse_message(message);
  REQUIRE(parsed.has_value());
  CHECK(std::get<noise::TransportData>(*parsed).counter == 0x0807060504030201);
  CHECK(std::get<noise::TransportData>(*parsed).sealed.size() == 16);
}

TEST_CASE("only the four types, each of its own length") {
  const std::array<std::size_t, 3> fixed = {148, 92, 64};
  for (int type = 0; type < 256; ++type) {
    for (std::size_t size = 0; size < 200; ++size) {
      Octets message(size);
      if (size > 0) message[0] = static_cast<std::uint8_t>(type);
      const bool is_right =
          (type >= 1 && type <= 3 && size == fixed[static_cast<std::size_t>(type) - 1]) ||
          (type == 4 && size >= noise::keepalive_octets);
      CAPTURE(type);
      CAPTURE(size);
      CHECK(noise::parse_message(message).has_value() == is_right);
    }
  }
  for (const std::size_t reserved : {1U, 2U, 3U}) {
    Octets message(noise::keepalive_octets);
    message[0] = 4;
    message[reserved] = 1;
    CHECK_FALSE(noise::parse_message(message).has_value());
  }
}

TEST_CASE("padding") {
  CHECK(noise::padded_size(0) == 0);
  CHECK(noise::padded_size(1) == 16);
  CHECK(noise::padded_size(16) == 16);
  CHECK(noise::padded_size(1420) == 1424);
}

}  // namespace
