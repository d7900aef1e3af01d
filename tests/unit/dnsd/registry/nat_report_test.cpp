#include "dnsd/registry/nat_report.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <vector>

namespace {

using schema::NatMapping;

base::WallTime wall(int second) {
  return base::WallTime(std::chrono::seconds(second));
}
dnsd::PointSighting sighting(const std::string& point, const std::string& seen, int since = 10,
                             int last_seen = 20) {
  return {*base::Endpoint::parse(point), *base::Endpoint::parse(seen), wall(since),
          wall(last_seen)};
}

constexpr const char* a1 = "198.51.100.1:51820";
constexpr const char* a2 = "198.51.100.1:443";
constexpr const char* b1 = "198.51.100.2:51820";

TEST_CASE("what the points can tell, and no more") {
  const struct {
    std::string name;
    std::vector<dnsd::PointSighting> sightings;
    std::optional<NatMapping> expected;
  } rows[] = {
      {"nobody", {}, std::nullopt},
      {"one point", {sighting(a1, "203.0.113.1:1")}, std::nullopt},
      {"two families, one point each",
       {sighting(a1, "203.0.113.1:1"), sighting("[2001:db8::1]:51820", "[2001:db8::2]:1")},
       std::nullopt},
      {"two addresses, the same",
       {sighting(a1, "203.0.113.1:1"), sighting(b1, "203.0.113.1:1")},
       NatMapping::endpoint_independent},
      {"two ports of one address, the same",
       {sighting(a1, "203.0.113.1:1"), sighting(a2, "203.0.113.1:1")},
       NatMapping::unknown},
      {"two ports of one address, another one",
       {sighting(a1, "203.0.113.1:1"), sighting(a2, "203.0.113.1:2")},
       NatMapping::address_and_port_dependent},
      {"two addresses, another one",
       {sighting(a1, "203.0.113.1:1"), sighting(b1, "203.0.113.1:2")},
       NatMapping::varies},
      {"ports alike, addresses not",
       {sighting(a1, "203.0.113.1:1"), sighting(a2, "203.0.113.1:1"),
        sighting(b1, "203.0.113.1:2")},
       NatMapping::address_dependent},
      {"ports and addresses",
       {sighting(a1, "203.0.113.1:1"), sighting(b1, "203.0.113.1:2"),
        sighting(a2, "203.0.113.1:3")},
       NatMapping::address_and_port_dependent},
      {"another outside address counts like another port",
       {sighting(a1, "203.0.113.1:1"), sighting(a2, "203.0.113.2:1")},
       NatMapping::address_and_port_dependent},
      {"one point has not seen it since the change",
       {sighting(a1, "203.0.113.1:1", 10, 20), sighting(b1, "203.0.113.1:2", 20, 30)},
       NatMapping::unknown},
      {"both first saw it in the same second",
       {sighting(a1, "203.0.113.1:1", 10, 10), sighting(b1, "203.0.113.1:1", 10, 10)},
       NatMapping::endpoint_independent},
      {"a point on all addresses says nothing",
       {sighting(a1, "203.0.113.1:1"), sighting("0.0.0.0:51820", "203.0.113.1:2")},
       std::nullopt},
      {"IPv6 where more points saw it",
       {sighting(a1, "203.0.113.1:1"), sighting("[2001:db8::1]:1", "[2001:db8::2]:1"),
        sighting("[2001:db8::9]:1", "[2001:db8::2]:1")},
       NatMapping::endpoint_independent},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(dnsd::compare_mappings(row.sightings) == row.expected);
  }
}

}  // namespace
