#include "dnsd/zone/static_records.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

// Refused zones and the answers are tested in zone_test.cpp and tests/answers.

namespace {

using dns::RrType;
using dnsd::StaticRecords;

const dns::Name apex = *dns::Name::parse("wg.example.org.");

dns::Name below(const std::string& text) {
  const auto parsed =
      dns::Name::parse(text.empty() ? "wg.example.org." : text + ".wg.example.org.");
  REQUIRE(parsed);
  return *parsed;
}

StaticRecords make(const std::string& records) {
  const auto parsed = dns::parse_zone_text(
      "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns.example.net.\n" + records, apex);
  REQUIRE(parsed);
  auto made = StaticRecords::make(dnsd::ZoneNames(apex, {}), parsed->records);
  REQUIRE(made);
  return *std::move(made);
}

using Types = std::vector<RrType>;

}  // namespace

TEST_CASE("the types at a name are listed in ascending order") {
  const StaticRecords records = make(
      "www TXT a\nwww AAAA 2001:db8::1\nwww TXT b\nwww A 192.0.2.1\nx TYPE65280 \\# 1 00\n"
      "deep.er A 192.0.2.1\n");
  CHECK(records.types_at(below("")) == Types{RrType::ns, RrType::soa});
  CHECK(records.types_at(below("www")) == Types{RrType::a, RrType::txt, RrType::aaaa});
  CHECK(records.types_at(below("WWW")) == Types{RrType::a, RrType::txt, RrType::aaaa});
  CHECK(records.types_at(below("x")) == Types{RrType{65280}});
  CHECK(records.types_at(below("er")).empty());       // an empty non-terminal
  CHECK(records.types_at(below("nothing")).empty());  // no such name
}

TEST_CASE("at and below the label of tunnel names there is nothing static") {
  const std::string head = "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns.example.net.\n";
  const auto make_with = [&](const std::string& record, std::string_view label) {
    const auto parsed = dns::parse_zone_text(head + record, apex);
    REQUIRE(parsed);
    return StaticRecords::make(dnsd::ZoneNames(apex, {}, label), parsed->records);
  };
  for (const std::string& record :
       {std::string("tunnel A 192.0.2.1\n"), std::string("a.b.Tunnel TXT x\n"),
        std::string("tunnel NS ns.example.net.\n"), std::string("*.tunnel A 192.0.2.1\n")}) {
    CAPTURE(record);
    const auto refused = make_with(record, "tunnel");
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().place.line == 3);
    CHECK(refused.error().message.find("see tunnel-label") != std::string::npos);
    CHECK(make_with(record, "inside").has_value());
    CHECK(make_with(record, "").has_value());
  }
}

TEST_CASE("names are found with the empty ones above them, cuts and wildcards where they are") {
  const StaticRecords records =
      make("a.b A 192.0.2.1\nchild NS ns.child\nns.child A 192.0.2.2\n*.wild TXT w\n");
  CHECK(records.find(below("a.b")) != nullptr);
  REQUIRE(records.find(below("b")) != nullptr);
  CHECK(records.find(below("b"))->rrsets.empty());
  CHECK(records.find(below("c.b")) == nullptr);

  const struct {
    std::string name, cut;
  } rows[] = {{"", ""},
              {"a.b", ""},
              {"child", "child"},
              {"ns.child", "child"},
              {"x.y.z.CHILD", "child"},
              {"xchild", ""}};
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const dns::Name asked = below(row.name);
    const auto cut = records.find_cut(asked);
    CHECK(cut.has_value() == !row.cut.empty());
    if (cut) CHECK(cut->equals(below(row.cut)));
  }

  CHECK(records.has_wildcards());
  CHECK(records.find_wildcard(below("wild")) != nullptr);
  CHECK(records.find_wildcard(below("b")) == nullptr);
  CHECK(records.deepest() == 2);
  CHECK(!make("a.b.c.d A 192.0.2.1\n").has_wildcards());
  CHECK(make("a.b.c.d A 192.0.2.1\n").deepest() == 4);
}

TEST_CASE("every record but the SOA is visited, ordered by owner") {
  const StaticRecords records = make("b A 192.0.2.1\nb A 192.0.2.2\na TXT t\n");
  std::vector<std::string> seen;
  records.for_each([&](dns::NameView owner, RrType type, dns::Ttl, base::Bytes) {
    seen.push_back(owner.to_string() + " " + dns::to_string(type));
  });
  CHECK(seen == std::vector<std::string>{"a.wg.example.org. TXT", "b.wg.example.org. A",
                                         "b.wg.example.org. A", "wg.example.org. NS"});
}
