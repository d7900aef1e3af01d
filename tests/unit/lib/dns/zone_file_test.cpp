#include "dns/zone_file.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

const dns::Name origin = *dns::Name::parse("wg.example.org");

}  // namespace

TEST_CASE("a zone file: relative names, $ORIGIN, $TTL, several lines, comments") {
  const std::string text =
      "; comment\n"
      "$TTL 60\n"
      "@ IN SOA ns1 hostmaster (\n  1 ; serial\n  2 3 4\n  5 )\n"
      "  NS ns1\n"
      "ns1 120 A 192.0.2.1\n"
      "$ORIGIN sub.wg.example.org.\n"
      "x TXT \"a b\" c\n"
      "y TYPE65280 \\# 2 0102";
  const auto records = dns::parse_zone_file(text, origin, dns::Ttl{300});
  REQUIRE_MESSAGE(records.has_value(), (records ? "" : records.error().message));
  std::string printed;
  for (const auto& record : *records)
    printed += dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata);
  CHECK(printed ==
        "wg.example.org.\t60\tIN\tSOA\tns1.wg.example.org. hostmaster.wg.example.org. 1 2 3 4 5\n"
        "wg.example.org.\t60\tIN\tNS\tns1.wg.example.org.\n"
        "ns1.wg.example.org.\t120\tIN\tA\t192.0.2.1\n"
        "x.sub.wg.example.org.\t60\tIN\tTXT\t\"a b\" \"c\"\n"
        "y.sub.wg.example.org.\t60\tIN\tTYPE65280\t\\# 2 0102\n");
}

TEST_CASE("errors of a zone file name the line") {
  struct Row {
    const char* text;
    std::size_t line;
    const char* says;
  };
  for (const Row& row :
       {Row{"@ A 192.0.2.1\n@ A 192.0.2.256\n", 2, ""}, Row{"\n\n; x\n@ NONSENSE 1\n", 4, ""},
        Row{"a A 192.0.2.1\nb.example.net. A 192.0.2.1\n", 2, "outside the zone"},
        Row{"@ CH TXT a\n", 1, "class IN"}, Row{"$INCLUDE other\n", 1, "$INCLUDE"},
        Row{"a A 192.0.2.1\n$INCLUDE other\n", 2, "$INCLUDE"}, Row{"@ A 192.0.2.1\nx A\n", 2, ""},
        Row{"@ SOA a b ( 1 2 3\n", 1, ""}}) {
    CAPTURE(row.text);
    const auto records = dns::parse_zone_file(row.text, origin, dns::Ttl{300});
    REQUIRE_FALSE(records.has_value());
    CAPTURE(records.error().message);
    CHECK(records.error().line == row.line);
    CHECK(records.error().message.find(row.says) != std::string::npos);
    CHECK_FALSE(records.error().message.empty());
  }
}

TEST_CASE("data in octets has all fields of its type, and nothing behind them") {
  const auto verdict = [](const std::string& record) {
    const auto records =
        dns::parse_zone_file("a A 192.0.2.1\nx " + record + "\n", origin, dns::Ttl{300});
    if (!records) CHECK(records.error().line == 2);
    return records ? std::string() : records.error().message;
  };
  for (const char* record :
       {"CNAME \\# 3 00aabb", "NS \\# 3 00aabb", "PTR \\# 4 016100ff", "MX \\# 5 00010001ff",
        "A \\# 5 0102030405", "TYPE5 \\# 3 00aabb", "SRV ( \\# 9 0001000200030077aa )"}) {
    CAPTURE(record);
    CHECK(verdict(record).find("nothing can stand behind it") != std::string::npos);
  }
  for (const char* record : {"NS \\# 0", "MX \\# 2 0001", "DS \\# 3 000102", "TXT \\# 0"}) {
    CAPTURE(record);
    CHECK(verdict(record).find("more fields than these") != std::string::npos);
  }
  CHECK(dns::parse_zone_file("x\\# 7 A 192.0.2.1\n\\# 7 A 192.0.2.1\n", origin, dns::Ttl{300}));
  for (const char* record :
       {"CNAME \\# 1 00", "A \\# 4 01020304", "MX \\# 3 000100", "TYPE65280 \\# 3 00aabb",
        "TXT \"a \\# 5 x\"", "TXT a ; \\# 7", "CNAME x", "MX 1 x"}) {
    CAPTURE(record);
    CHECK(verdict(record).empty());
  }
}

TEST_CASE("an empty zone file has no records") {
  for (const char* text : {"", "\n", "; nothing\n", "$TTL 3\n"}) {
    CAPTURE(text);
    const auto records = dns::parse_zone_file(text, origin, dns::Ttl{300});
    REQUIRE(records.has_value());
    CHECK(records->empty());
  }
}
