#include "schema/relay_text.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "dns/update.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_text.hpp"

namespace {

using Keys = std::vector<wg::PublicKey>;

Keys make_keys(std::size_t count) {
  Keys keys;
  for (std::size_t i = 0; i < count; ++i)
    keys.emplace_back(base::Octets32{7, static_cast<std::uint8_t>(i), 9});
  return keys;
}

std::string via_rdata(std::initializer_list<std::string> strings) {
  std::string rdata;
  for (const std::string& one : strings) rdata += static_cast<char>(one.size()) + one;
  return rdata;
}

}  // namespace

TEST_CASE("the list of relays is read as it was written, in strings of at most 255 octets") {
  for (std::size_t count = 0; count <= schema::max_relays; ++count) {
    CAPTURE(count);
    const Keys keys = make_keys(count);
    std::vector<std::string> strings = schema::write_relay_strings(keys);
    CHECK(strings.size() == (count + 3) / 4);
    for (const std::string& text : strings) CHECK(text.size() <= 255);
    strings.insert(strings.begin(), {"txtvers=1", "pub=" + make_keys(1)[0].to_base64()});
    const auto text = schema::parse_peer_text(strings);
    REQUIRE(text);
    CHECK(text->relays == keys);
  }
  CHECK(schema::write_relay_strings(make_keys(2)) ==
        std::vector<std::string>{"relay=" + schema::key_label(make_keys(2)[0]) + "," +
                                 schema::key_label(make_keys(2)[1])});
}

TEST_CASE("what says through whom a peer is reached") {
  const std::string key = schema::key_label(make_keys(1)[0]);
  const std::string via = "via=" + key;
  struct Row {
    const char* name;
    std::string rdata;
    std::size_t expected;  // 0: refused
  };
  const std::vector<Row> rows = {
      {"one", via_rdata({via}), 1},
      {"capitals", via_rdata({"VIA=AEBA" + std::string(48, 'A')}), 1},
      {"eight", via_rdata({via, via, via, via, via, via, via, via}), 8},
      {"nine", via_rdata({via, via, via, via, via, via, via, via, via}), 0},
      {"none", "", 0},
      {"an empty string", via_rdata({via, ""}), 0},
      {"no word", via_rdata({key}), 0},
      {"another word", via_rdata({"vie=" + key}), 0},
      {"one character short", via_rdata({via.substr(0, via.size() - 1)}), 0},
      {"padding", via_rdata({via + "===="}), 0},
      {"spare bits", via_rdata({"via=" + std::string(51, 'a') + "b"}), 0},
      {"not base32", via_rdata({"via=" + std::string(51, '1') + "a"}), 0},
      {"shorter than it says", via_rdata({via}).substr(0, 30), 0},
      {"one bad among good ones", via_rdata({via, "via=", via}), 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto peers = schema::parse_via_text(base::as_bytes(row.rdata));
    CHECK(peers.has_value() == (row.expected > 0));
    if (peers) CHECK(peers->size() == row.expected);
  }
}

TEST_CASE("the longest request in the longest zone fits its message") {
  std::string text;
  while (text.size() < schema::max_zone_octets - 2) text += (text.size() % 2 == 0) ? "a" : ".";
  const dns::Name zone = *dns::Name::parse(text);
  REQUIRE(zone.view().wire().size() >= schema::max_zone_octets - 1);
  const wg::PublicKey key{base::Octets32{1, 2, 3}};
  const Keys peers = make_keys(schema::max_via_peers);
  const auto message = schema::write_via_update(7, zone, key, peers);
  const auto update = dns::parse_update(message);
  REQUIRE(update);
  CHECK(update->head.id == 7);
  CHECK(update->head.rcode == dns::Rcode::noerror);
  CHECK(update->head.name.equals(zone));
  REQUIRE(update->records.size() == 1);
  const dns::UpdateRecord& record = update->records[0];
  CHECK(record.owner.view().equals(schema::relay_name(key, zone)));
  CHECK(record.type == dns::RrType::txt);
  CHECK(record.rr_class == dns::RrClass::in);
  CHECK(schema::parse_via_text(record.rdata) == peers);
}
