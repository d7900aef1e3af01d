#include "dnsd/point/relay/relay.hpp"

#include <doctest/doctest.h>

#include "tests/unit/dnsd/point/relay/relay_fixture.hpp"

namespace {

using namespace relay_test;

TEST_CASE("a handshake through the relay, and data both ways") {
  Net net;
  Peer& alice = net.add("203.0.113.10:4711");
  Peer& bob = net.add("203.0.113.20:4712");
  REQUIRE(net.initiate(alice, bob));
  net.deliver_all();
  CHECK(net.pings(alice, bob));
  CHECK(net.pings(bob, alice));
  CHECK(std::all_of(net.verdicts.begin(), net.verdicts.end(),
                    [](Kind kind) { return kind == Kind::forward; }));
  CHECK(net.counters().packets == net.verdicts.size());
}

}  // namespace
