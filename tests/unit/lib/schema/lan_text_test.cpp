#include "schema/lan_text.hpp"

#include <doctest/doctest.h>

#include <string>

#include "dns/update.hpp"
#include "schema/owner_name.hpp"

namespace {

using schema::LanEndpoints;
using Octets = std::vector<std::uint8_t>;

base::Endpoint endpoint(const std::string& text) {
  return *base::Endpoint::parse(text);
}

std::string text_of(std::initializer_list<std::string> strings) {
  std::string rdata;
  for (const std::string& one : strings) rdata += static_cast<char>(one.size()) + one;
  return rdata;
}

}  // namespace

TEST_CASE("which addresses may be announced") {
  struct Row {
    const char* text;
    bool expected;
  };
  const std::vector<Row> rows = {
      {"10.1.2.3:51820", true},
      {"172.16.0.1:1", true},
      {"192.168.1.5:65535", true},
      {"203.0.113.10:51820", true},
      {"[fd12::1]:51820", true},
      {"[2001:db8::1]:51820", true},
      {"[3fff:ffff::1]:51820", true},
      {"100.64.0.1:51820", false},    // RFC 6598: between a subscriber and its provider
      {"100.127.255.255:1", false},   //
      {"0.0.0.0:51820", false},       //
      {"127.0.0.1:51820", false},     //
      {"169.254.1.1:51820", false},   //
      {"224.0.0.1:51820", false},     //
      {"255.255.255.255:1", false},   //
      {"[::]:51820", false},          //
      {"[::1]:51820", false},         //
      {"[fe80::1]:51820", false},     //
      {"[ff02::1]:51820", false},     //
      {"[fec0::1]:51820", false},     // RFC 3879: site-local is no more
      {"[64:ff9b::a00:1]:1", false},  // RFC 6052
      {"[4000::1]:51820", false},     // not assigned
      {"[::ffff:10.0.0.1]:1", false},
      {"[::ffff:203.0.113.1]:1", false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(schema::is_lan_endpoint(endpoint(row.text)) == row.expected);
  }
  CHECK(!schema::is_lan_endpoint({*base::IpAddress::parse("10.0.0.1"), base::Port{0}}));
}

TEST_CASE("the strings of an announcement") {
  const std::string one = "192.168.1.5:51820";
  struct Row {
    const char* name;
    std::string rdata;
    std::size_t expected;  // 0: refused
  };
  const std::vector<Row> rows = {
      {"one", text_of({one}), 1},
      {"both families", text_of({one, "[fd00::5]:51820"}), 2},
      {"eight", text_of({one, one, one, one, one, one, one, one}), 8},
      {"nine", text_of({one, one, one, one, one, one, one, one, one}), 0},
      {"none", "", 0},
      {"an empty string", text_of({one, ""}), 0},
      {"no port", text_of({"192.168.1.5"}), 0},
      {"a name", text_of({"router.local:51820"}), 0},
      {"one bad among good ones", text_of({one, "127.0.0.1:51820", one}), 0},
      {"shorter than it says", text_of({one}).substr(0, 10), 0},
      {"NUL", text_of({one + std::string(1, '\0')}), 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto endpoints = schema::parse_lan_text(base::as_bytes(row.rdata));
    CHECK(endpoints.has_value() == (row.expected > 0));
    if (!endpoints) continue;
    CHECK(endpoints->size() == row.expected);
    Octets buffer(schema::max_lan_text_octets);
    base::ByteWriter writer(buffer);
    schema::write_lan_text(writer, *endpoints);
    CHECK(base::as_text(writer.written()) == row.rdata);
  }
}

TEST_CASE("the longest announcement in the longest zone fits its message") {
  std::string text;
  while (text.size() < schema::max_zone_octets - 2) text += (text.size() % 2 == 0) ? "a" : ".";
  const dns::Name zone = *dns::Name::parse(text);
  REQUIRE(zone.view().wire().size() >= schema::max_zone_octets - 1);
  const LanEndpoints endpoints(8, endpoint("[2001:1111:1111:1111:1111:1111:1111:1111]:65535"));
  const wg::PublicKey key{base::Octets32{1, 2, 3}};
  const Octets message = schema::write_lan_update(7, zone, key, endpoints);
  const auto update = dns::parse_update(message);
  REQUIRE(update);
  CHECK(update->head.rcode == dns::Rcode::noerror);
  REQUIRE(update->records.size() == 2);
  CHECK(schema::parse_lan_text(update->records[1].rdata) == endpoints);
  CHECK(schema::parse_peer_name(update->records[0].owner, zone)->form ==
        schema::PeerName::Form::lan);
  CHECK(dns::parse_update(schema::write_lan_update(7, zone, key, {}))->records.size() == 1);
}
