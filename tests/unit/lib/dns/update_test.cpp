#include "dns/update.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using dns::Rcode;
using Octets = std::vector<std::uint8_t>;

/// Builds a message piece by piece.
class Message {
 public:
  Message(unsigned flags, unsigned zones, unsigned prerequisites, unsigned updates,
          unsigned additionals) {
    for (const unsigned word : {0x1234U, flags, zones, prerequisites, updates, additionals}) {
      u16(word);
    }
  }
  Message& u16(unsigned value) {
    octets.push_back(static_cast<std::uint8_t>(value >> 8U));
    octets.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  Message& name(const char* text) {
    const dns::Name parsed = *dns::Name::parse(text);
    const base::Bytes wire = parsed.view().wire();
    octets.insert(octets.end(), wire.begin(), wire.end());
    return *this;
  }
  Message& zone(unsigned type = 6, unsigned rr_class = 1) {
    return name("example.org.").u16(type).u16(rr_class);
  }
  Message& tail(unsigned type, unsigned rr_class, unsigned ttl, const std::string& rdata) {
    u16(type).u16(rr_class).u16(ttl >> 16U).u16(ttl & 0xffffU);
    u16(static_cast<unsigned>(rdata.size()));
    octets.insert(octets.end(), rdata.begin(), rdata.end());
    return *this;
  }
  /// Owner `a.example.org.`, compressed against the zone.
  Message& record(unsigned type, unsigned rr_class, unsigned ttl, const std::string& rdata) {
    octets.insert(octets.end(), {1, 'a', 0xc0, 12});
    return tail(type, rr_class, ttl, rdata);
  }
  Message& root_record(unsigned type, unsigned rr_class, unsigned ttl, const std::string& rdata) {
    octets.push_back(0);
    return tail(type, rr_class, ttl, rdata);
  }

  Octets octets;
};

constexpr unsigned update_flags = 0x2800;

}  // namespace

TEST_CASE("an update is read whole, with compressed names") {
  const Octets packet = Message(update_flags, 1, 1, 2, 2)
                            .zone()
                            .record(16, 254, 0, "")
                            .record(16, 255, 0, "")
                            .record(16, 1, 300, "\x02hi")
                            .root_record(41, 4096, 0x8000, "")
                            .root_record(250, 255, 0, "whatever")
                            .octets;
  const auto update = dns::parse_update(packet);
  REQUIRE(update);
  CHECK(update->head.rcode == Rcode::noerror);
  CHECK(update->head.id == 0x1234);
  CHECK(update->head.opcode == 5);
  CHECK(update->head.name.to_string() == "example.org.");
  CHECK(update->head.question.size() == 17);
  REQUIRE(update->head.edns);
  CHECK(update->head.edns->udp_size == 4096);
  CHECK(update->head.edns->dnssec_ok);
  CHECK(update->is_signed);
  CHECK(update->prerequisites == 1);
  REQUIRE(update->records.size() == 2);
  CHECK(update->records[0].rr_class == dns::RrClass::any);
  CHECK(update->records[0].rdata.empty());
  CHECK(update->records[1].owner.to_string() == "a.example.org.");
  CHECK(update->records[1].type == dns::RrType::txt);
  CHECK(update->records[1].rr_class == dns::RrClass::in);
  CHECK(update->records[1].ttl == 300);
  CHECK(base::as_text(update->records[1].rdata) == "\x02hi");

  SUBCASE("cut short anywhere: FORMERR, and silence without a whole header") {
    for (std::size_t size = 0; size < packet.size(); ++size) {
      CAPTURE(size);
      const auto cut = dns::parse_update(base::Bytes(packet).first(size));
      CHECK(cut.has_value() == (size >= 12));
      if (cut) CHECK(cut->head.rcode == Rcode::formerr);
    }
  }
  SUBCASE("octets behind the end: FORMERR") {
    Octets longer = packet;
    longer.push_back(0);
    CHECK(dns::parse_update(longer)->head.rcode == Rcode::formerr);
  }
}

TEST_CASE("what is not an update, or a broken one") {
  Message many(update_flags, 1, 0, dns::max_update_records + 1, 0);
  many.zone();
  for (std::size_t i = 0; i <= dns::max_update_records; ++i) many.record(16, 1, 1, "\x01x");
  struct Row {
    const char* name;
    Octets packet;
    std::optional<Rcode> expected;
  };
  const std::vector<Row> rows = {
      {"a query", Message(0, 1, 0, 0, 0).zone().octets, std::nullopt},
      {"a reply", Message(0xa800, 1, 0, 0, 0).zone().octets, std::nullopt},
      {"nothing to do", Message(update_flags, 1, 0, 0, 0).zone().octets, Rcode::noerror},
      {"no zone", Message(update_flags, 0, 0, 0, 0).octets, Rcode::formerr},
      {"two zones", Message(update_flags, 2, 0, 0, 0).zone().zone().octets, Rcode::formerr},
      {"zone of type A", Message(update_flags, 1, 0, 0, 0).zone(1).octets, Rcode::formerr},
      {"another class is for the zone's owner to judge",
       Message(update_flags, 1, 0, 0, 0).zone(6, 3).octets, Rcode::noerror},
      {"more records than anybody needs", many.octets, Rcode::refused},
      {"EDNS version 1",
       Message(update_flags, 1, 0, 0, 1).zone().root_record(41, 1232, 0x10000, "").octets,
       Rcode::badvers},
      {"two OPT records",
       Message(update_flags, 1, 0, 0, 2)
           .zone()
           .root_record(41, 1232, 0, "")
           .root_record(41, 1232, 0, "")
           .octets,
       Rcode::formerr},
      {"OPT with an owner", Message(update_flags, 1, 0, 0, 1).zone().record(41, 1232, 0, "").octets,
       Rcode::formerr},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const auto update = dns::parse_update(row.packet);
    CHECK(update.has_value() == row.expected.has_value());
    if (update) {
      CHECK(update->head.rcode == row.expected);
      CHECK(update->records.size() <= dns::max_update_records);
    }
  }
}

TEST_CASE("the reply to an update") {
  constexpr unsigned reply_flags = 0xa800;
  const dns::Name zone = *dns::Name::parse("example.org.");
  const Octets whole =
      Message(reply_flags | 5U, 1, 0, 0, 1).zone().root_record(41, 1232, 0, "").octets;
  CHECK(dns::parse_update_reply(whole, 0x1234, zone) == Rcode::refused);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(!dns::parse_update_reply(base::Bytes(whole).first(size), 0x1234, zone));
  }
  struct Row {
    const char* name;
    Octets packet;
    std::optional<Rcode> expected;
  };
  const std::vector<Row> rows = {
      {"done", Message(reply_flags, 1, 0, 0, 0).zone().octets, Rcode::noerror},
      {"done, the zone left out", Message(reply_flags, 0, 0, 0, 0).octets, Rcode::noerror},
      {"an extended response code",
       Message(reply_flags, 1, 0, 0, 1).zone().root_record(41, 1232, 0x1000000, "").octets,
       Rcode::badvers},
      {"an update", Message(update_flags, 1, 0, 0, 0).zone().octets, std::nullopt},
      {"the reply to a query", Message(0x8400, 1, 0, 0, 0).zone().octets, std::nullopt},
      {"truncated", Message(reply_flags | 0x200U, 1, 0, 0, 0).zone().octets, std::nullopt},
      {"another class", Message(reply_flags, 1, 0, 0, 0).zone(6, 3).octets, std::nullopt},
      {"another type", Message(reply_flags, 1, 0, 0, 0).zone(16).octets, std::nullopt},
      {"two zones", Message(reply_flags, 2, 0, 0, 0).zone().zone().octets, std::nullopt},
      {"two OPT records",
       Message(reply_flags, 0, 0, 0, 2)
           .root_record(41, 1232, 0, "")
           .root_record(41, 1232, 0, "")
           .octets,
       std::nullopt},
      {"octets behind the end", Message(reply_flags, 0, 0, 0, 0).u16(0).octets, std::nullopt},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(dns::parse_update_reply(row.packet, 0x1234, zone) == row.expected);
  }
  CHECK(!dns::parse_update_reply(whole, 0x1235, zone));
  CHECK(!dns::parse_update_reply(whole, 0x1234, *dns::Name::parse("example.net.")));
}
