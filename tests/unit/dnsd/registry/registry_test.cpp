#include "dnsd/registry/registry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tests/unit/dnsd/registry/registry_fixture.hpp"

using namespace registry_test;

TEST_CASE("per family the first source that is not stale, fixed endpoints last") {
  const struct {
    std::string name;
    std::string fixed;
    std::string first;  // seen by wg0
    int first_seen;
    std::string second;  // seen by wg1
    int second_seen;
    std::string expected;  // at second 1000; stale: not seen since 820
  } rows[] = {
      {"nobody", "", "", 0, "", 0, "- - - -"},
      {"one", "", "203.0.113.1:1", 900, "", 0, "203.0.113.1:1 - 900 -"},
      {"two, the first counts", "", "203.0.113.1:1", 900, "203.0.113.2:2", 950,
       "203.0.113.1:1 - 900 -"},
      {"the first is stale", "", "203.0.113.1:1", 800, "203.0.113.2:2", 950,
       "203.0.113.2:2 - 950 -"},
      {"both are stale: configuration order", "", "203.0.113.1:1", 700, "203.0.113.2:2", 800,
       "203.0.113.1:1 - 700 700"},
      {"one per family", "", "203.0.113.1:1", 900, "[2001:db8::2]:2", 950,
       "203.0.113.1:1 [2001:db8::2]:2 950 -"},
      {"one family stale: the record is not", "", "203.0.113.1:1", 700, "[2001:db8::2]:2", 950,
       "203.0.113.1:1 [2001:db8::2]:2 950 -"},
      {"both families stale: the later sighting is told", "", "203.0.113.1:1", 700,
       "[2001:db8::2]:2", 800, "203.0.113.1:1 [2001:db8::2]:2 800 800"},
      {"fixed alone", "192.0.2.1:1", "", 0, "", 0, "192.0.2.1:1 - - -"},
      {"fixed behind what is seen", "192.0.2.1:1", "203.0.113.1:1", 900, "", 0,
       "203.0.113.1:1 - 900 -"},
      {"fixed before what is stale", "192.0.2.1:1", "203.0.113.1:1", 700, "", 0,
       "192.0.2.1:1 - - -"},
      {"fixed beside the other family", "192.0.2.1:1", "[2001:db8::2]:2", 900, "", 0,
       "192.0.2.1:1 [2001:db8::2]:2 900 -"},
      {"fixed keeps a record from being stale", "192.0.2.1:1", "[2001:db8::2]:2", 700, "", 0,
       "192.0.2.1:1 [2001:db8::2]:2 700 -"},
      {"private addresses are stored", "", "10.1.2.3:4", 900, "", 0, "10.1.2.3:4 - 900 -"},
      {"loopback is nobody's place", "", "127.0.0.1:4", 900, "", 0, "- - - -"},
      {"link-local is nobody's place", "", "[fe80::1]:4", 900, "", 0, "- - - -"},
      {"multicast is nobody's place", "", "224.0.0.1:4", 900, "203.0.113.2:2", 950,
       "203.0.113.2:2 - 950 -"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    Fixture f({configured(alice, "alice", row.fixed)});
    if (!row.first.empty()) f.see(wg0, alice, row.first, row.first_seen);
    if (!row.second.empty()) f.see(wg1, alice, row.second, row.second_seen);
    f.registry.tick(at(1000));
    CHECK(f.record() == row.expected);
  }
}

TEST_CASE("an observation ages: fresh, stale, withdrawn; and the peer stays registered") {
  Fixture f;
  f.see(wg0, alice, "203.0.113.1:1", 0);
  const struct {
    int second;
    const char* expected;
  } rows[] = {{179, "203.0.113.1:1 - 0 -"},
              {180, "203.0.113.1:1 - 0 0"},
              {86399, "203.0.113.1:1 - 0 0"},
              {86400, "- - - -"}};
  for (const auto& row : rows) {
    CAPTURE(row.second);
    f.registry.tick(at(row.second));
    CHECK(f.record() == row.expected);
  }
  f.see(wg0, alice, "203.0.113.1:1", 90000);
  CHECK(f.record() == "203.0.113.1:1 - 90000 -");
  f.registry.tick(at(90180));
  CHECK(f.record() == "203.0.113.1:1 - 90000 90000");
}

TEST_CASE("a keepalive is no change; it only moves the deadline") {
  Fixture f;
  f.see(wg0, alice, "203.0.113.1:1", 0, 0);
  CHECK(f.registry.take_touched() == std::vector{alice});
  for (int second = 25; second <= 1000; second += 25) {
    f.see(wg0, alice, "203.0.113.1:1", second, 0);
    f.registry.tick(at(second));
    CHECK(f.registry.take_touched().empty());
  }
  CHECK(f.record() == "203.0.113.1:1 - 0 -");
  f.registry.tick(at(1000 + 179));
  CHECK(f.registry.take_touched().empty());
  CHECK(f.registry.next_deadline() == at(1180).steady);
  f.registry.tick(at(1180));
  CHECK(f.registry.take_touched() == std::vector{alice});
  CHECK(f.record() == "203.0.113.1:1 - 0 1000");
}

TEST_CASE("stale and seen again, over and over: each deadline still comes") {
  Fixture f;
  for (int round = 0; round < 50; ++round) {
    CAPTURE(round);
    const int second = round * 300;
    f.see(wg0, alice, "203.0.113.1:1", second, 0);
    CHECK(f.record() == "203.0.113.1:1 - 0 -");
    f.registry.tick(at(second + 200));
    CHECK(f.registry.record(alice)->stale.has_value());
  }
  f.registry.tick(at(49 * 300 + 86400));
  CHECK(f.record() == "- - - -");
  CHECK_FALSE(f.registry.next_deadline().has_value());
}

TEST_CASE("an observation that is old at first sight begins stale, or not at all") {
  Fixture f;
  f.registry.observe(wg0, alice,
                     Observation{endpoint("203.0.113.1:1"), at(0).wall, at(0).wall, at(0).steady},
                     at(200));
  CHECK(f.record() == "203.0.113.1:1 - 0 0");
  f.registry.observe(wg0, bob,
                     Observation{endpoint("203.0.113.1:1"), at(0).wall, at(0).wall, at(0).steady},
                     at(86400));
  CHECK(f.record(bob) == "unregistered");
}

TEST_CASE("who is registered") {
  const auto own = key_of(9);
  for (const bool listed_only : {false, true}) {
    CAPTURE(listed_only);
    Fixture f({configured(alice, "alice")}, listed_only);
    f.see(wg0, bob, "203.0.113.2:2", 0);
    f.registry.set_own_key(wg0, own);
    CHECK(f.record(alice) == "- - - -");
    CHECK(f.record(bob) == (listed_only ? "unregistered" : "203.0.113.2:2 - 0 -"));
    CHECK(f.record(own) == "- - - -");
    CHECK(f.registry.record(own)->detail->is_hub);
    CHECK_FALSE(f.registry.record(alice)->detail->is_hub);
    CHECK(f.record(key_of(77)) == "unregistered");
  }
}

TEST_CASE("a peer that its only source lists no more is not registered; a configured one stays") {
  Fixture f({configured(alice, "alice")});
  for (const auto& key : {alice, bob}) f.see(wg0, key, "203.0.113.1:1", 0);
  f.see(wg1, bob, "203.0.113.2:2", 0);
  (void)f.registry.take_touched();
  f.registry.unlist(wg0, alice);
  f.registry.unlist(wg0, bob);
  CHECK(f.record(alice) == "- - - -");
  CHECK(f.record(bob) == "203.0.113.2:2 - 0 -");
  f.registry.unlist(wg1, bob);
  CHECK(f.record(bob) == "unregistered");
  auto touched = f.registry.take_touched();
  CHECK(touched.size() == 2);
  f.registry.tick(at(100000));  // deadlines of removed peers have no effect
  CHECK(f.registry.take_touched().empty());
}

TEST_CASE("a built-in point loses a peer with the configuration") {
  dnsd::ConfiguredPeer configured;
  configured.public_key = alice;
  Fixture f({configured});
  f.registry.set_point(wg0, endpoint("198.51.100.1:51820"));
  f.see(wg0, alice, "203.0.113.1:1", 0);
  CHECK(f.registry.is_configured(alice));
  CHECK_FALSE(f.registry.is_configured(bob));
  f.configure({});
  (void)f.registry.take_touched();
  CHECK_FALSE(f.registry.is_configured(alice));
  CHECK_FALSE(f.registry.record(alice).has_value());
}

TEST_CASE("what two points saw is compared once both saw the peer since the last change") {
  dnsd::ConfiguredPeer configured;
  configured.public_key = alice;
  Fixture f({configured});
  f.registry.set_point(wg0, endpoint("198.51.100.1:51820"));
  f.registry.set_point(wg1, endpoint("198.51.100.2:51820"));
  const auto mapping = [&] { return f.registry.record(alice)->detail->mapping; };
  f.see(wg0, alice, "203.0.113.1:1", 0);
  CHECK_FALSE(mapping().has_value());
  f.see(wg1, alice, "203.0.113.1:1", 5);
  CHECK(mapping() ==
        schema::NatMapping::unknown);  // the first point may not know of the change at 5
  (void)f.registry.take_touched();
  f.see(wg0, alice, "203.0.113.1:1", 25, 0);
  CHECK(mapping() == schema::NatMapping::endpoint_independent);
  CHECK(f.registry.take_touched() == std::vector{alice});
  f.see(wg0, alice, "203.0.113.1:1", 50, 0);
  CHECK(f.registry.take_touched().empty());
  f.see(wg1, alice, "203.0.113.1:2", 60);
  CHECK(mapping() == schema::NatMapping::unknown);
  f.see(wg0, alice, "203.0.113.1:1", 75, 0);
  CHECK(mapping() == schema::NatMapping::varies);
  f.registry.tick(at(250));  // the second point has not seen it for 180 s
  CHECK_FALSE(mapping().has_value());
}

TEST_CASE("a key of this host that changes takes its role along") {
  Fixture f;
  f.registry.set_own_key(wg0, alice);
  f.registry.set_own_key(wg1, alice);
  f.registry.set_own_key(wg0, bob);
  CHECK(f.registry.record(alice)->detail->is_hub);
  f.registry.set_own_key(wg1, std::nullopt);
  CHECK(f.record(alice) == "unregistered");
  CHECK(f.registry.record(bob)->detail->is_hub);
}

TEST_CASE("a key of this host is where its source is reached, and never ages") {
  Fixture f;
  const std::vector<base::Endpoint> both = {endpoint("203.0.113.10:1"),
                                            endpoint("[2001:db8::10]:1")};
  f.registry.set_own_places(wg0, both);
  f.registry.set_own_key(wg0, alice);
  (void)f.registry.take_touched();
  CHECK(f.record() == "203.0.113.10:1 [2001:db8::10]:1 - -");
  CHECK_FALSE(f.registry.next_deadline().has_value());
  SUBCASE("it follows") {
    f.registry.set_own_places(wg0, both);
    CHECK(f.registry.take_touched().empty());
    f.registry.set_own_places(wg0, {endpoint("203.0.113.11:1")});
    CHECK(f.registry.take_touched() == std::vector{alice});
    CHECK(f.record() == "203.0.113.11:1 - - -");
    f.registry.set_own_key(wg0, bob);
    CHECK(f.record(alice) == "unregistered");
    CHECK(f.record(bob) == "203.0.113.11:1 - - -");
    f.configure({}, false, {wg1});
    CHECK(f.record(bob) == "unregistered");
  }
  SUBCASE("what another source sees of it does not count") {
    f.see(wg1, alice, "192.0.2.1:1", 0);
    CHECK(f.record() == "203.0.113.10:1 [2001:db8::10]:1 - -");
  }
  SUBCASE("the first source that has it") {
    f.registry.set_own_key(wg1, alice);
    f.registry.set_own_places(wg1, {endpoint("203.0.113.20:2")});
    CHECK(f.record() == "203.0.113.10:1 [2001:db8::10]:1 - -");
    f.registry.set_own_places(wg0, {both[1]});
    CHECK(f.record() == "203.0.113.20:2 [2001:db8::10]:1 - -");
  }
  SUBCASE("where the operator says goes first, of that family") {
    f.configure({configured(alice, "hub", "198.51.100.1:51999")});
    CHECK(f.record() == "198.51.100.1:51999 [2001:db8::10]:1 - -");
    f.configure({});
    CHECK(f.record() == "203.0.113.10:1 [2001:db8::10]:1 - -");
  }
  SUBCASE("so does a host name") {
    dnsd::ConfiguredPeer named = configured(alice, "hub");
    named.endpoint = wg::HostEndpoint{"hub.example.org", base::Port{51999}};
    f.configure({named});
    CHECK(f.record() == "- - - -");
    CHECK(f.registry.record(alice)->detail->host_target.has_value());
  }
}

TEST_CASE("names, allowed-ips and host endpoints: the configuration first, then the first source") {
  dnsd::ConfiguredPeer peer = configured(alice, "alice");
  peer.endpoint = wg::HostEndpoint{"vpn.example.org", base::Port{7}};
  Fixture f({peer});
  f.registry.list(wg1, alice, prefixes("10.1.0.0/24"));
  const auto detail = [&] { return f.registry.record(alice)->detail; };
  CHECK(detail()->name == "alice");
  CHECK(detail()->allowed_ips == prefixes("10.1.0.0/24"));
  REQUIRE(detail()->host_target.has_value());
  CHECK(detail()->host_target->name.to_string() == "vpn.example.org.");
  CHECK(detail()->host_target->port == base::Port{7});
  f.registry.list(wg0, alice, prefixes("10.0.0.0/24"));
  CHECK(detail()->allowed_ips == prefixes("10.0.0.0/24"));
  peer.allowed_ips = prefixes("192.168.0.0/24");
  f.configure({peer});
  CHECK(detail()->allowed_ips == prefixes("192.168.0.0/24"));
  f.registry.list(wg0, alice, prefixes("10.9.0.0/24"));
  CHECK(detail()->allowed_ips == prefixes("192.168.0.0/24"));
  f.configure({});
  CHECK(detail()->allowed_ips == prefixes("10.9.0.0/24"));
  CHECK(detail()->name.empty());
  CHECK_FALSE(detail()->host_target.has_value());
}

TEST_CASE("a reload that changes nothing touches nobody") {
  const std::vector peers = {configured(alice, "alice", "192.0.2.1:1"), configured(bob, "bob")};
  Fixture f(peers);
  f.see(wg0, bob, "203.0.113.2:2", 0);
  const auto before = f.registry.record(bob);
  (void)f.registry.take_touched();
  f.configure(peers);
  CHECK(f.registry.take_touched().empty());
  CHECK(f.registry.record(bob) == before);
}

TEST_CASE("a reload by difference: names, fixed endpoints, order, interfaces, publish") {
  Fixture f({configured(alice, "alice", "192.0.2.1:1"), configured(bob, "bob")});
  f.see(wg0, alice, "203.0.113.1:1", 0);
  f.see(wg1, alice, "203.0.113.9:9", 0);
  (void)f.registry.take_touched();

  f.configure({configured(alice, "alicia", "192.0.2.2:2")});
  CHECK(f.registry.record(alice)->detail->name == "alicia");
  CHECK(f.record(bob) == "unregistered");
  CHECK(f.record() == "203.0.113.1:1 - 0 -");

  f.configure({configured(alice, "alicia", "192.0.2.2:2")}, false, {wg1, wg0});
  CHECK(f.record() == "203.0.113.9:9 - 0 -");
  f.configure({configured(alice, "alicia", "192.0.2.2:2")}, false, {wg0});
  CHECK(f.record() == "203.0.113.1:1 - 0 -");
  f.configure({configured(alice, "alicia", "192.0.2.2:2")}, false, {});
  CHECK(f.record() == "192.0.2.2:2 - - -");

  f.see(wg0, bob, "203.0.113.2:2", 1);
  f.configure({}, true, {wg0});
  CHECK(f.record(bob) == "unregistered");
  f.configure({}, false, {wg0});
  CHECK(f.record(bob) == "203.0.113.2:2 - 1 -");
}

TEST_CASE("relayed is who the configuration has, and does not keep from it") {
  dnsd::ConfiguredPeer off = configured(bob, "");
  off.is_relayed = false;
  Fixture f({configured(alice, ""), off});
  const auto is_relayed = [&](const wg::PublicKey& key) {
    return f.registry.record(key)->detail->is_relayed;
  };
  CHECK(is_relayed(alice));
  CHECK(!is_relayed(bob));
  off.is_relayed = true;
  f.configure({configured(alice, ""), off});
  CHECK(is_relayed(bob));
  // Who only an interface lists is no peer of a point.
  f.see(wg0, alice, "203.0.113.1:1", 0);
  f.configure({off});
  CHECK(!is_relayed(alice));
  f.configure({configured(alice, ""), off});
  CHECK(is_relayed(alice));
}

TEST_CASE("other ages count from the reload on") {
  Fixture f;
  f.see(wg0, alice, "203.0.113.1:1", 0);
  f.registry.begin_configuration({seconds(10), seconds(20), false}, std::vector{wg0});
  f.registry.end_configuration();
  f.registry.tick(at(10));
  CHECK(f.record() == "203.0.113.1:1 - 0 0");
  f.registry.tick(at(20));
  CHECK(f.record() == "- - - -");
}

TEST_CASE("who saw it") {
  Fixture f({configured(bob, "bob", "192.0.2.1:1")});
  f.see(wg1, alice, "203.0.113.1:1", 0);
  CHECK(f.registry.seen_by(alice, endpoint("203.0.113.1:1")) == wg1);
  CHECK_FALSE(f.registry.seen_by(alice, endpoint("203.0.113.2:2")).has_value());
  CHECK_FALSE(f.registry.seen_by(bob, endpoint("192.0.2.1:1")).has_value());
  CHECK(f.registry.listed_by(wg1) == 1);
  CHECK(f.registry.listed_by(wg0) == 0);
  CHECK(f.registry.listed_by(77) == 0);
}

TEST_CASE("what only the configuration says is in the table alone, and changes by difference") {
  dnsd::PeerTable table;
  Registry registry(table);
  const auto key = [](std::uint8_t fill) {
    base::Octets32 octets;
    octets.fill(fill);
    return wg::PublicKey(octets);
  };
  const auto publish = [&] {
    const auto touched = registry.take_touched();
    for (const wg::PublicKey& one : touched) {
      const dnsd::PeerChange change{one, registry.record(one)};
      table.apply({&change, 1});
      registry.move_to_table(one);
    }
    return touched.size();
  };
  const auto configure = [&](const std::vector<dnsd::ConfiguredPeer>& peers) {
    registry.begin_configuration({seconds(180), seconds(86400), false}, std::vector{wg0});
    for (const auto& peer : peers) registry.configure(peer);
    registry.end_configuration();
    return publish();
  };
  const auto peer = [&](std::uint8_t fill, const char* place) {
    return dnsd::ConfiguredPeer{key(fill), {}, prefixes("10.0.0.1/32"), endpoint(place)};
  };
  CHECK(configure(
            {peer(1, "203.0.113.1:1"), peer(2, "203.0.113.2:1"), peer(3, "[2001:db8::3]:1")}) == 3);
  CHECK(configure(
            {peer(1, "203.0.113.1:1"), peer(2, "203.0.113.2:1"), peer(3, "[2001:db8::3]:1")}) == 0);
  CHECK(registry.fixed(key(3)) == endpoint("[2001:db8::3]:1"));
  CHECK(registry.is_configured(key(3)));
  CHECK_FALSE(registry.is_configured(key(4)));
  // One peer stays, one moves, one goes, one comes.
  CHECK(configure({peer(4, "203.0.113.4:1"), peer(1, "203.0.113.1:1"), peer(2, "203.0.113.9:9")}) ==
        3);
  CHECK(table.size() == 3);
  CHECK_FALSE(table.find(key(3)).has_value());
  CHECK(table.find(key(2))->ipv4 == endpoint("203.0.113.9:9"));

  SUBCASE("an observation goes before the fixed endpoint, which is remembered") {
    registry.observe(wg0, key(1),
                     Observation{endpoint("198.51.100.1:7"), at(1).wall, at(1).wall, at(1).steady},
                     at(1));
    CHECK(publish() == 1);
    CHECK(table.find(key(1))->ipv4 == endpoint("198.51.100.1:7"));
    CHECK(table.find(key(1))->detail->allowed_ips == prefixes("10.0.0.1/32"));
    registry.unlist(wg0, key(1));
    CHECK(publish() == 1);
    CHECK(table.find(key(1))->ipv4 == endpoint("203.0.113.1:1"));
    CHECK(configure({peer(1, "203.0.113.1:1")}) == 2);
    CHECK(table.size() == 1);
  }
  SUBCASE("one that a source lists stays when the configuration drops it") {
    registry.list(wg0, key(4), {});
    (void)publish();
    CHECK(configure({peer(1, "203.0.113.1:1"), peer(2, "203.0.113.9:9")}) == 1);
    CHECK(table.size() == 3);
    CHECK_FALSE(table.find(key(4))->ipv4.has_value());
  }
}
