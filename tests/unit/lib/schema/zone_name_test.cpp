#include "schema/zone_name.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("a zone is every name but the root that leaves room for its peers' names") {
  CHECK(schema::parse_zone_name("wg.example.org")->to_string() == "wg.example.org.");
  CHECK(schema::parse_zone_name("_x.wg-1.lan."));
  for (const char* text :
       {"",        ".",         "a..b",        ".a",       "a b.org",       "a.org ",
        "a.org-",  "-a.org",    "a-.org",      "a.org:53", "https://a.org", "a/b.org",
        "*.a.org", "192.0.2.1", "2001:db8::1", "a.1",      "\xc3\xa4.org",  "a\\.b.org",
        "a@b.org", "a\n"}) {
    CAPTURE(text);
    CHECK_FALSE(schema::parse_zone_name(text));
  }
  const std::string label(55, 'a');  // three of them: 1 + 3 · 56 octets
  const std::string longest = label + "." + label + "." + label;
  CHECK(schema::parse_zone_name(longest));
  CHECK_FALSE(schema::parse_zone_name("a" + longest));
}

TEST_CASE("a host has a whole name, and what is wrong is said") {
  CHECK_FALSE(schema::find_host_fault("ns1.example.org."));
  CHECK(schema::find_host_fault("ns1").value().find("the whole name") != std::string::npos);
  CHECK(schema::find_host_fault("ns1.").value().find("the whole name") != std::string::npos);
  CHECK(schema::find_host_fault("a b.org").value() == "it has a blank");
  CHECK(schema::find_host_fault(std::string(64, 'a') + ".org").value().find("63") !=
        std::string::npos);
}
