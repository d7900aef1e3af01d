#include "dnsd/tunnel/peer_updates.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/encoding.hpp"
#include "schema/relay_text.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"
#include "tests/unit/dnsd/tunnel/update_server.hpp"

namespace {

using namespace update_server;
using dns::Rcode;
using dns::RrClass;
using dns::RrType;

/// Grants what the test says.
class Relay final : public dnsd::RelayRequests {
 public:
  bool adopt(const wg::PublicKey& peer, const wg::PublicKey& other,
             base::SteadyTime /*now*/) override {
    asked.emplace_back(peer, other);
    return other != refused;
  }
  bool pause(const wg::PublicKey& peer, const wg::PublicKey& other,
             std::chrono::milliseconds length, base::SteadyTime now) override {
    CHECK(now == AnswerFixture::now.steady);
    pauses.push_back({peer, other, length});
    return other != refused;
  }
  struct Pause {
    wg::PublicKey peer;
    wg::PublicKey other;
    std::chrono::milliseconds length;
    friend bool operator==(const Pause&, const Pause&) = default;
  };
  std::vector<Pause> pauses;
  std::vector<std::pair<wg::PublicKey, wg::PublicKey>> asked;
  wg::PublicKey refused;
};

}  // namespace

TEST_CASE("a peer announces, changes and withdraws the addresses of its network") {
  Server server;
  const auto ask = [&](const char* endpoint) {
    schema::LanEndpoints endpoints;
    if (endpoint != nullptr) endpoints = {*base::Endpoint::parse(endpoint)};
    const Octets reply =
        server.ask(schema::write_lan_update(7, server.zone, server.alice, endpoints), server.alice);
    REQUIRE(reply.size() ==
            12 + server.zone.view().wire().size() + 4);  // the reply has the zone, too
    CHECK(reply[3] == 0);
  };
  CHECK(server.answer(dnsd::View::private_view, server.alice).empty());
  ask("192.168.1.5:51820");
  CHECK(server.changes == 1);
  CHECK(server.answer(dnsd::View::private_view, server.alice) == good_text);
  CHECK(server.answer(dnsd::View::public_view, server.alice).empty());
  CHECK(server.answer(dnsd::View::private_view, server.bob).empty());
  ask("192.168.1.5:51820");
  CHECK(server.changes == 1);
  ask("10.1.1.1:4444");
  CHECK(server.changes == 2);
  CHECK(server.answer(dnsd::View::private_view, server.alice) ==
        "\x0d"
        "10.1.1.1:4444");
  ask(nullptr);
  CHECK(server.changes == 3);
  CHECK(server.answer(dnsd::View::private_view, server.alice).empty());
}

TEST_CASE("the form that is granted, in any case of letters") {
  Server server;
  CHECK(server.rcode(server.announcement(), server.alice) == Rcode::noerror);
  Draft draft = server.announcement();
  draft.zone = *dns::Name::parse("WG.Example.ORG.");
  for (Record& record : draft.updates) {
    std::string text = record.owner.to_string();
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    record.owner = *dns::Name::parse(text);
  }
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  CHECK(server.answer(dnsd::View::private_view, server.alice) == good_text);
}

TEST_CASE("everything else is refused, and changes nothing") {
  Server server;
  const dns::Name apex = server.zone;
  const auto spoil = [&](const std::function<void(Draft&)>& change) {
    Draft draft = server.announcement();
    change(draft);
    return draft;
  };
  const auto owned_by = [&](const dns::Name& owner) {
    return spoil([&](Draft& d) { d.updates[0].owner = d.updates[1].owner = owner; });
  };
  const Record nothing{server.alice_lan, RrType::any, RrClass::any, 0, ""};
  const Record tsig{*dns::Name::parse("key."), RrType::tsig, RrClass::any, 0, "x"};
  struct Row {
    const char* name;
    Draft draft;
    Rcode expected = Rcode::refused;
  };
  const std::vector<Row> rows = {
      {"another peer's announcement", owned_by(schema::lan_name(server.bob, apex))},
      {"the peer's own host name", owned_by(schema::host_name(server.alice, apex))},
      {"the peer's service", owned_by(schema::service_name(server.alice, apex))},
      {"the zone itself", owned_by(apex)},
      {"a static name", owned_by(*dns::Name::parse("www.wg.example.org."))},
      {"outside the zone", owned_by(*dns::Name::parse("_lan.example.net."))},
      {"below the announcement", owned_by(*dns::Name::join({"x"}, server.alice_lan))},
      {"another zone", spoil([&](Draft& d) { d.zone = *dns::Name::parse("example.org."); })},
      {"another class of the zone", spoil([](Draft& d) { d.zone_class = RrClass::chaos; })},
      {"a prerequisite", spoil([&](Draft& d) { d.prerequisites = {nothing}; })},
      {"nothing to do", spoil([](Draft& d) { d.updates.clear(); })},
      {"signed", spoil([&](Draft& d) { d.additionals = {tsig}; })},
      {"adding without deleting", spoil([](Draft& d) { d.updates.erase(d.updates.begin()); })},
      {"adding before deleting", spoil([](Draft& d) { std::swap(d.updates[0], d.updates[1]); })},
      {"adding two records", spoil([](Draft& d) { d.updates.push_back(d.updates[1]); })},
      {"deleting one record", spoil([](Draft& d) {
         d.updates[0].rr_class = RrClass::none;
         d.updates[0].rdata = good_text;
       })},
      {"deleting every type", spoil([](Draft& d) { d.updates[0].type = RrType::any; })},
      {"another type", spoil([](Draft& d) {
         d.updates[1].type = RrType::a;
         d.updates[1].rdata = "\x01\x02\x03\x04";
       })},
      {"class CHAOS added", spoil([](Draft& d) { d.updates[1].rr_class = RrClass::chaos; })},
      {"an address that is not told", spoil([](Draft& d) {
         d.updates[1].rdata =
             "\x0b"
             "127.0.0.1:1";
       })},
      {"no strings", spoil([](Draft& d) { d.updates[1].rdata.clear(); })},
      {"a deletion with data", spoil([](Draft& d) { d.updates[0].rdata = "x"; }), Rcode::formerr},
      {"a deletion with a TTL", spoil([](Draft& d) { d.updates[0].ttl = 1; }), Rcode::formerr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(server.rcode(row.draft, server.alice) == row.expected);
  }
  CHECK(server.rcode(server.announcement(), server.bob) == Rcode::refused);
  CHECK(server.changes == 0);
  for (const wg::PublicKey& key : {server.alice, server.bob})
    CHECK(server.answer(dnsd::View::private_view, key).empty());
  Octets query = server.announcement().write();
  query[2] = 0;
  CHECK(server.ask(query, server.alice).empty());
}

TEST_CASE("an announcement of a peer that is not registered is not shown") {
  Server server;
  const wg::PublicKey nobody = AnswerFixture::key(0xee);
  server.ask(
      schema::write_lan_update(7, server.zone, nobody, {*base::Endpoint::parse("10.0.0.1:1")}),
      nobody);
  CHECK(server.answer(dnsd::View::private_view, nobody).empty());
}

TEST_CASE("a peer says whose packets it sends here now; no record comes of it") {
  Server server;
  Relay relay;
  server.relay = &relay;
  const wg::PublicKey carol = AnswerFixture::key(3);
  const auto ask = [&](const std::vector<wg::PublicKey>& peers) {
    relay.asked.clear();
    const Octets reply =
        server.ask(schema::write_via_update(7, server.zone, server.alice, peers), server.alice);
    REQUIRE(reply.size() >= 12);
    return Rcode{static_cast<std::uint16_t>(reply[3] & 0x0fU)};
  };
  CHECK(ask({server.bob, carol}) == Rcode::noerror);
  REQUIRE(relay.asked.size() == 2);
  CHECK(relay.asked[0] == std::pair(server.alice, server.bob));
  CHECK(relay.asked[1] == std::pair(server.alice, carol));
  CHECK(server.changes == 0);
  relay.refused = server.bob;
  CHECK(ask({server.bob}) == Rcode::refused);
  CHECK(ask({server.bob, carol}) == Rcode::noerror);  // one of them
  server.relay = nullptr;
  CHECK(ask({carol}) == Rcode::refused);
  CHECK(relay.asked.empty());
}

TEST_CASE("a peer asks for a pause with another one, for as long as it says") {
  using std::chrono::milliseconds;
  Server server;
  Relay relay;
  server.relay = &relay;
  const auto ask = [&](const wg::PublicKey& peer, milliseconds length) {
    relay.pauses.clear();
    const Octets reply = server.ask(
        schema::write_pause_update(7, server.zone, server.alice, peer, length), server.alice);
    REQUIRE(reply.size() >= 12);
    return Rcode{static_cast<std::uint16_t>(reply[3] & 0x0fU)};
  };
  CHECK(ask(server.bob, milliseconds(1234)) == Rcode::noerror);
  CHECK(relay.pauses == std::vector<Relay::Pause>{{server.alice, server.bob, milliseconds(1234)}});
  relay.refused = server.bob;
  CHECK(ask(server.bob, milliseconds(400)) == Rcode::refused);
  CHECK(relay.pauses.size() == 1);
  CHECK(ask(AnswerFixture::key(3), milliseconds(400)) == Rcode::noerror);
  CHECK(relay.asked.empty());
  CHECK(server.changes == 0);
  // The shortest, where no time is said.
  relay.pauses.clear();
  Draft draft;
  draft.updates = {{schema::relay_name(server.alice, server.zone), RrType::txt, RrClass::in, 1,
                    "\x3apause=" + schema::key_label(AnswerFixture::key(3))}};
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  REQUIRE(relay.pauses.size() == 1);
  CHECK(relay.pauses[0].length == milliseconds(0));
  server.relay = nullptr;
  CHECK(ask(server.bob, milliseconds(400)) == Rcode::refused);
  CHECK(relay.pauses.empty());
}

TEST_CASE("other requests to the relay are refused, and reach nobody") {
  Server server;
  Relay relay;
  server.relay = &relay;
  const dns::Name owner = schema::relay_name(server.alice, server.zone);
  const std::string via = "\x38via=" + schema::key_label(server.bob);
  const Record good{owner, RrType::txt, RrClass::in, 1, via};
  const std::string pause = "\x3apause=" + schema::key_label(server.bob);
  const Record good_pause{owner, RrType::txt, RrClass::in, 1, pause};
  const auto changed = [&](const std::function<void(Record&)>& change) {
    Record record = good;
    change(record);
    return record;
  };
  const struct {
    const char* what;
    std::vector<Record> updates;
  } rows[] = {
      {"another peer's name",
       {changed([&](Record& r) { r.owner = schema::relay_name(server.bob, server.zone); })}},
      {"below the name", {changed([&](Record& r) { REQUIRE(r.owner.prepend("x")); })}},
      {"a deletion", {changed([](Record& r) { r.rr_class = RrClass::any, r.rdata = ""; })}},
      {"a deletion of one record", {changed([](Record& r) { r.rr_class = RrClass::none; })}},
      {"another type", {changed([](Record& r) { r.type = RrType::a; })}},
      {"another word", {changed([](Record& r) { r.rdata[1] = 'x'; })}},
      {"nothing", {changed([](Record& r) { r.rdata = ""; })}},
      {"two records", {good, good}},
      {"two pauses", {good_pause, good_pause}},
      {"a pause with it", {good, good_pause}},
      {"a pause for no time", {changed([&](Record& r) {
         r.rdata = pause +
                   "\x05"
                   "for=x";
       })}},
      {"a pause in another peer's name", {changed([&](Record& r) {
         r.owner = schema::relay_name(server.bob, server.zone), r.rdata = pause;
       })}},
      {"the deletion of a pause",
       {changed([&](Record& r) { r.rr_class = RrClass::none, r.rdata = pause; })}},
      {"with an announcement", {good, {server.alice_lan, RrType::txt, RrClass::in, 1, good_text}}},
      {"an announcement with it", {{server.alice_lan, RrType::txt, RrClass::any, 0, ""}, good}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    Draft draft;
    draft.updates = row.updates;
    CHECK(server.rcode(draft, server.alice) == Rcode::refused);
  }
  Draft draft;
  draft.updates = {good};
  CHECK(server.rcode(draft, server.bob) == Rcode::refused);
  draft.zone = *dns::Name::parse("example.org");
  CHECK(server.rcode(draft, server.alice) == Rcode::refused);
  CHECK(relay.asked.empty());
  CHECK(relay.pauses.empty());
  draft.zone = server.zone;
  CHECK(server.rcode(draft, server.alice) == Rcode::noerror);
  CHECK(relay.asked.size() == 1);
}
