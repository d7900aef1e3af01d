#include "dns/server_address.hpp"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("a server's address has port 53 where none is said") {
  const struct {
    const char* text;
    const char* expected;  // empty: none
  } rows[] = {
      {"203.0.113.1", "203.0.113.1:53"},
      {"203.0.113.1:5353", "203.0.113.1:5353"},
      {"2001:db8::1", "[2001:db8::1]:53"},
      {"[2001:db8::1]", "[2001:db8::1]:53"},
      {"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
      {"::ffff:203.0.113.1", "203.0.113.1:53"},
      {"[::ffff:203.0.113.1]:5353", "203.0.113.1:5353"},
      {"", ""},
      {"[]", ""},
      {"[203.0.113.1]", ""},
      {"203.0.113.1:", ""},
      {"203.0.113.1:0", ""},
      {"example.org", ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.text);
    const auto endpoint = dns::parse_server_address(row.text);
    CHECK((endpoint ? endpoint->to_string() : std::string()) == row.expected);
  }
}
