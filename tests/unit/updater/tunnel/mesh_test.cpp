#include "updater/tunnel/mesh.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "dns/query.hpp"
#include "schema/owner_name.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::ListedPeer;
using updater::LookupError;
using updater::Memory;
using updater::MeshList;
using updater::MeshSettings;
using Mesh = updater::PeerMemory::Mesh;

const auto self = key(0x10);
const auto hub = key(0x01);
const auto alice = key(0x20);
const auto bob = key(0x50);
const auto zone = name("wg.example.org");
const auto server = address("10.77.0.1");
constexpr unsigned device_index = 7;
const std::vector<base::InterfaceAddress> host = {own("10.77.0.2", "wg0"), own("192.168.1.5")};

wg::Device device(const std::vector<std::pair<wg::PublicKey, std::string>>& peers = {}) {
  wg::Device made;
  made.name = "wg0";
  made.public_key = self;
  wg::DevicePeer shown;
  shown.public_key = hub;
  shown.allowed_ips = {prefix("10.77.0.0/24")};
  made.peers = {shown};
  for (const auto& [peer, allowed] : peers) {
    shown.public_key = peer;
    shown.allowed_ips = {prefix(allowed)};
    made.peers.push_back(shown);
  }
  return made;
}

ListedPeer listed(const wg::PublicKey& peer, const std::vector<std::string>& allowed,
                  bool is_hub = false) {
  ListedPeer made{peer, {}, is_hub};
  for (const std::string& text : allowed) made.allowed_ips.push_back(prefix(text));
  return made;
}

MeshSettings settings() {
  return {{prefix("10.77.0.0/24"), prefix("fd77::/64")}, 100, {}};
}

updater::MeshPlan plan(const MeshSettings& chosen, const wg::Device& shown, const MeshList& list,
                       Memory& memory) {
  return updater::plan_mesh({.hubs = {hub}, .mesh = chosen}, shown, device_index, server, host,
                            list, memory);
}

/// A reply with these names as PTR records, or these strings as one TXT record.
std::vector<std::uint8_t> reply(const dns::Name& owner, dns::RrType type, unsigned flags,
                                const std::vector<std::vector<std::uint8_t>>& records) {
  auto packet = dns::write_query(1, owner, type, 16384);
  packet.resize(packet.size() - 11);
  packet[2] = static_cast<std::uint8_t>(flags >> 8U);
  packet[3] = static_cast<std::uint8_t>(flags);
  packet[7] = static_cast<std::uint8_t>(records.size());
  packet[11] = 0;
  for (const auto& rdata : records) {
    packet.insert(packet.end(), {0xc0, 12, 0, static_cast<std::uint8_t>(type), 0, 1, 0, 0, 0, 1});
    packet.push_back(static_cast<std::uint8_t>(rdata.size() >> 8U));
    packet.push_back(static_cast<std::uint8_t>(rdata.size()));
    packet.insert(packet.end(), rdata.begin(), rdata.end());
  }
  return packet;
}

std::vector<std::uint8_t> wire(const dns::Name& name) {
  const base::Bytes octets = name.view().wire();
  return {octets.begin(), octets.end()};
}

std::vector<std::uint8_t> strings(const std::vector<std::string>& texts) {
  std::vector<std::uint8_t> rdata;
  for (const std::string& text : texts) {
    rdata.push_back(static_cast<std::uint8_t>(text.size()));
    rdata.insert(rdata.end(), text.begin(), text.end());
  }
  return rdata;
}

constexpr unsigned fine = 0x8400;

}  // namespace

TEST_CASE("a listed peer joins with its host routes inside a range, and no others") {
  Memory memory;
  const auto result =
      plan(settings(), device(),
           {{listed(alice, {"10.77.0.3/32", "10.78.0.3/32", "10.77.0.64/26", "fd77::3/128"})}, {}},
           memory);
  REQUIRE(result.change.added.size() == 1);
  CHECK(result.change.added[0] == wg::NewPeer{alice, {}});  // it gets them with its session
  CHECK(memory[alice].routes == std::vector{prefix("10.77.0.3/32"), prefix("fd77::3/128")});
  CHECK(result.change.removed.empty());
  REQUIRE(result.notes.size() == 1);
  CHECK(result.notes[0].peer == alice);
  CHECK(memory[alice].mesh == Mesh::adding);
  CHECK(memory[alice].mesh_device == device_index);
}

TEST_CASE("peers that do not join") {
  const auto with = [](void (*change)(MeshSettings&)) {
    MeshSettings made = settings();
    change(made);
    return made;
  };
  Memory removed;
  removed[alice].mesh = Mesh::removed;
  const struct {
    const char* what;
    MeshSettings settings;
    wg::Device device;
    ListedPeer peer;
    Memory memory;
    bool joins;
  } rows[] = {
      {"an ordinary peer", settings(), device(), listed(alice, {"10.77.0.3/32"}), {}, true},
      {"no host route", settings(), device(), listed(alice, {"10.77.0.0/28"}), {}, false},
      {"everything", settings(), device(), listed(alice, {"0.0.0.0/0"}), {}, false},
      {"outside the ranges", settings(), device(), listed(alice, {"10.78.0.3/32"}), {}, false},
      {"nothing", settings(), device(), listed(alice, {}), {}, false},
      {"ourselves", settings(), device(), listed(self, {"10.77.0.3/32"}), {}, false},
      {"a hub", settings(), device(), listed(alice, {"10.77.0.3/32"}, true), {}, false},
      {"a peer that is there",
       settings(),
       device({{alice, "10.77.0.3/32"}}),
       listed(alice, {"10.77.0.4/32"}),
       {},
       false},
      {"another peer's address",
       settings(),
       device({{bob, "10.77.0.3/32"}}),
       listed(alice, {"10.77.0.3/32", "10.77.0.4/32"}),
       {},
       false},
      {"inside another peer's network",
       settings(),
       device({{bob, "10.77.0.0/28"}}),
       listed(alice, {"10.77.0.3/32"}),
       {},
       false},
      {"inside another peer's network, which is wider than the hub's",
       settings(),
       device({{bob, "10.77.0.0/16"}}),
       listed(alice, {"10.77.0.3/32"}),
       {},
       false},
      {"beside another peer's network",
       settings(),
       device({{bob, "10.77.0.16/28"}}),
       listed(alice, {"10.77.0.3/32"}),
       {},
       true},
      {"with another peer as the way to everything else",
       settings(),
       device({{bob, "0.0.0.0/0"}}),
       listed(alice, {"10.77.0.3/32"}),
       {},
       true},
      {"the server's address", settings(), device(), listed(alice, {"10.77.0.1/32"}), {}, false},
      {"our own address", settings(), device(), listed(alice, {"10.77.0.2/32"}), {}, false},
      {"denied",
       with([](MeshSettings& made) { made.deny = {alice}; }),
       device(),
       listed(alice, {"10.77.0.3/32"}),
       {},
       false},
      {"removed by hand", settings(), device(), listed(alice, {"10.77.0.3/32"}), removed, false},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    Memory memory = row.memory;
    const auto result = plan(row.settings, row.device, {{row.peer}, {}}, memory);
    CHECK(result.change.added.size() == (row.joins ? 1 : 0));
    CHECK(result.change.removed.empty());
  }
}

TEST_CASE("a refusal names both, the address and the network of the other peer") {
  Memory memory;
  const auto result = plan(settings(), device({{bob, "10.77.0.0/28"}}),
                           {{listed(alice, {"10.77.0.3/32"})}, {}}, memory);
  REQUIRE(result.notes.size() == 1);
  CHECK(result.notes[0].text == "is not joined: 10.77.0.3/32 lies inside 10.77.0.0/28 of " +
                                    wg::describe_peer("", bob) + ", which is no hub");
}

TEST_CASE("an address that a hub has itself may be lent, but not the hub's own") {
  wg::Device shown = device();
  shown.peers[0].allowed_ips = {prefix("10.77.0.9/32"), prefix("10.77.0.3/32")};
  Memory memory;
  CHECK(plan(settings(), shown, {{listed(alice, {"10.77.0.3/32"})}, {}}, memory)
            .change.added.size() == 1);
  shown.peers[0].allowed_ips = {prefix("10.77.0.9/32"), prefix("10.77.0.0/24")};
  memory.clear();
  CHECK(plan(settings(), shown, {{listed(alice, {"10.77.0.9/32"})}, {}}, memory)
            .change.added.empty());
}

TEST_CASE("the peer through which the private server is reached counts as a hub") {
  Memory memory;
  const updater::Settings by_server{.hubs = {}, .mesh = settings(), .private_server = server};
  const updater::Settings by_nobody{.hubs = {}, .mesh = settings()};
  const MeshList list{{listed(alice, {"10.77.0.3/32"})}, {}};
  CHECK(updater::plan_mesh(by_server, device(), device_index, server, host, list, memory)
            .change.added.size() == 1);
  memory.clear();
  CHECK(updater::plan_mesh(by_nobody, device(), device_index, server, host, list, memory)
            .change.added.empty());
}

TEST_CASE("one address joins once, and no more peers than mesh-max") {
  Memory memory;
  auto result =
      plan(settings(), device(),
           {{listed(alice, {"10.77.0.3/32"}), listed(bob, {"10.77.0.3/32"})}, {}}, memory);
  CHECK(result.change.added.size() == 1);

  memory.clear();
  memory[alice].mesh = Mesh::added;
  memory[alice].mesh_device = device_index;
  memory[alice].routes = {prefix("10.77.0.3/32")};
  wg::Device without_routes = device({{alice, "10.77.0.3/32"}});
  without_routes.peers.back().allowed_ips.clear();
  CHECK(plan(settings(), without_routes, {{listed(bob, {"10.77.0.3/32"})}, {}}, memory)
            .change.added.empty());
  MeshSettings two = settings();
  two.max = 2;
  result = plan(two, device({{alice, "10.77.0.3/32"}}),
                {{listed(bob, {"10.77.0.4/32"}), listed(key(0x60), {"10.77.0.5/32"})}, {}}, memory);
  CHECK(result.change.added.size() == 1);
}

TEST_CASE("only what we added is removed, and only when nobody registers it") {
  Memory memory;
  memory[alice].mesh = Mesh::added;
  memory[alice].mesh_device = device_index;
  memory[bob].last_good = endpoint("203.0.113.10:51820");  // known, and set by the user
  const auto shown = device({{alice, "10.77.0.3/32"}, {bob, "10.77.0.4/32"}});
  CHECK(plan(settings(), shown, {}, memory).change == wg::Membership());
  memory[alice].routes = {prefix("10.77.0.3/32")};
  memory[alice].lenders = {{prefix("10.77.0.3/32"), hub}};
  const auto result = plan(settings(), shown, {{}, {alice, bob}}, memory);
  CHECK(result.change.removed == std::vector{alice});
  REQUIRE(!result.change.before.empty());  // the hub has it back before the peer is gone
  CHECK(result.change.before.front().public_key == hub);
  CHECK(result.change.before.front().more_allowed_ips == std::vector{prefix("10.77.0.3/32")});
  CHECK(memory[alice] == updater::PeerMemory());
}

TEST_CASE("a peer that vanished was removed by hand, until it is added by hand") {
  Memory memory;
  memory[alice].mesh = Mesh::adding;
  memory[alice].mesh_device = device_index;
  memory[bob] = memory[alice];
  CHECK(updater::observe_mesh(device({{alice, "10.77.0.3/32"}}), device_index, memory).empty());
  CHECK(memory[alice].mesh == Mesh::added);
  CHECK(memory[bob].mesh == Mesh::none);  // the peer was never seen: the write failed
  SUBCASE("removed") {
    CHECK(updater::observe_mesh(device(), device_index, memory).size() == 1);
    CHECK(memory[alice].mesh == Mesh::removed);
    CHECK(updater::find_questions(settings(), device(), {alice, bob}, memory).listed ==
          std::vector{bob});
    (void)updater::observe_mesh(device({{alice, "10.77.0.3/32"}}), device_index, memory);
    CHECK(memory[alice].mesh == Mesh::none);
  }
  SUBCASE("another device of that name") {
    CHECK(updater::observe_mesh(device(), device_index + 1, memory).empty());
    CHECK(memory[alice].mesh == Mesh::none);
  }
  SUBCASE("all at once: the configuration was loaded anew") {
    memory[bob].mesh = Mesh::added;
    memory[bob].mesh_device = device_index;
    CHECK(updater::observe_mesh(device(), device_index, memory).empty());
    CHECK(memory[alice].mesh == Mesh::none);
    CHECK(memory[bob].mesh == Mesh::none);
  }
}

TEST_CASE("questions: the listed that may join, and what we added and is not listed") {
  Memory memory;
  memory[alice].mesh = Mesh::added;
  memory[alice].mesh_device = device_index;
  const auto questions = updater::find_questions(settings(), device({{alice, "10.77.0.3/32"}}),
                                                 {bob, self, hub}, memory);
  CHECK(questions.listed == std::vector{bob});
  CHECK(questions.missing == std::vector{alice});
}

TEST_CASE("a list that is not whole is no list") {
  const auto owner = updater::mesh_list_name(zone);
  const auto entry = [](const wg::PublicKey& peer) {
    return wire(schema::instance_name(peer, zone));
  };
  const auto good = reply(owner, dns::RrType::ptr, fine, {entry(alice), entry(bob)});
  REQUIRE(updater::parse_mesh_list(good, zone));
  CHECK(*updater::parse_mesh_list(good, zone) == std::set{alice, bob});
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(!updater::parse_mesh_list(base::Bytes(good).first(size), zone));
  }
  const struct {
    const char* what;
    std::vector<std::uint8_t> packet;
  } rows[] = {
      {"truncated", reply(owner, dns::RrType::ptr, fine | 0x200U, {})},
      {"not authoritative", reply(owner, dns::RrType::ptr, 0x8000, {entry(alice)})},
      {"SERVFAIL", reply(owner, dns::RrType::ptr, fine | 2U, {})},
      {"REFUSED", reply(owner, dns::RrType::ptr, fine | 5U, {})},
      {"NXDOMAIN", reply(owner, dns::RrType::ptr, fine | 3U, {})},
      {"a name of no peer", reply(owner, dns::RrType::ptr, fine, {entry(alice), wire(zone)})},
      {"another zone", reply(owner, dns::RrType::ptr, fine, {wire(name("example.net"))})},
      {"another form of a name",
       reply(owner, dns::RrType::ptr, fine, {wire(schema::service_name(alice, zone))})},
      {"another question", reply(zone, dns::RrType::ptr, fine, {entry(alice)})},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(!updater::parse_mesh_list(row.packet, zone));
  }
  const auto empty = updater::parse_mesh_list(reply(owner, dns::RrType::ptr, fine, {}), zone);
  REQUIRE(empty);
  CHECK(empty->empty());
}

TEST_CASE("a listed peer's record") {
  const auto owner = schema::instance_name(alice, zone);
  const std::string pub = "pub=" + alice.to_base64();
  const auto good = reply(owner, dns::RrType::txt, fine,
                          {strings({"txtvers=1", pub, "allowed=10.77.0.3/32,fd77::3/128"})});
  const auto read = updater::parse_mesh_peer(good, alice, zone);
  REQUIRE(read);
  REQUIRE(*read);
  CHECK((*read)->allowed_ips == std::vector{prefix("10.77.0.3/32"), prefix("fd77::3/128")});
  CHECK_FALSE((*read)->is_hub);
  const auto gone =
      updater::parse_mesh_peer(reply(owner, dns::RrType::txt, fine | 3U, {}), alice, zone);
  REQUIRE(gone);
  CHECK_FALSE(gone->has_value());
  const struct {
    const char* what;
    std::vector<std::uint8_t> packet;
  } rows[] = {
      {"no record", reply(owner, dns::RrType::txt, fine, {})},
      {"NXDOMAIN of somebody who does not know", reply(owner, dns::RrType::txt, 0x8003, {})},
      {"another's key",
       reply(owner, dns::RrType::txt, fine, {strings({"txtvers=1", "pub=" + bob.to_base64()})})},
      {"a malformed network",
       reply(owner, dns::RrType::txt, fine, {strings({"txtvers=1", pub, "allowed=10.0.0.3/33"})})},
      {"SERVFAIL", reply(owner, dns::RrType::txt, fine | 2U, {})},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    CHECK(!updater::parse_mesh_peer(row.packet, alice, zone));
  }
}
