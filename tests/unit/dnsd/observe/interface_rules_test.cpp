#include "dnsd/observe/interface_rules.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace {

using dnsd::InterfaceRules;
using std::chrono::seconds;

// Wall second 1000 is steady second 0.
base::Now at(int second) {
  return {base::SteadyTime(seconds(second)), base::WallTime(seconds(1000 + second))};
}
base::WallTime wall(int second) {
  return at(second).wall;
}
wg::PublicKey key_of(std::uint8_t first) {
  base::Octets32 octets{};
  octets[0] = first;
  return wg::PublicKey(octets);
}
const wg::PublicKey alice = key_of(1);

base::Endpoint endpoint(const std::string& text) {
  return base::Endpoint::parse(text).value();
}
const std::string old_place = "203.0.113.10:4711";
const std::string new_place = "198.51.100.7:9999";

constexpr int never = -100000;

// One poll that shows alice. handshake: the second of the latest one.
struct Poll {
  int second;
  std::string endpoint;  // empty: none
  int handshake;
  std::uint64_t rx;
  std::string expected;               // endpoint that this poll confirms or renews, "" for none
  std::optional<int> last_seen = {};  // of the expected endpoint; none: the poll's second
};

wg::Device device_of(const Poll& poll) {
  wg::DevicePeer peer;
  peer.public_key = alice;
  if (!poll.endpoint.empty()) peer.endpoint = endpoint(poll.endpoint);
  if (poll.handshake != never) peer.latest_handshake = wall(poll.handshake);
  peer.rx_bytes = poll.rx;
  wg::Device device;
  device.name = "wg0";
  device.peers.push_back(peer);
  return device;
}

struct Scenario {
  std::string name;
  std::optional<dnsd::SavedPeer::Sighting> saved;
  std::vector<Poll> polls;
};

}  // namespace

TEST_CASE("only what a poll proves is published") {
  const std::string none;
  const dnsd::SavedPeer::Sighting saved{endpoint(old_place), wall(-900), wall(-60)};
  const std::vector<Scenario> scenarios = {
      {"first sight with a handshake: seen at the handshake",
       {},
       {{0, old_place, -100, 500, old_place, -100}}},
      {"first sight with a handshake a minute ago",
       {},
       {{60, old_place, 0, 500, old_place, 0}, {61, old_place, 0, 500, none}}},
      {"an endpoint that never had a handshake is configuration",
       {},
       {{0, old_place, never, 0, none},
        {1, old_place, never, 148, none},
        {2, old_place, never, 296, none}}},
      {"a configured endpoint that answered",
       {},
       {{0, old_place, never, 0, none}, {1, old_place, 1, 92, old_place}}},
      {"growth renews", {}, {{0, old_place, 0, 500, old_place}, {7, old_place, 0, 532, old_place}}},
      {"growth by initiations alone renews at the same place",
       {},
       {{0, old_place, 0, 500, old_place}, {7, old_place, 0, 648, old_place}}},
      {"no growth is no sighting",
       {},
       {{0, old_place, 0, 500, old_place}, {7, old_place, 0, 500, none}}},
      {"moved by data", {}, {{0, old_place, 0, 500, old_place}, {1, new_place, 0, 532, new_place}}},
      {"moved by a handshake that advanced",
       {},
       {{0, old_place, 0, 500, old_place}, {5, new_place, 4, 500 + 148, new_place}}},
      {"an initiation alone does not move",
       {},
       {{0, old_place, 0, 500, old_place},
        {1, new_place, 0, 648, none},
        {2, new_place, 0, 648, none},
        {3, new_place, 0, 648 + 296, none}}},
      {"an initiation, and a handshake time that is an age, rounded",
       {},
       {{0, old_place, 0, 500, old_place}, {5, new_place, 1, 648, none}}},
      {"an initiation, then data",
       {},
       {{0, old_place, 0, 500, old_place},
        {1, new_place, 0, 648, none},
        {2, new_place, 0, 680, new_place}}},
      {"an initiation, then its handshake",
       {},
       {{0, old_place, 0, 500, old_place},
        {1, new_place, 0, 648, none},
        {2, new_place, 2, 680, new_place}}},
      {"an initiation, back to the old place: no move, and the old place was seen",
       {},
       {{0, old_place, 0, 500, old_place},
        {1, new_place, 0, 648, none},
        {2, old_place, 0, 680, old_place},
        {3, new_place, 0, 680 + 148, none}}},
      {"an endpoint that was set by hand proves nothing",
       {},
       {{0, old_place, 0, 500, old_place}, {1, new_place, 0, 500, none}}},
      {"from one unproven place to another: the last one is proven",
       {},
       {{0, old_place, 0, 500, old_place},
        {1, new_place, 0, 648, none},
        {2, "192.0.2.1:1", 0, 796, none},
        {3, "192.0.2.1:1", 0, 828, "192.0.2.1:1"}}},
      {"another port is another place",
       {},
       {{0, old_place, 0, 500, old_place}, {1, "203.0.113.10:4712", 0, 648, none}}},
      {"another family is another place",
       {},
       {{0, old_place, 0, 500, old_place}, {1, "[2001:db8::1]:5", 0, 532, "[2001:db8::1]:5"}}},
      {"IPv4-mapped is IPv4",
       {},
       {{0, old_place, 0, 500, old_place}, {1, "[::ffff:203.0.113.10]:4711", 0, 532, old_place}}},
      {"counters that went back: first sight again, handshake newer",
       {},
       {{0, old_place, 0, 500, old_place}, {9, new_place, 8, 180, new_place, 8}}},
      {"counters that went back: first sight again, no handshake yet",
       {},
       {{0, old_place, 0, 500, old_place},
        {1, "", never, 0, none},
        {5, new_place, never, 148, none},
        {6, new_place, 6, 180, new_place}}},
      {"counters that went back, and a handshake that proves nothing new",
       {},
       {{0, old_place, 0, 500, old_place}, {9, new_place, 0, 180, none}}},
      {"the endpoint vanished and returned",
       {},
       {{0, old_place, 0, 500, old_place},
        {1, "", 0, 500, none},
        {2, old_place, 0, 532, old_place}}},
      {"a handshake of the future is one of now", {}, {{0, old_place, 99, 500, old_place, 0}}},
      {"saved, and there it still is: not seen until bytes grow",
       saved,
       {{0, old_place, -61, 500, none}, {1, old_place, -61, 532, old_place}}},
      {"saved, the same place with a handshake since",
       saved,
       {{0, old_place, -30, 500, old_place, -30}}},
      {"saved, another place with a handshake since",
       saved,
       {{0, new_place, -30, 500, new_place, -30}}},
      {"saved, another place, no handshake since: waits",
       saved,
       {{0, new_place, -61, 500, none},
        {1, new_place, -61, 648, none},
        {2, new_place, -61, 680, new_place}}},
      {"saved, a handshake in the second of the sighting is not since",
       saved,
       {{0, new_place, -60, 500, none}, {1, new_place, 1, 648, new_place}}},
      {"saved, and a handshake time that is an age, rounded",
       saved,
       {{0, new_place, -59, 500, none}}},
      {"saved, and the device has no endpoint", saved, {{0, "", never, 0, none}}},
  };
  for (const Scenario& scenario : scenarios) {
    CAPTURE(scenario.name);
    InterfaceRules rules;
    if (scenario.saved) rules.restore({alice, scenario.saved, {}}, at(0));
    for (const Poll& poll : scenario.polls) {
      CAPTURE(poll.second);
      const auto update = rules.update(device_of(poll), at(poll.second));
      if (poll.expected.empty()) {
        CHECK(update.seen.empty());
        continue;
      }
      REQUIRE(update.seen.size() == 1);
      const dnsd::Observation& seen = update.seen[0].observation;
      const int last_seen = poll.last_seen.value_or(poll.second);
      CHECK(seen.endpoint.to_string() == poll.expected);
      CHECK(seen.last_seen == wall(last_seen));
      CHECK(seen.seen == at(last_seen).steady);
    }
  }
}

TEST_CASE("since is when the place was first confirmed, and a renewal keeps it") {
  InterfaceRules rules;
  rules.restore({alice, dnsd::SavedPeer::Sighting{endpoint(old_place), wall(-900), wall(-60)}, {}},
                at(0));
  const auto since = [&](const Poll& poll) {
    return rules.update(device_of(poll), at(poll.second)).seen.at(0).observation.since;
  };
  CHECK(since({10, old_place, 5, 500, {}, {}}) == wall(-900));
  CHECK(since({20, old_place, 5, 532, {}, {}}) == wall(-900));
  CHECK(since({30, new_place, 5, 564, {}, {}}) == wall(30));
  CHECK(since({40, new_place, 5, 596, {}, {}}) == wall(30));
  CHECK(since({50, old_place, 5, 628, {}, {}}) == wall(50));
}

TEST_CASE("peers come and go with the device, and tell their allowed-ips when these change") {
  InterfaceRules rules;
  const auto device = [](std::vector<wg::PublicKey> keys, const char* prefix) {
    wg::Device result;
    result.public_key = key_of(99);
    for (const wg::PublicKey& key : keys) {
      wg::DevicePeer peer;
      peer.public_key = key;
      peer.allowed_ips = {*base::Prefix::parse(prefix)};
      result.peers.push_back(peer);
    }
    return result;
  };
  auto update = rules.update(device({alice, key_of(2)}, "10.0.0.0/24"), at(0));
  CHECK(update.own_key == key_of(99));
  CHECK(update.listed.size() == 2);
  CHECK(update.gone.empty());
  update = rules.update(device({alice, key_of(2)}, "10.0.0.0/24"), at(1));
  CHECK(update.listed.empty());
  update = rules.update(device({alice}, "10.0.1.0/24"), at(2));
  CHECK(update.listed.size() == 1);
  CHECK(update.gone == std::vector{key_of(2)});
  update = rules.update(device({alice, key_of(2)}, "10.0.1.0/24"), at(3));
  CHECK(update.listed.size() == 1);
  CHECK(update.listed[0].key == key_of(2));
}

TEST_CASE("a saved peer that the device does not have any more is gone at the first poll") {
  InterfaceRules rules;
  rules.restore({alice, std::nullopt, {}}, at(0));
  CHECK(rules.update(wg::Device{}, at(0)).gone == std::vector{alice});
  CHECK(rules.update(wg::Device{}, at(1)).gone.empty());
}
