#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "dnsd/tunnel/peer_updates.hpp"
#include "schema/lan_text.hpp"
#include "schema/owner_name.hpp"
#include "tests/unit/dnsd/answer_fixture.hpp"

/// A server that takes updates from peers, and messages to it of which tests spoil parts.
namespace update_server {

using dns::Rcode;
using dns::RrClass;
using dns::RrType;
using Octets = std::vector<std::uint8_t>;

struct Record {
  dns::Name owner;
  RrType type = RrType::txt;
  RrClass rr_class = RrClass::any;
  std::uint32_t ttl = 0;
  std::string rdata;
};

/// A valid request, of which each test spoils a part.
struct Draft {
  dns::Name zone = *dns::Name::parse("wg.example.org.");
  RrClass zone_class = RrClass::in;
  std::vector<Record> prerequisites;
  std::vector<Record> updates;
  std::vector<Record> additionals;

  [[nodiscard]] Octets write() const {
    Octets packet(4096);
    base::ByteWriter writer(packet);
    writer.u16(7);
    writer.u16(0x2800);
    writer.u16(1);
    for (const auto* section : {&prerequisites, &updates, &additionals})
      writer.u16(static_cast<std::uint16_t>(section->size()));
    writer.bytes(zone.view().wire());
    writer.u16(6);
    writer.u16(static_cast<std::uint16_t>(zone_class));
    for (const auto* section : {&prerequisites, &updates, &additionals}) {
      for (const Record& record : *section) {
        writer.bytes(record.owner.view().wire());
        writer.u16(static_cast<std::uint16_t>(record.type));
        writer.u16(static_cast<std::uint16_t>(record.rr_class));
        writer.u32(record.ttl);
        writer.u16(static_cast<std::uint16_t>(record.rdata.size()));
        writer.bytes(base::as_bytes(record.rdata));
      }
    }
    packet.resize(writer.size());
    return packet;
  }
};

inline const std::string good_text =
    "\x11"
    "192.168.1.5:51820";

/// Judges updates, and answers what came of them.
class Server {
 public:
  Octets ask(const Octets& message, const wg::PublicKey& sender) {
    Octets reply(1232);
    reply.resize(updates_.respond(message, {sender, relay}, now, reply));
    return reply;
  }
  Rcode rcode(const Draft& draft, const wg::PublicKey& sender) {
    const Octets reply = ask(draft.write(), sender);
    REQUIRE(reply.size() >= 12);
    CHECK(reply[0] == 0);
    CHECK(reply[1] == 7);
    CHECK((reply[2] & 0xf8U) == 0xa8U);
    return Rcode{static_cast<std::uint16_t>(reply[3] & 0x0fU)};
  }
  /// The draft that is granted to alice.
  [[nodiscard]] Draft announcement() const {
    Draft draft;
    draft.updates = {{alice_lan, RrType::txt, RrClass::any, 0, ""},
                     {alice_lan, RrType::txt, RrClass::in, 300, good_text}};
    return draft;
  }
  /// The strings of `_lan.K.Z` TXT in a view; empty: NXDOMAIN.
  std::string answer(dnsd::View view, const wg::PublicKey& key) {
    Octets query(512);
    base::ByteWriter writer(query);
    for (const int word : {1, 0, 1, 0, 0, 0}) writer.u16(static_cast<std::uint16_t>(word));
    writer.bytes(schema::lan_name(key, zone).view().wire());
    writer.u16(16);
    writer.u16(1);
    query.resize(writer.size());
    const Octets reply = fixture.ask(query, {view, dns::Transport::udp});
    if ((reply[3] & 0x0fU) == 3) return "";
    CHECK((reply[3] & 0x0fU) == 0);
    REQUIRE(reply[7] == 1);
    return std::string(base::as_text(base::Bytes(reply).subspan(query.size() + 12)));
  }

  AnswerFixture fixture;
  base::SteadyTime now = fixture.now.steady;
  const dns::Name zone = *dns::Name::parse("wg.example.org.");
  const wg::PublicKey alice = AnswerFixture::key(1);
  const wg::PublicKey bob = AnswerFixture::key(2);
  const dns::Name alice_lan = schema::lan_name(alice, zone);
  unsigned changes = 0;
  dnsd::RelayRequests* relay = nullptr;

 private:
  dnsd::PeerUpdates updates_{fixture.zones(), fixture.peers, *fixture.live, [this] { ++changes; }};
};

}  // namespace update_server
