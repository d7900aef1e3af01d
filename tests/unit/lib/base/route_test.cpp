#include "base/route.hpp"

#include <doctest/doctest.h>
#include <net/if.h>

#include "base/interfaces.hpp"

TEST_CASE("the way to an own address is the loopback interface, from that address") {
  const auto addresses = base::read_interface_addresses();
  REQUIRE(addresses);
  for (const base::InterfaceAddress& own : *addresses) {
    if (!own.is_up || own.address.scope() == base::AddressScope::never) continue;
    CAPTURE(own.address.to_string());
    const auto route = base::read_route(own.address, 0);
    REQUIRE(route);
    CHECK(route->interface_index == ::if_nametoindex("lo"));
    CHECK(route->source == own.address);
    CHECK(!route->gateway);
  }
}

TEST_CASE("without any way there is an error and no empty route") {
  const auto route = base::read_route(*base::IpAddress::parse("2001:db8:ffff:ffff::1"), 0);
  if (route) {
    CHECK(route->interface_index != 0);
  } else {
    CHECK(route.error().value() != 0);
  }
}
