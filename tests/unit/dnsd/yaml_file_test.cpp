#include "dnsd/yaml_file.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("a configuration file is a map of words to values and lists, and a list of peers") {
  const auto parsed = dnsd::parse_yaml_file(
      "# comment\n"
      "zone: wg.example.org\n"
      "interface: [wg0, wg1]\n"
      "peers:\n"
      "  - name: alice\n"
      "    allowed-ips:\n"
      "      - 10.0.0.2/32\n"
      "  - name: bob\n"
      "list-max: \"7\"\n");
  REQUIRE(parsed.has_value());
  const auto& options = parsed->options.settings;
  REQUIRE(options.size() == 3);
  CHECK(options[0].word == "zone");
  CHECK(options[0].line == 2);
  CHECK_FALSE(options[0].is_list);
  CHECK(options[1].is_list);
  CHECK(options[1].values.size() == 2);
  CHECK(options[1].values[1].text == "wg1");
  CHECK(options[2].word == "list-max");
  CHECK(options[2].values[0].text == "7");
  REQUIRE(parsed->peers.size() == 2);
  CHECK(parsed->peers[0].line == 5);
  CHECK(parsed->peers[0].settings[1].values[0].line == 7);
  CHECK(parsed->peers[1].settings[0].values[0].text == "bob");
}

TEST_CASE("files without options are whole: empty, comments, an empty map, no peers") {
  for (const std::string text : {"", "\n", "# nothing\n", "---\n", "{}", "peers: []\n"}) {
    CAPTURE(text);
    const auto parsed = dnsd::parse_yaml_file(text);
    REQUIRE(parsed.has_value());
    CHECK(parsed->options.settings.empty());
    CHECK(parsed->peers.empty());
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
      {"a map as value", "zone: {a: b}\n", 1, "no place"},
      {"a list in a list", "interface: [[a]]\n", 1, "no place"},
      {"a list as word", "? [a]\n: b\n", 1, "no place"},
      {"a map as word", "{a: b}: c\n", 1, "no place"},
      {"peers is a value", "peers: sites.conf\n", 1, "list of maps"},
      {"peers holds values", "peers: [sites.conf]\n", 1, "peers-file"},
      {"peers holds lists", "peers:\n - []\n", 2, "no place"},
      {"a map in a peer", "peers:\n - name: {a: b}\n", 2, "no place"},
      {"an anchor", "zone: &a b\n", 1, "anchors"},
      {"an anchor on a list", "interface: &a [b]\n", 1, "anchors"},
      {"an alias", "zone: *a\n", 1, "anchor is not defined"},
      {"a tag", "zone: !!str a\n", 1, "tags"},
      {"a second document", "zone: a\n---\nzone: b\n", 2, "second document"},
      {"a tab", "peers:\n\t- name: a\n", 2, ""},
      {"an open list", "interface: [a\n", 1, ""},
      {"NUL written out", "zone: \"a\\0b\"\n", 1, "NUL"},
      {"binary", std::string("\x00\x01\x02\xff\xfe", 5), 1, ""},
      {"too long", std::string(dnsd::max_yaml_octets + 1, '#'), 1, "longer"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto parsed = dnsd::parse_yaml_file(row.text);
    REQUIRE_FALSE(parsed.has_value());
    CAPTURE(parsed.error().message);
    CHECK(parsed.error().line == row.line);
    CHECK(parsed.error().message.find(row.message) != std::string::npos);
  }
}

TEST_CASE("hostile files end soon: depth, alias bombs, a million lines") {
  const auto refused = [](const std::string& text) {
    return !dnsd::parse_yaml_file(text).has_value();
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
    (void)dnsd::parse_yaml_file(std::string_view(text).substr(0, size));
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
    const auto parsed = dnsd::parse_yaml_file("zone: " + dnsd::to_yaml_value(value) +
                                              "\nlist:\n  - " + dnsd::to_yaml_value(value) + "\n");
    REQUIRE(parsed.has_value());
    CHECK(parsed->options.settings[0].values[0].text == value);
    CHECK(parsed->options.settings[1].values[0].text == value);
  }
}
