#include "base/neighbour.hpp"

#include <doctest/doctest.h>
#include <net/if.h>

TEST_CASE("nothing is known of a neighbour that nobody asked for") {
  const auto state =
      base::read_neighbour(*base::IpAddress::parse("192.0.2.77"), ::if_nametoindex("lo"));
  REQUIRE(state);
  CHECK(*state == base::NeighbourState::unknown);
}

TEST_CASE("a link that does not exist is an error") {
  const auto address = *base::IpAddress::parse("192.0.2.77");
  CHECK(!base::read_neighbour(address, 0x7ffffff0));
  CHECK(!base::ask_neighbour(address, 0x7ffffff0));
}
