#include "config/yaml_file.hpp"

#include <doctest/doctest.h>

#include <string>

using Kind = config::YamlSetting::Kind;

TEST_CASE("a configuration file is a map of words to values, lists, maps, and lists of maps") {
  const auto parsed = config::parse_yaml_file(
      "# comment\n"
      "zone: wg.example.org\n"
      "interface: [wg0, wg1]\n"
      "peers:\n"
      "  - name: alice\n"
      "    allowed-ips:\n"
      "      - 10.0.0.2/32\n"
      "  - name: bob\n"
      "list-max: \"7\"\n"
      "interfaces:\n"
      "  wg0:\n"
      "    zone: a.b\n"
      "    peers:\n"
      "      - name: carol\n"
      "  wg1: {}\n"
      "none: []\n");
  REQUIRE(parsed.has_value());
  const auto& settings = parsed->settings;
  REQUIRE(settings.size() == 6);
  CHECK(settings[0].word == "zone");
  CHECK(settings[0].line == 2);
  CHECK(settings[0].kind == Kind::value);
  CHECK(settings[1].kind == Kind::list);
  CHECK(settings[1].values.size() == 2);
  CHECK(settings[1].values[1].text == "wg1");
  CHECK(settings[2].kind == Kind::maps);
  REQUIRE(settings[2].maps.size() == 2);
  CHECK(settings[2].maps[0].line == 5);
  CHECK(settings[2].maps[0].settings[1].values[0].line == 7);
  CHECK(settings[2].maps[1].settings[0].values[0].text == "bob");
  CHECK(settings[3].word == "list-max");
  CHECK(settings[3].values[0].text == "7");
  CHECK(settings[4].kind == Kind::map);
  const auto& interfaces = settings[4].maps.front().settings;
  REQUIRE(interfaces.size() == 2);
  CHECK(interfaces[0].word == "wg0");
  CHECK(interfaces[0].maps.front().settings[1].maps.front().settings[0].values[0].text == "carol");
  CHECK(interfaces[1].kind == Kind::map);
  CHECK(interfaces[1].maps.front().settings.empty());
  CHECK(settings[5].kind == Kind::list);
  CHECK(settings[5].values.empty());
}

TEST_CASE("files without settings are whole: empty, comments, an empty map") {
  for (const std::string text : {"", "\n", "# nothing\n", "---\n", "{}"}) {
    CAPTURE(text);
    const auto parsed = config::parse_yaml_file(text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->settings.empty());
  }
}

TEST_CASE("what is not a configuration is refused at its line") {
  const struct {
    std::string name;
    std::string text;
    std::size_t line;
    const char* message;  // part of it
  } rows[] = {
      {"a word twice", "zone: a\n\nzone: b\n", 3, "twice"},
      {"a word twice in a peer", "peers:\n - name: a\n   name: b\n", 3, "twice"},
      {"peers twice", "peers: []\npeers: []\n", 2, "twice"},
      {"no value", "zone:\nlist-max: 1\n", 1, "no value"},
      {"null", "list-max: 1\nzone: ~\n", 2, "no value"},
      {"null in a list", "interface:\n- wg0\n-\n", 1, "no value"},
      {"a scalar alone", "wg.example.org\n", 1, "map"},
      {"a list alone", "- a\n", 1, "map"},
      {"a list in a list", "interface: [[a]]\n", 1, "not allowed here"},
      {"a list as word", "? [a]\n: b\n", 1, "not allowed here"},
      {"a map as word", "{a: b}: c\n", 1, "not allowed here"},
      {"a list of lists", "peers:\n - []\n", 2, "not allowed here"},
      {"values behind maps", "peers:\n - {a: b}\n - c\n", 3, "not both"},
      {"maps behind values", "peers:\n - c\n - {a: b}\n", 3, "not both"},
      {"a fifth map", "a: {b: {c: [{d: {e: f}}]}}\n", 1, "not allowed here"},
      {"a word twice further down", "a:\n b:\n  c: 1\n  c: 2\n", 4, "twice"},
      {"an anchor", "zone: &a b\n", 1, "anchors"},
      {"an anchor on a list", "interface: &a [b]\n", 1, "anchors"},
      {"an alias", "zone: *a\n", 1, "anchor is not defined"},
      {"a tag", "zone: !!str a\n", 1, "tags"},
      {"a second document", "zone: a\n---\nzone: b\n", 2, "second document"},
      {"a tab", "peers:\n\t- name: a\n", 2, ""},
      {"an open list", "interface: [a\n", 1, ""},
      {"NUL written out", "zone: \"a\\0b\"\n", 1, "NUL"},
      {"binary", std::string("\x00\x01\x02\xff\xfe", 5), 1, ""},
      {"too long", std::string(config::max_yaml_octets + 1, '#'), 1, "longer"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto parsed = config::parse_yaml_file(row.text);
    REQUIRE_FALSE(parsed.has_value());
    CAPTURE(parsed.error().message);
    CHECK(parsed.error().line == row.line);
    CHECK(parsed.error().message.find(row.message) != std::string::npos);
  }
}

TEST_CASE("hostile files end soon: depth, alias bombs, a million lines") {
  const auto refused = [](const std::string& text) {
    return !config::parse_yaml_file(text).has_value();
  };
  CHECK(refused("zone: " + std::string(100000, '[')));
  CHECK(refused(std::string(100000, '{')));
  CHECK(refused(std::string(20000, '-')));
  std::string nested;
  for (int i = 0; i < 2000; ++i) nested += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(refused(nested));
  CHECK(refused("a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n"));
  std::string list = "interface:\n";
  for (int i = 0; i < 20000; ++i) list += "- x\n";
  CHECK_FALSE(refused(list));
}

TEST_CASE("a whole file cut short at every octet is read or refused, never more") {
  const std::string text =
      "zone: wg.example.org\npeers:\n  - name: alice\n    allowed-ips: [10.0.0.2/32]\n";
  for (std::size_t size = 0; size <= text.size(); ++size) {
    CAPTURE(size);
    (void)config::parse_yaml_file(std::string_view(text).substr(0, size));
  }
}

TEST_CASE("a written value is read back unchanged") {
  for (const std::string value : {"wg.example.org.",
                                  "203.0.113.7:51820",
                                  "[2001:db8::1]:51820",
                                  "2001:db8::/32",
                                  "::/0",
                                  "",
                                  "null",
                                  "~",
                                  "a: b",
                                  "a #b",
                                  "#",
                                  "- a",
                                  "--",
                                  "it's",
                                  "say \"yes\"",
                                  "back\\slash",
                                  "new\nline",
                                  " space ",
                                  "\u00fcn\u00efcode",
                                  "*a",
                                  "&a",
                                  "!a",
                                  "%a",
                                  "@a",
                                  "`a",
                                  "fd00::",
                                  "a,b",
                                  "=",
                                  "...",
                                  "---",
                                  "true",
                                  "+/+=",
                                  "?"}) {
    CAPTURE(value);
    const auto parsed =
        config::parse_yaml_file("zone: " + config::to_yaml_value(value) + "\nlist:\n  - " +
                                config::to_yaml_value(value) + "\n");
    REQUIRE(parsed.has_value());
    CHECK(parsed->settings[0].values[0].text == value);
    CHECK(parsed->settings[1].values[0].text == value);
  }
}
