#include "updater/host/local_watch.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "tests/unit/updater/samples.hpp"

namespace {

using samples::address;
using samples::own;
using updater::Connection;

base::Route from(const char* source, const char* gateway = "192.168.1.1") {
  return {2, address(source), address(gateway)};
}

const base::IpAddress bob = address("203.0.113.10");
const base::IpAddress carol = address("2001:db8::10");

/// Two IPv4 addresses and one IPv6 address. Packets to bob leave from the first one.
Connection at_home() {
  return {{own("192.168.1.5"), own("192.168.1.6"), own("2001:db8:1::5")},
          {{bob, from("192.168.1.5")}, {carol, from("2001:db8:1::5", "2001:db8:1::1")}}};
}

std::set<base::IpAddress> after(const Connection& now) {
  return updater::find_source_changed(at_home(), now);
}

using Peers = std::set<base::IpAddress>;

}  // namespace

TEST_CASE("the source changed where packets leave from another address, or from none") {
  Connection now = at_home();
  now.ways[bob] = from("192.168.1.6");
  CHECK(after(now) == Peers{bob});
  now.ways[bob].reset();
  CHECK(after(now) == Peers{bob});
  CHECK(updater::find_source_changed(now, at_home()) ==
        Peers{bob});  // also when there is a route again
}

TEST_CASE("an address that is lost counts for its family, whatever the routes prefer") {
  Connection now = at_home();
  now.addresses = {own("192.168.1.5"), own("2001:db8:1::5")};
  CHECK(after(now) == Peers{bob});
  now.addresses = {own("192.168.1.5"), own("192.168.1.6")};
  CHECK(after(now) == Peers{carol});
}

TEST_CASE("a change that leaves the source as it was affects no peer") {
  Connection now = at_home();
  now.addresses.push_back(own("192.168.1.7"));
  now.ways[bob] = from("192.168.1.5", "192.168.1.2");
  CHECK_FALSE(now == at_home());
  CHECK(after(now) == Peers());
}

TEST_CASE("an address that moves to another interface is not lost") {
  Connection now = at_home();
  now.addresses[0].interface_index = 7;
  CHECK(after(now) == Peers());
}
