#include "wg/public_key.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <unordered_set>

namespace {

constexpr std::string_view text = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
constexpr std::string_view hex = "c53201039adba14be71f886da1d8dbe9eebded08cb111b75340078999aa9f038";

TEST_CASE("one key in its three forms") {
  const auto key = wg::PublicKey::parse(text);
  REQUIRE(key.has_value());
  CHECK(key->to_base64() == text);
  CHECK(key->to_hex() == hex);
  CHECK(wg::PublicKey::parse_hex(hex) == key);
  CHECK(key->to_short() == "xTIB…p8Dg");
  CHECK(wg::describe_peer("alice", *key) == "alice (xTIB…p8Dg)");
  CHECK(wg::describe_peer("", *key) == "(xTIB…p8Dg)");
  CHECK_FALSE(key->is_zero());
  CHECK(wg::PublicKey().is_zero());
}

TEST_CASE("no other text is a key") {
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK_FALSE(wg::PublicKey::parse(text.substr(0, size)).has_value());
  for (std::size_t size = 0; size < hex.size(); ++size)
    CHECK_FALSE(wg::PublicKey::parse_hex(hex.substr(0, size)).has_value());
  CHECK_FALSE(wg::PublicKey::parse(std::string(text) + "=").has_value());
  CHECK_FALSE(wg::PublicKey::parse_hex(std::string(hex) + "0").has_value());
}

TEST_CASE("keys are ordered by their octets") {
  base::Octets32 low{};
  low[0] = 1;
  low[31] = 255;
  base::Octets32 high{};
  high[0] = 128;
  CHECK(wg::PublicKey(low) < wg::PublicKey(high));
}

TEST_CASE("different keys hash differently") {
  std::unordered_set<wg::PublicKey> keys;
  std::set<std::size_t> hashes;
  for (std::size_t i = 0; i < 32; ++i) {
    base::Octets32 octets{};
    octets[i] = 1;
    keys.insert(wg::PublicKey(octets));
    hashes.insert(std::hash<wg::PublicKey>()(wg::PublicKey(octets)));
  }
  CHECK(keys.size() == 32);
  CHECK(hashes.size() == 32);
}

}  // namespace
