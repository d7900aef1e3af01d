#include "schema/zone_name.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("a zone is every name but the root that leaves room for its peers' names") {
  CHECK(schema::parse_zone_name("wg.example.org")->to_string() == "wg.example.org.");
  for (const char* text : {"", ".", "a..b"}) {
    CAPTURE(text);
    CHECK_FALSE(schema::parse_zone_name(text));
  }
  const std::string label(55, 'a');  // three of them: 1 + 3 · 56 octets
  const std::string longest = label + "." + label + "." + label;
  CHECK(schema::parse_zone_name(longest));
  CHECK_FALSE(schema::parse_zone_name("a" + longest));
}
