#include "schema/relay_text.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <variant>
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

std::string txt_rdata(std::initializer_list<std::string> strings) {
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
      {"one", txt_rdata({via}), 1},
      {"capitals", txt_rdata({"VIA=AEBA" + std::string(48, 'A')}), 1},
      {"eight", txt_rdata({via, via, via, via, via, via, via, via}), 8},
      {"nine", txt_rdata({via, via, via, via, via, via, via, via, via}), 0},
      {"none", "", 0},
      {"an empty string", txt_rdata({via, ""}), 0},
      {"no word", txt_rdata({key}), 0},
      {"another word", txt_rdata({"vie=" + key}), 0},
      {"one character short", txt_rdata({via.substr(0, via.size() - 1)}), 0},
      {"padding", txt_rdata({via + "===="}), 0},
      {"spare bits", txt_rdata({"via=" + std::string(51, 'a') + "b"}), 0},
      {"not base32", txt_rdata({"via=" + std::string(51, '1') + "a"}), 0},
      {"shorter than it says", txt_rdata({via}).substr(0, 30), 0},
      {"one bad among good ones", txt_rdata({via, "via=", via}), 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto request = schema::parse_relay_request(base::as_bytes(row.rdata));
    CHECK(request.has_value() == (row.expected > 0));
    if (!request) continue;
    const auto* const found = std::get_if<schema::ViaRequest>(&*request);
    REQUIRE(found != nullptr);
    CHECK(found->peers.size() == row.expected);
  }
}

TEST_CASE("what asks for a pause") {
  using std::chrono::milliseconds;
  const wg::PublicKey peer = make_keys(1)[0];
  const std::string key = schema::key_label(peer);
  const std::string pause = "pause=" + key;
  struct Row {
    const char* name;
    std::string rdata;
    bool is_accepted;
    std::optional<milliseconds> length{};
  };
  const std::vector<Row> rows = {
      {"no time", txt_rdata({pause}), true},
      {"a time", txt_rdata({pause, "for=400"}), true, milliseconds(400)},
      {"capitals", txt_rdata({"PAUSE=" + key, "FOR=1"}), true, milliseconds(1)},
      {"none at all", txt_rdata({pause, "for=0"}), true, milliseconds(0)},
      {"zeros in front", txt_rdata({pause, "for=0000000000500"}), true, milliseconds(500)},
      {"the greatest", txt_rdata({pause, "for=4294967295"}), true, milliseconds(4'294'967'295)},
      {"one more", txt_rdata({pause, "for=4294967296"}), false},
      {"many digits", txt_rdata({pause, "for=" + std::string(251, '9')}), false},
      {"no digits", txt_rdata({pause, "for="}), false},
      {"below 0", txt_rdata({pause, "for=-1"}), false},
      {"a sign", txt_rdata({pause, "for=+1"}), false},
      {"a unit", txt_rdata({pause, "for=400ms"}), false},
      {"a fraction", txt_rdata({pause, "for=0.4"}), false},
      {"hexadecimal", txt_rdata({pause, "for=0x190"}), false},
      {"a space before", txt_rdata({pause, "for= 400"}), false},
      {"a space behind", txt_rdata({pause, "for=400 "}), false},
      {"two times", txt_rdata({pause, "for=400", "for=400"}), false},
      {"the time first", txt_rdata({"for=400", pause}), false},
      {"the time alone", txt_rdata({"for=400"}), false},
      {"an empty string", txt_rdata({pause, ""}), false},
      {"an empty string first", txt_rdata({"", pause}), false},
      {"two peers", txt_rdata({pause, pause}), false},
      {"the other request with it", txt_rdata({pause, "via=" + key}), false},
      {"with the other request", txt_rdata({"via=" + key, pause}), false},
      {"another word", txt_rdata({pause, "fog=400"}), false},
      {"nobody", txt_rdata({"pause="}), false},
      {"one character short", txt_rdata({pause.substr(0, pause.size() - 1)}), false},
      {"padding", txt_rdata({pause + "===="}), false},
      {"spare bits", txt_rdata({"pause=" + std::string(51, 'a') + "b"}), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto request = schema::parse_relay_request(base::as_bytes(row.rdata));
    REQUIRE(request.has_value() == row.is_accepted);
    if (!request) continue;
    const auto* const found = std::get_if<schema::PauseRequest>(&*request);
    REQUIRE(found != nullptr);
    CHECK(found->peer == peer);
    CHECK(found->length == row.length);
  }
  const std::string whole = txt_rdata({pause, "for=400"});
  for (std::size_t octets = 0; octets < whole.size(); ++octets) {
    CAPTURE(octets);
    const auto request = schema::parse_relay_request(base::as_bytes(whole.substr(0, octets)));
    CHECK(request.has_value() == (octets == 1 + pause.size()));
  }
}

TEST_CASE("the longest requests in the longest zone fit their messages") {
  std::string text;
  while (text.size() < schema::max_zone_octets - 2) text += (text.size() % 2 == 0) ? "a" : ".";
  const dns::Name zone = *dns::Name::parse(text);
  REQUIRE(zone.view().wire().size() >= schema::max_zone_octets - 1);
  const wg::PublicKey key{base::Octets32{1, 2, 3}};
  const Keys peers = make_keys(schema::max_via_peers);
  const auto read = [&](const std::vector<std::uint8_t>& message) {
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
    const auto request = schema::parse_relay_request(record.rdata);
    REQUIRE(request);
    return *request;
  };
  const auto via = read(schema::write_via_update(7, zone, key, peers));
  REQUIRE(std::holds_alternative<schema::ViaRequest>(via));
  CHECK(std::get<schema::ViaRequest>(via).peers == peers);
  for (const std::uint32_t length : {0U, 400U, 0xffffffffU}) {
    CAPTURE(length);
    const std::chrono::milliseconds asked(length);
    const auto pause = read(schema::write_pause_update(7, zone, key, peers[1], asked));
    REQUIRE(std::holds_alternative<schema::PauseRequest>(pause));
    CHECK(std::get<schema::PauseRequest>(pause).peer == peers[1]);
    CHECK(std::get<schema::PauseRequest>(pause).length == asked);
  }
}
