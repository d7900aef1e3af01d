#include "schema/path_text.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

#include "dns/update.hpp"
#include "schema/owner_name.hpp"
#include "schema/peer_update.hpp"

namespace {

using namespace std::chrono_literals;
using schema::PathEdit;
using schema::PeerPath;
using schema::Way;
using Kind = schema::PathEdit::Kind;

wg::PublicKey peer_number(std::uint8_t number) {
  return wg::PublicKey(base::Octets32{0xaa, number});
}

std::string rdata_of(std::initializer_list<std::string> strings) {
  std::string rdata;
  for (const std::string& one : strings) rdata += static_cast<char>(one.size()) + one;
  return rdata;
}

dns::Name longest_zone() {
  std::string text;
  while (text.size() < schema::max_zone_octets - 2) text += text.size() % 2 == 0 ? "a" : ".";
  return *dns::Name::parse(text);
}

}  // namespace

TEST_CASE("a round trip is told as the next power of two") {
  struct Row {
    std::chrono::microseconds round_trip;
    std::uint32_t expected;
  };
  const std::vector<Row> rows = {
      {0us, 1},     {1us, 1},    {1ms, 1},      {1001us, 2},  {2ms, 2},
      {2001us, 4},  {16ms, 16},  {16001us, 32}, {100ms, 128}, {65536ms, 65536},
      {70s, 65536}, {1h, 65536}, {-5ms, 1},
  };
  for (const Row& row : rows) {
    CAPTURE(row.round_trip.count());
    CHECK(schema::round_up_rtt(row.round_trip) == row.expected);
  }
}

TEST_CASE("the strings of a way, both ways") {
  const wg::PublicKey key = peer_number(1);
  const std::string peer = "peer=" + schema::key_label(key);
  const std::vector<std::pair<std::string, PeerPath>> rows = {
      {rdata_of({peer, "way=direct", "rtt=16"}), {key, Way::direct, 16}},
      {rdata_of({peer, "way=lan", "rtt=1"}), {key, Way::lan, 1}},
      {rdata_of({peer, "way=relay", "rtt=65536"}), {key, Way::relay, 65536}},
      {rdata_of({peer, "way=direct"}), {key, Way::direct}},
      {rdata_of({peer, "way=none"}), {key, Way::none}},
  };
  for (const auto& [rdata, path] : rows) {
    CAPTURE(rdata);
    CHECK(schema::parse_path_text(base::as_bytes(rdata)) == path);
    std::vector<std::uint8_t> buffer(schema::max_path_text_octets);
    base::ByteWriter writer(buffer);
    schema::write_path_text(writer, path);
    CHECK(base::as_text(writer.written()) == rdata);
    for (std::size_t size = 0; size < rdata.size(); ++size) {
      CAPTURE(size);
      const auto cut = schema::parse_path_text(base::as_bytes(rdata.substr(0, size)));
      // Without its last string a record may be whole.
      CHECK((!cut || (path.rtt && cut == PeerPath{path.peer, path.way})));
    }
    CHECK(!schema::parse_path_text(base::as_bytes(rdata + '\0')));
  }
}

TEST_CASE("a way that is written otherwise is none") {
  const std::string label = schema::key_label(peer_number(1));
  const std::string peer = "peer=" + label;
  const std::string spare = label.substr(0, 51) + (label[51] == 'a' ? 'b' : 'r');
  struct Row {
    const char* name;
    std::string rdata;
  };
  const std::vector<Row> rows = {
      {"nothing", ""},
      {"no way", rdata_of({peer})},
      {"no peer", rdata_of({"way=direct"})},
      {"another order", rdata_of({"way=direct", peer})},
      {"another order of the rest", rdata_of({peer, "rtt=16", "way=direct"})},
      {"another way", rdata_of({peer, "way=hub"})},
      {"an empty way", rdata_of({peer, "way="})},
      {"capitals", rdata_of({peer, "way=DIRECT"})},
      {"a short key", rdata_of({peer.substr(0, 56), "way=direct"})},
      {"a padded key", rdata_of({peer + "====", "way=direct"})},
      {"spare bits of the key", rdata_of({"peer=" + spare, "way=direct"})},
      {"a round trip without a way", rdata_of({peer, "way=none", "rtt=16"})},
      {"no power of two", rdata_of({peer, "way=direct", "rtt=17"})},
      {"0 ms", rdata_of({peer, "way=direct", "rtt=0"})},
      {"an empty round trip", rdata_of({peer, "way=direct", "rtt="})},
      {"a leading zero", rdata_of({peer, "way=direct", "rtt=016"})},
      {"a sign", rdata_of({peer, "way=direct", "rtt=+16"})},
      {"a negative one", rdata_of({peer, "way=direct", "rtt=-16"})},
      {"a unit", rdata_of({peer, "way=direct", "rtt=16ms"})},
      {"more than a minute", rdata_of({peer, "way=direct", "rtt=131072"})},
      {"more than 32 bits", rdata_of({peer, "way=direct", "rtt=4294967296"})},
      {"a fourth string", rdata_of({peer, "way=direct", "rtt=16", ""})},
      {"twice", rdata_of({peer, "way=direct", "rtt=16", "rtt=16"})},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(!schema::parse_path_text(base::as_bytes(row.rdata)));
  }
}

TEST_CASE("as many steps as one message has fit it, in the longest zone") {
  const dns::Name zone = longest_zone();
  REQUIRE(zone.view().wire().size() >= schema::max_zone_octets - 1);
  std::vector<PathEdit> edits = {{Kind::remove_all}};
  for (std::uint8_t i = 0; i < schema::max_path_edits; ++i)
    edits.push_back(
        {i == 3 ? Kind::remove : Kind::add, {peer_number(i), Way::direct, schema::max_path_rtt}});
  const wg::PublicKey sender = peer_number(0xff);
  const auto message = schema::write_path_update(7, zone, sender, edits);
  CHECK(message.size() <= schema::max_update_octets);
  const auto update = dns::parse_update(message);
  REQUIRE(update);
  CHECK(update->head.rcode == dns::Rcode::noerror);
  CHECK(update->head.name.equals(zone));
  REQUIRE(update->records.size() == edits.size());
  for (std::size_t i = 0; i < edits.size(); ++i) {
    CAPTURE(i);
    const dns::UpdateRecord& record = update->records[i];
    CHECK(record.owner == schema::path_name(sender, zone));
    CHECK(record.type == dns::RrType::txt);
    const bool is_added = edits[i].kind == Kind::add;
    CHECK(record.rr_class == (i == 0     ? dns::RrClass::any
                              : is_added ? dns::RrClass::in
                                         : dns::RrClass::none));
    CHECK(record.ttl == (is_added ? schema::announced_ttl : 0));
    CHECK(record.rdata.empty() == (i == 0));
    if (i > 0) CHECK(schema::parse_path_text(record.rdata) == edits[i].path);
  }
}

TEST_CASE("a record is found by the peer that it is about") {
  const schema::PeerPaths paths = {{peer_number(1), Way::lan}, {peer_number(3), Way::none}};
  CHECK(schema::find_path(paths, peer_number(3)) == &paths[1]);
  CHECK(schema::find_path(paths, peer_number(2)) == nullptr);
  CHECK(schema::find_path(paths, peer_number(4)) == nullptr);
  CHECK(schema::find_place(paths, peer_number(2)) == paths.begin() + 1);
  CHECK(schema::find_path({}, peer_number(1)) == nullptr);
}
