#include "dnsd/registry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace {

using dnsd::Observation;
using dnsd::PeerRecord;
using dnsd::Registry;
using dnsd::SourceId;
using std::chrono::seconds;

constexpr SourceId wg0 = 0;
constexpr SourceId wg1 = 1;

base::Now at(int second) {
  return {base::SteadyTime(seconds(second)), base::WallTime(seconds(100000 + second))};
}
wg::PublicKey key_of(std::uint32_t number) {
  base::Octets32 octets{};
  for (std::size_t i = 0; i < 4; ++i) octets[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return wg::PublicKey(octets);
}
const wg::PublicKey alice = key_of(1);
const wg::PublicKey bob = key_of(2);

base::Endpoint endpoint(const std::string& text) {
  return base::Endpoint::parse(text).value();
}
std::vector<base::Prefix> prefixes(const char* text) {
  return {base::Prefix::parse(text).value()};
}

// A registry with two interfaces and the rules of the design.
class Fixture {
 public:
  const dnsd::PeerTable table;
  Registry registry{table};

  explicit Fixture(std::vector<dnsd::ConfiguredPeer> peers = {}, bool listed_only = false) {
    configure(std::move(peers), listed_only);
  }
  void configure(const std::vector<dnsd::ConfiguredPeer>& peers, bool listed_only = false,
                 std::vector<SourceId> order = {wg0, wg1}) {
    registry.begin_configuration({seconds(180), seconds(86400), listed_only}, order);
    for (const auto& peer : peers) registry.configure(peer);
    registry.end_configuration();
  }
  void see(SourceId source, const wg::PublicKey& key, const std::string& place, int second,
           std::optional<int> since = {}) {
    registry.list(source, key, {});
    registry.observe(source, key,
                     Observation{endpoint(place), at(since.value_or(second)).wall, at(second).wall,
                                 at(second).steady},
                     at(second));
  }
  // `v4 v6 since stale`, with - for what is not there.
  std::string record(const wg::PublicKey& key = alice) {
    const auto record = registry.record(key);
    if (!record) return "unregistered";
    const auto place = [](const auto& e) { return e ? e->to_string() : std::string("-"); };
    const auto time = [](base::WallTime t) {
      return t == base::WallTime{} ? std::string("-") : std::to_string((t - at(0).wall).count());
    };
    return place(record->ipv4) + ' ' + place(record->ipv6) + ' ' + time(record->since) + ' ' +
           time(record->stale.value_or(base::WallTime{}));
  }
};

dnsd::ConfiguredPeer configured(const wg::PublicKey& key, const std::string& name,
                                const std::string& fixed = {}) {
  dnsd::ConfiguredPeer peer;
  peer.public_key = key;
  peer.name = name;
  if (!fixed.empty()) peer.endpoint = endpoint(fixed);
  return peer;
}

}  // namespace

TEST_CASE("per family the first source that is not stale, fixed endpoints last") {
  const struct {
    std::string name;
    std::string fixed;
    std::string first;  // seen by wg0
    int first_seen;
    std::string second;  // seen by wg1
    int second_seen;
    std::string expected;  // at second 1000; stale is what was not seen since 820
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
  f.registry.tick(at(100000));  // deadlines of those who left are nobody's
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
  CHECK(mapping() == dnsd::NatMapping::unknown);  // the first point may not know of a change at 5
  (void)f.registry.take_touched();
  f.see(wg0, alice, "203.0.113.1:1", 25, 0);
  CHECK(mapping() == dnsd::NatMapping::endpoint_independent);
  CHECK(f.registry.take_touched() == std::vector{alice});
  f.see(wg0, alice, "203.0.113.1:1", 50, 0);
  CHECK(f.registry.take_touched().empty());
  f.see(wg1, alice, "203.0.113.1:2", 60);
  CHECK(mapping() == dnsd::NatMapping::unknown);
  f.see(wg0, alice, "203.0.113.1:1", 75, 0);
  CHECK(mapping() == dnsd::NatMapping::varies);
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

TEST_CASE("what was saved is stale until it is seen again, however young it is") {
  Fixture f;
  const dnsd::SavedPeer::Sighting sighting{endpoint("203.0.113.1:1"), at(-500).wall, at(-1).wall};
  f.registry.restore(wg0, {alice, sighting, prefixes("10.0.0.0/24")}, at(0));
  f.registry.restore(wg0, {bob, std::nullopt, {}}, at(0));
  CHECK(f.record() == "203.0.113.1:1 - -500 -1");
  CHECK(f.registry.record(alice)->detail->allowed_ips == prefixes("10.0.0.0/24"));
  CHECK(f.record(bob) == "- - - -");
  CHECK_FALSE(f.registry.has_unsaved());  // it came from there
  f.registry.observe(
      wg0, alice, Observation{endpoint("203.0.113.1:1"), at(-500).wall, at(5).wall, at(5).steady},
      at(5));
  CHECK(f.record() == "203.0.113.1:1 - -500 -");
  f.registry.tick(at(185));
  CHECK(f.record() == "203.0.113.1:1 - -500 5");
}

TEST_CASE("what was saved too long ago is not served, and a clock set back harms nobody") {
  Fixture f;
  const auto saved = [](int second) {
    return dnsd::SavedPeer::Sighting{endpoint("203.0.113.1:1"), at(second).wall, at(second).wall};
  };
  f.registry.restore(wg0, {alice, saved(-86400), {}}, at(0));
  CHECK(f.record() == "- - - -");
  f.registry.restore(wg0, {bob, saved(5000), {}}, at(0));
  CHECK(f.record(bob) == "203.0.113.1:1 - 5000 5000");
  f.registry.tick(at(86399));
  CHECK(f.record(bob) == "203.0.113.1:1 - 5000 5000");
  f.registry.tick(at(86400));
  CHECK(f.record(bob) == "- - - -");
}

TEST_CASE("what is to be saved: every change at once, a keepalive once a minute") {
  Fixture f;
  const auto unsaved = [&] { return f.registry.take_unsaved().size(); };
  f.see(wg0, alice, "203.0.113.1:1", 0, 0);
  CHECK(unsaved() == 1);
  int writes = 0;
  for (int second = 1; second <= 600; ++second) {
    f.see(wg0, alice, "203.0.113.1:1", second, 0);
    writes += static_cast<int>(unsaved());
  }
  CHECK(writes == 10);
  f.see(wg0, alice, "203.0.113.2:2", 601);
  CHECK(unsaved() == 1);
  CHECK(f.registry.saved(wg0, alice)->sighting->endpoint == endpoint("203.0.113.2:2"));
  f.registry.tick(at(601 + 180));
  CHECK(unsaved() == 1);
  f.registry.tick(at(601 + 86400));
  CHECK(unsaved() == 1);
  CHECK_FALSE(f.registry.saved(wg0, alice)->sighting.has_value());
  f.registry.unlist(wg0, alice);
  CHECK(unsaved() == 1);
  CHECK_FALSE(f.registry.saved(wg0, alice).has_value());
}

TEST_CASE("a place on trial is published, and the proven one before it is kept") {
  Fixture f;
  const auto try_place = [&](const std::string& place, int second) {
    f.registry.observe(
        wg0, alice,
        Observation{endpoint(place), at(second).wall, at(second).wall, at(second).steady, true},
        at(second));
  };
  const auto kept = [&] {
    (void)f.registry.take_unsaved();
    const auto saved = f.registry.saved(wg0, alice);
    return saved && saved->sighting ? saved->sighting->endpoint.to_string() : std::string("-");
  };
  f.see(wg0, alice, "203.0.113.1:1", 0);
  try_place("198.51.100.66:2", 10);
  CHECK(f.record() == "198.51.100.66:2 - 10 -");
  CHECK(kept() == "203.0.113.1:1");
  try_place("198.51.100.66:3", 12);  // from one trial to the next
  CHECK(f.record() == "198.51.100.66:3 - 12 -");
  CHECK(kept() == "203.0.113.1:1");
  f.registry.flush_sightings();
  CHECK(kept() == "203.0.113.1:1");
  SUBCASE("taken back") {
    f.see(wg0, alice, "203.0.113.1:1", 15, 0);
    CHECK(kept() == "203.0.113.1:1");
    CHECK(f.record() == "203.0.113.1:1 - 0 -");
  }
  SUBCASE("proven: kept at once") {
    f.see(wg0, alice, "198.51.100.66:3", 13, 12);
    CHECK(f.registry.has_unsaved());
    CHECK(kept() == "198.51.100.66:3");
  }
  SUBCASE("withdrawn for its age") {
    f.registry.tick(at(12 + 86400));
    CHECK(kept() == "-");
  }
}

TEST_CASE("before a stop the last sightings are written too, and a failed write is repeated") {
  Fixture f;
  f.see(wg0, alice, "203.0.113.1:1", 0, 0);
  (void)f.registry.take_unsaved();
  f.see(wg0, alice, "203.0.113.1:1", 30, 0);
  CHECK_FALSE(f.registry.has_unsaved());
  f.registry.flush_sightings();
  const auto written = f.registry.take_unsaved();
  REQUIRE(written.size() == 1);
  CHECK(f.registry.saved(wg0, alice)->sighting->last_seen == at(30).wall);
  f.registry.flush_sightings();
  CHECK_FALSE(f.registry.has_unsaved());
  f.registry.mark_unsaved(written[0]);
  f.registry.mark_unsaved(written[0]);
  CHECK(f.registry.take_unsaved().size() == 1);
  f.registry.mark_unsaved({wg0, bob});
  CHECK(f.registry.take_unsaved().size() == 1);
  f.registry.mark_all_unsaved();
  CHECK(f.registry.take_unsaved().size() == 1);
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
      registry.settle(one);
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
  // One stays, one moves, one goes, one comes.
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
