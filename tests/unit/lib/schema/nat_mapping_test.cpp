#include "schema/nat_mapping.hpp"

#include <doctest/doctest.h>

#include <string_view>

using schema::NatMapping;

TEST_CASE("each kind has its word of RFC 4787, and the symmetric ones are told apart") {
  const struct {
    NatMapping mapping;
    std::string_view word;
    bool is_symmetric;
  } rows[] = {
      {NatMapping::endpoint_independent, "eim", false},
      {NatMapping::address_dependent, "adm", true},
      {NatMapping::address_and_port_dependent, "apdm", true},
      {NatMapping::varies, "varies", true},
      {NatMapping::unknown, "unknown", false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.word);
    CHECK(to_string(row.mapping) == row.word);
    CHECK(schema::parse_nat_mapping(row.word) == row.mapping);
    CHECK(is_symmetric(row.mapping) == row.is_symmetric);
  }
  for (const std::string_view word : {"", "EIM", "eim ", "cone"}) {
    CAPTURE(word);
    CHECK(!schema::parse_nat_mapping(word));
  }
}
