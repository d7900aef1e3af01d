#include "schema/peer_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.hpp"
#include "schema/relay_text.hpp"

namespace {

using Strings = std::vector<std::string>;

const std::string pub = "pub=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

base::Prefix prefix(std::string_view text) {
  return *base::Prefix::parse(text);
}
const std::string relay_a = "aebagbafaydqqcikbmga2dqpcaireeyuculbogazdinryhi6d4qa";
const std::string relay_b = std::string(51, 'a') + "a";

wg::PublicKey key_of(std::string_view base32) {
  return wg::PublicKey(*base::parse_base32(base32));
}
base::WallTime time(std::int64_t seconds) {
  return base::WallTime(std::chrono::seconds(seconds));
}

}  // namespace

TEST_CASE("the public view's strings are enough") {
  const auto text = schema::parse_peer_text(Strings{"txtvers=1", pub});
  REQUIRE(text);
  CHECK("pub=" + text->public_key.to_base64() == pub);
  CHECK(text->allowed_ips.empty());
  CHECK(!text->since);
  CHECK(!text->stale);
  CHECK(!text->is_hub);
  CHECK(text->relays.empty());
}

TEST_CASE("the points that pass packets on, the continued list in its order") {
  const auto text = schema::parse_peer_text(
      Strings{"txtvers=1", pub, "relay2=" + relay_a, "RELAY=" + relay_b + "," + relay_a});
  REQUIRE(text);
  CHECK(text->relays == std::vector{key_of(relay_b), key_of(relay_a), key_of(relay_a)});
  std::string many = "relay=" + relay_a;
  for (std::size_t i = 0; i < schema::max_relays; ++i) many += "," + relay_b;
  const auto cut = schema::parse_peer_text(Strings{"txtvers=1", pub, many});
  REQUIRE(cut);
  CHECK(cut->relays.size() == schema::max_relays);
}

TEST_CASE("the private view's strings are read, the continued list in its order") {
  const auto text = schema::parse_peer_text(
      Strings{"txtvers=1", pub, "allowed3=192.0.2.0/24", "allowed=10.0.0.2/32,fd00::2/128",
              "allowed2=10.1.0.0/16", "since=1763800000", "stale=1763800500", "role=hub",
              "map=apdm", "name=bob-2"});
  REQUIRE(text);
  CHECK(text->allowed_ips == std::vector<base::Prefix>{prefix("10.0.0.2/32"), prefix("fd00::2/128"),
                                                       prefix("10.1.0.0/16"),
                                                       prefix("192.0.2.0/24")});
  CHECK(text->since == time(1763800000));
  CHECK(text->stale == time(1763800500));
  CHECK(text->is_hub);
  CHECK(text->mapping == schema::NatMapping::address_and_port_dependent);
  CHECK(text->name == "bob-2");
}

TEST_CASE("a name that no peer can have is none") {
  for (const std::string& name : {std::string(), std::string("a.b"), std::string("-a"),
                                  std::string("a\nb"), relay_a, std::string(64, 'a')}) {
    CAPTURE(name);
    const auto text = schema::parse_peer_text(Strings{"txtvers=1", pub, "name=" + name});
    REQUIRE(text);
    CHECK(text->name.empty());
  }
}

TEST_CASE("what is unknown is skipped, and the first string of a key counts") {
  const auto text = schema::parse_peer_text(
      Strings{"TXTVERS=1", "", "flag", "=nothing", "colour=blue", pub, "pub=second", "role=relay",
              "role=hub", "map=new", "since=5", "since=x", std::string("\xff\x00=\x01", 4)});
  REQUIRE(text);
  CHECK(!text->is_hub);
  CHECK(!text->mapping);
  CHECK(text->since == time(5));
}

TEST_CASE("strings that are not of version 1, without the key, or malformed are refused") {
  const struct {
    std::string what;
    Strings strings;
  } rows[] = {
      {"nothing", {}},
      {"no version", {pub}},
      {"another version", {"txtvers=2", pub}},
      {"an empty version", {"txtvers=", pub}},
      {"no key", {"txtvers=1"}},
      {"an empty key", {"txtvers=1", "pub="}},
      {"a key one character short", {"txtvers=1", pub.substr(0, pub.size() - 1)}},
      {"a key one character long", {"txtvers=1", pub + "="}},
      {"an address that is none", {"txtvers=1", pub, "allowed=10.0.0.256/32"}},
      {"a length that is none", {"txtvers=1", pub, "allowed=10.0.0.2/33"}},
      {"an empty item", {"txtvers=1", pub, "allowed=10.0.0.2/32,,10.0.0.3/32"}},
      {"an empty last item", {"txtvers=1", pub, "allowed=10.0.0.2/32,"}},
      {"a space", {"txtvers=1", pub, "allowed=10.0.0.2/32, 10.0.0.3/32"}},
      {"a broken continuation", {"txtvers=1", pub, "allowed=10.0.0.2/32", "allowed2=x"}},
      {"a relay in base64", {"txtvers=1", pub, "relay=" + pub.substr(4)}},
      {"a relay with padding", {"txtvers=1", pub, "relay=" + relay_a + "===="}},
      {"an empty last relay", {"txtvers=1", pub, "relay=" + relay_a + ","}},
      {"a relay with spare bits", {"txtvers=1", pub, "relay=" + std::string(51, 'a') + "b"}},
      {"no time", {"txtvers=1", pub, "since="}},
      {"a negative time", {"txtvers=1", pub, "since=-1"}},
      {"a time with a fraction", {"txtvers=1", pub, "stale=1.5"}},
      {"a time after the year 9999", {"txtvers=1", pub, "since=253402300800"}},
      {"a time of 40 digits", {"txtvers=1", pub, "since=" + std::string(40, '9')}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(!schema::parse_peer_text(row.strings));
  }
}

TEST_CASE("the latest time and an empty list are read") {
  const auto text =
      schema::parse_peer_text(Strings{"txtvers=1", pub, "since=253402300799", "allowed="});
  REQUIRE(text);
  CHECK(text->since == time(253402300799));
  CHECK(text->allowed_ips.empty());
}
