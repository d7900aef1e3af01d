// Updates of `_path.K.Z`; those of other names are in peer_updates_test.cpp.
#include "dnsd/tunnel/peer_updates.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "schema/path_text.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"
#include "tests/unit/dnsd/tunnel/update_server.hpp"

namespace {

using namespace update_server;

std::string write_way(const schema::PeerPath& path) {
  Octets rdata(schema::max_path_text_octets);
  base::ByteWriter writer(rdata);
  schema::write_path_text(writer, path);
  return std::string(base::as_text(writer.written()));
}

/// All records of a peer, as a zone file.
std::string dump(const Server& server, const wg::PublicKey& key, dnsd::View view) {
  std::string text;
  server.fixture.zone()->for_each_peer_record(
      key, view, [&](dns::NameView owner, RrType type, dns::Ttl ttl, base::Bytes rdata) {
        text += dns::to_zone_line(owner, ttl, type, rdata);
      });
  return text;
}

schema::PeerPaths told_by(const Server& server, const wg::PublicKey& sender) {
  const auto paths = server.fixture.live->paths.find(sender);
  return paths ? *paths : schema::PeerPaths();
}

}  // namespace

TEST_CASE("a peer tells its ways to others, and the private view alone shows them") {
  using schema::Way;
  using Kind = schema::PathEdit::Kind;
  Server server;
  const wg::PublicKey carol = AnswerFixture::key(3);
  const auto tell = [&](const std::vector<schema::PathEdit>& edits) {
    server.now += std::chrono::seconds(10);
    const Octets reply =
        server.ask(schema::write_path_update(7, server.zone, server.alice, edits), server.alice);
    REQUIRE(reply.size() >= 12);
    return Rcode{static_cast<std::uint16_t>(reply[3] & 0x0fU)};
  };
  CHECK(tell({{Kind::remove_all},
              {Kind::add, {server.bob, Way::direct, 16}},
              {Kind::add, {carol, Way::none}}}) == Rcode::noerror);
  CHECK(server.changes == 1);
  CHECK(told_by(server, server.alice) ==
        schema::PeerPaths{{server.bob, Way::direct, 16}, {carol, Way::none}});
  CHECK(dump(server, server.alice, dnsd::View::private_view).find("_path.") != std::string::npos);
  CHECK(dump(server, server.alice, dnsd::View::public_view).find("_path.") == std::string::npos);
  CHECK(tell({{Kind::add, {carol, Way::none}}}) == Rcode::noerror);
  CHECK(server.changes == 1);  // a renewal
  CHECK(tell({{Kind::add, {carol, Way::relay}}, {Kind::remove, {server.bob, Way::direct, 16}}}) ==
        Rcode::noerror);
  CHECK(server.changes == 2);
  CHECK(told_by(server, server.alice) == schema::PeerPaths{{carol, Way::relay}});
  CHECK(tell({{Kind::remove_all}}) == Rcode::noerror);
  CHECK(server.changes == 3);
  CHECK(told_by(server, server.alice).empty());
}

TEST_CASE("a message about ways that arrives twice is granted twice; another one is too early") {
  Server server;
  Draft draft;
  const dns::Name owner = schema::path_name(server.alice, server.zone);
  const Record added{owner, RrType::txt, RrClass::in, 1,
                     write_way({server.bob, schema::Way::direct, 16})};
  draft.updates = {added};
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  draft.updates[0].rdata = write_way({server.bob, schema::Way::relay, 16});
  CHECK(server.rcode(draft, server.alice) == Rcode::refused);
  CHECK(server.changes == 1);
  server.now += std::chrono::seconds(9);
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  CHECK(server.changes == 2);
}

TEST_CASE("other updates of ways are refused, and change nothing of what is told") {
  using schema::Way;
  Server server;
  const wg::PublicKey carol = AnswerFixture::key(3);
  const dns::Name owner = schema::path_name(server.alice, server.zone);
  const auto told = [&](const schema::PeerPath& path) {
    return Record{owner, RrType::txt, RrClass::in, 1, write_way(path)};
  };
  const Record good = told({server.bob, Way::direct, 16});
  Draft before;
  before.updates = {told({carol, Way::lan, 1})};
  REQUIRE(server.rcode(before, server.alice) == Rcode::noerror);
  server.now += std::chrono::seconds(10);
  const auto changed = [&](const std::function<void(Record&)>& change) {
    Record record = good;
    change(record);
    return record;
  };
  const auto removal = [&](RrClass rr_class, const std::string& rdata, std::uint32_t ttl) {
    return Record{owner, RrType::txt, rr_class, ttl, rdata};
  };
  struct Row {
    const char* name;
    std::vector<Record> updates;
    Rcode expected = Rcode::refused;
  };
  const std::vector<Row> rows = {
      {"another peer's ways",
       {changed([&](Record& r) { r.owner = schema::path_name(server.bob, server.zone); })}},
      {"one of another peer's among the own",
       {good, changed([&](Record& r) { r.owner = schema::path_name(server.bob, server.zone); })}},
      {"below the name", {changed([](Record& r) { REQUIRE(r.owner.prepend("x")); })}},
      {"about itself", {good, told({server.alice, Way::direct, 16})}},
      {"about nobody", {good, told({AnswerFixture::key(0xee), Way::direct, 16})}},
      {"no way", {good, changed([](Record& r) { r.rdata = good_text; })}},
      {"nothing", {good, changed([](Record& r) { r.rdata.clear(); })}},
      {"another type", {good, changed([](Record& r) { r.type = RrType::a; })}},
      {"class CHAOS", {good, changed([](Record& r) { r.rr_class = RrClass::chaos; })}},
      {"removing what is no way", {good, removal(RrClass::none, good_text, 0)}},
      {"removing every type", {good, {owner, RrType::any, RrClass::any, 0, ""}}},
      {"with LAN addresses", {good, {server.alice_lan, RrType::txt, RrClass::any, 0, ""}}},
      {"LAN addresses with it", {{server.alice_lan, RrType::txt, RrClass::any, 0, ""}, good}},
      {"with a request to the relay",
       {good,
        {schema::relay_name(server.alice, server.zone), RrType::txt, RrClass::in, 1, "\x04via="}}},
      {"removing all with data", {good, removal(RrClass::any, "x", 0)}, Rcode::formerr},
      {"removing all with a TTL", {good, removal(RrClass::any, "", 1)}, Rcode::formerr},
      {"removing one with a TTL", {good, removal(RrClass::none, good.rdata, 1)}, Rcode::formerr},
      {"seventeen records", std::vector<Record>(17, good)},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    Draft draft;
    draft.updates = row.updates;
    CHECK(server.rcode(draft, server.alice) == row.expected);
    CHECK(told_by(server, server.alice) == schema::PeerPaths{{carol, Way::lan, 1}});
    CHECK(told_by(server, server.bob).empty());
    CHECK(server.answer(dnsd::View::private_view, server.alice).empty());
  }
  Draft draft;
  draft.updates = {good};
  CHECK(server.rcode(draft, server.bob) == Rcode::refused);
  draft.prerequisites = {{owner, RrType::any, RrClass::any, 0, ""}};
  CHECK(server.rcode(draft, server.alice) == Rcode::refused);
  draft.prerequisites.clear();
  draft.updates = std::vector<Record>(8, good);  // with whole names
  REQUIRE(draft.write().size() > 1232);
  CHECK(server.rcode(draft, server.alice) == Rcode::refused);
  CHECK(server.changes == 1);
  draft.updates = {good};
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);  // the refused ones did not count
  CHECK(server.changes == 2);
}

TEST_CASE("a way to a peer that is registered no more can be removed, and not told") {
  using schema::Way;
  Server server;
  const wg::PublicKey carol = AnswerFixture::key(3);
  Draft draft;
  draft.updates = {{schema::path_name(server.alice, server.zone), RrType::txt, RrClass::in, 1,
                    write_way({carol, Way::relay, 16})}};
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  const dnsd::PeerChange gone{carol, std::nullopt};
  server.fixture.peers.apply({&gone, 1});
  server.now += std::chrono::seconds(10);
  CHECK(server.rcode(draft, server.alice) == Rcode::refused);
  draft.updates[0].rr_class = RrClass::none;
  draft.updates[0].ttl = 0;
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  CHECK(told_by(server, server.alice).empty());
}

TEST_CASE("a peer that lies about its ways changes nothing but its own word") {
  using schema::Way;
  Server server;
  const auto before = server.fixture.peers.find(server.bob);
  const std::string records = dump(server, server.bob, dnsd::View::private_view);
  REQUIRE(!records.empty());
  Draft draft;
  draft.updates = {{schema::path_name(server.alice, server.zone), RrType::txt, RrClass::in, 1,
                    write_way({server.bob, Way::none})}};
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  CHECK(dump(server, server.bob, dnsd::View::private_view) == records);
  const auto after = server.fixture.peers.find(server.bob);
  REQUIRE((before && after));
  CHECK(before->ipv4 == after->ipv4);
  CHECK(before->ipv6 == after->ipv6);
}
