#include "dns/name.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <vector>

namespace {

std::string repeat(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

TEST_CASE("names from text and back") {
  struct Row {
    std::string text;
    std::string canonical;  // empty: refused
    std::size_t octets = 0;
  };
  const std::string label63(63, 'a');
  const std::vector<Row> rows = {
      {".", ".", 1},
      {"org", "org.", 5},
      {"wg.example.org.", "wg.example.org.", 16},
      {"WG.Example.org", "WG.Example.org.", 16},
      {"a\\.b.c.", "a\\.b.c.", 7},
      {"a\\046b.c.", "a\\.b.c.", 7},
      {"a\\000b.", "a\\000b.", 5},
      {"\\255.", "\\255.", 3},
      {"a=b.", "a\\=b.", 5},
      {"a\\=b.", "a\\=b.", 5},
      {"a b.", "a\\032b.", 5},
      {"*.x.", "*.x.", 5},
      {label63 + ".", label63 + ".", 65},
      {repeat(label63 + ".", 3) + std::string(61, 'b') + ".",
       repeat(label63 + ".", 3) + std::string(61, 'b') + ".", 255},
      {repeat("a.", 127), repeat("a.", 127), 255},
      {"", "", 0},
      {"..", "", 0},
      {".a", "", 0},
      {"a..b", "", 0},
      {"a..", "", 0},
      {"a\\", "", 0},
      {"a\\25", "", 0},
      {"a\\256", "", 0},
      {"a\\2x5", "", 0},
      {std::string(64, 'a'), "", 0},
      {repeat(label63 + ".", 3) + std::string(62, 'b') + ".", "", 0},
      {repeat("a.", 128), "", 0},
      {repeat(label63 + ".", 4), "", 0},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto name = dns::Name::parse(row.text);
    REQUIRE(name.has_value() == !row.canonical.empty());
    if (!name) continue;
    CHECK(name->to_string() == row.canonical);
    CHECK(name->view().wire().size() == row.octets);
    CHECK(dns::Name::parse(name->to_string()) == *name);
  }
}

TEST_CASE("names from a packet: whole, one octet short at every length, hostile") {
  const std::vector<std::uint8_t> whole = {2,   'w', 'g', 7, 'e', 'x', 'a', 'm',
                                           'p', 'l', 'e', 3, 'o', 'r', 'g', 0};
  for (std::size_t length = 0; length < whole.size(); ++length) {
    CAPTURE(length);
    CHECK_FALSE(dns::parse_name_view(base::Bytes(whole).first(length)).has_value());
  }
  REQUIRE(dns::parse_name_view(whole).has_value());
  CHECK(dns::parse_name_view(whole)->to_string() == "wg.example.org.");
  std::vector<std::uint8_t> extra = whole;
  extra.push_back(9);
  CHECK(dns::parse_name_view(extra)->wire().size() == whole.size());

  CHECK_FALSE(dns::parse_name_view(std::vector<std::uint8_t>{0xc0, 0x0c}).has_value());  // pointer
  CHECK_FALSE(dns::parse_name_view(std::vector<std::uint8_t>{0x40, 0x00})
                  .has_value());  // reserved label type
  CHECK_FALSE(dns::parse_name_view(std::vector<std::uint8_t>{0x80, 0x00}).has_value());
  std::vector<std::uint8_t> longest;
  for (int i = 0; i < 127; ++i) longest.insert(longest.end(), {1, 'a'});
  longest.push_back(0);
  CHECK(dns::parse_name_view(longest)->wire().size() == 255);
  longest.insert(longest.begin(), {1, 'a'});
  CHECK_FALSE(dns::parse_name_view(longest).has_value());
  CHECK_FALSE(dns::parse_name_view(std::vector<std::uint8_t>(300, 1)).has_value());
}

TEST_CASE("RFC 4343: names compare and hash without case; other octets are not folded") {
  const auto name = [](const char* text) { return *dns::Name::parse(text); };
  CHECK(name("WG.Example.ORG") == name("wg.example.org"));
  CHECK(dns::NameHash()(name("WG.Example.ORG")) == dns::NameHash()(name("wg.example.org")));
  CHECK(name("a@b") != name("a`b"));  // 0x40 and 0x60 differ in the same bit as letters do
  CHECK(name("a[b") != name("a{b"));
  CHECK(name("wg.example.org") != name("wg.example.net"));
  CHECK(name("a.b") != name("a\\.b"));
  CHECK((name("A.b") <=> name("a.B")) == std::strong_ordering::equal);
}

TEST_CASE("at or below") {
  const auto zone = *dns::Name::parse("wg.example.org");
  struct Row {
    const char* name;
    bool below;
  };
  for (const Row& row :
       {Row{"wg.example.org", true}, Row{"WG.EXAMPLE.ORG", true}, Row{"a.wg.example.org", true},
        Row{"a.b.wg.example.org", true}, Row{"awg.example.org", false}, Row{"example.org", false},
        Row{"a\\.wg.example.org", false}, Row{".", false}, Row{"wg.example.net", false}}) {
    CAPTURE(row.name);
    CHECK(dns::Name::parse(row.name)->view().is_at_or_below(zone) == row.below);
    CHECK(dns::Name::parse(row.name)->view().is_at_or_below(dns::Name()));
  }
}

TEST_CASE("prepending a label") {
  dns::Name name = *dns::Name::parse("b.");
  REQUIRE(name.prepend("a"));
  CHECK(name.to_string() == "a.b.");
  CHECK_FALSE(name.prepend(""));
  CHECK_FALSE(name.prepend(std::string(64, 'x')));
  CHECK(name.to_string() == "a.b.");
  REQUIRE(name.prepend(std::string(63, 'x')));
  REQUIRE(name.prepend(std::string(63, 'x')));
  REQUIRE(name.prepend(std::string(63, 'x')));
  CHECK_FALSE(name.prepend(std::string(58, 'y')));
  CHECK(name.prepend(std::string(57, 'y')));
  CHECK(name.view().wire().size() == 255);
  CHECK(name.view().label_count() == 6);
  CHECK(name.view().ancestor(4).to_string() == "a.b.");
}

TEST_CASE("LDH labels") {
  for (const char* good : {"a", "A1", "1", "a-b", "xn--abc"}) CHECK(dns::is_ldh_label(good));
  for (const char* bad : {"", "-", "a-", "-a", "a_b", "_a", "a.b", "ä", "a b"})
    CHECK_FALSE(dns::is_ldh_label(bad));
}
