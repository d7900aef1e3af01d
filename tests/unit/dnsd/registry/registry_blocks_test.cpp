#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/dnsd/registry/registry_fixture.hpp"

namespace {

using registry_test::alice;
using registry_test::bob;
using registry_test::Registry;
using registry_test::wg0;
using registry_test::wg1;
using Lines = std::vector<std::string>;

const wg::PublicKey carol = registry_test::key_of(3);

std::vector<base::Prefix> blocks(const Lines& texts) {
  std::vector<base::Prefix> result;
  for (const std::string& text : texts) result.push_back(base::Prefix::parse(text).value());
  return result;
}

std::string name_of(const wg::PublicKey& key) {
  return key == alice ? "alice" : key == bob ? "bob" : "carol";
}

dnsd::ConfiguredPeer with_blocks(const wg::PublicKey& key, const Lines& texts) {
  dnsd::ConfiguredPeer peer = registry_test::configured(key, name_of(key));
  peer.allowed_ips = blocks(texts);
  peer.place = {1, key == alice ? 1U : 3U};
  return peer;
}

// A registry with two interfaces and what the publisher does with it: peers that nobody lists are
// in the table alone.
class Blocks {
 public:
  dnsd::PeerTable table;
  Registry registry{table};

  explicit Blocks(const std::vector<dnsd::ConfiguredPeer>& peers) { configure(peers); }
  void configure(const std::vector<dnsd::ConfiguredPeer>& peers,
                 const std::vector<dnsd::SourceId>& order = {wg0, wg1}) {
    registry.begin_configuration({registry_test::seconds(180), registry_test::seconds(86400)},
                                 order);
    for (const auto& peer : peers) registry.configure(peer);
    registry.end_configuration();
  }
  void publish() {
    const auto touched = registry.take_touched();
    for (const wg::PublicKey& key : touched) {
      const dnsd::PeerChange change{key, registry.record(key)};
      table.apply({&change, 1});
    }
    for (const wg::PublicKey& key : touched) registry.move_to_table(key);
  }
  void list(dnsd::SourceId source, const wg::PublicKey& key, const Lines& texts) {
    registry.list(source, key, blocks(texts));
  }
  // `block from -> to at source`: those that are told now. Then publishes.
  Lines settle() {
    Lines result;
    for (const Registry::LostBlock& one : registry.settle_blocks()) {
      CHECK(one.place.file == 1);
      CHECK(one.place.line == (one.from == alice ? 1U : 3U));
      result.push_back(one.block.to_string() + ' ' + name_of(one.from) + " -> " + name_of(one.to) +
                       " at " + std::to_string(one.source));
    }
    publish();
    return result;
  }
  // What DNS says.
  Lines of(const wg::PublicKey& key) {
    Lines result;
    const auto record = table.find(key);
    if (!record) return {"unregistered"};
    for (const base::Prefix& block : record->detail->allowed_ips)
      result.push_back(block.to_string());
    return result;
  }
};

}  // namespace

TEST_CASE("a block that an interface gives to another peer is that one's, and told once") {
  const std::vector peers = {with_blocks(alice, {"10.0.0.2/32", "10.0.1.0/24"}),
                             with_blocks(carol, {"10.0.0.4/32"})};
  Blocks d(peers);
  CHECK(d.settle().empty());
  d.list(wg0, alice, {"10.0.1.0/24"});
  d.list(wg0, bob, {"10.0.0.2/32", "10.0.1.9/32"});  // the longer one is right
  CHECK(d.settle() == Lines{"10.0.0.2/32 alice -> bob at 0"});
  CHECK(d.of(alice) == Lines{"10.0.1.0/24"});
  CHECK(d.of(bob) == Lines{"10.0.0.2/32", "10.0.1.9/32"});
  CHECK(d.of(carol) == Lines{"10.0.0.4/32"});
  CHECK(d.registry.describe(alice) == wg::describe_peer("alice", alice));
  CHECK(d.registry.describe(bob) == wg::describe_peer("", bob));

  d.list(wg0, bob, {"10.0.1.9/32", "10.0.0.2/32"});  // in another order
  CHECK(d.settle().empty());
  d.list(wg0, bob, {"10.0.0.2/32", "10.0.0.4/32"});  // one more
  CHECK(d.settle() == Lines{"10.0.0.4/32 carol -> bob at 0"});
  CHECK(d.of(alice) == Lines{"10.0.1.0/24"});
  CHECK(d.of(carol).empty());

  SUBCASE("it is over, and comes again") {
    d.registry.unlist(wg0, bob);
    CHECK(d.settle().empty());
    CHECK(d.of(alice) == Lines{"10.0.0.2/32", "10.0.1.0/24"});
    CHECK(d.of(carol) == Lines{"10.0.0.4/32"});
    CHECK(d.of(bob) == Lines{"unregistered"});
    d.list(wg0, bob, {"10.0.0.2/32"});
    CHECK(d.settle() == Lines{"10.0.0.2/32 alice -> bob at 0"});
    CHECK(d.of(alice) == Lines{"10.0.1.0/24"});
  }
  SUBCASE("the interface is set right") {
    d.list(wg0, bob, {});
    d.list(wg0, carol, {"10.0.0.4/32"});
    CHECK(d.settle().empty());
    CHECK(d.of(carol) == Lines{"10.0.0.4/32"});
    CHECK(d.of(alice) == Lines{"10.0.0.2/32", "10.0.1.0/24"});
    CHECK(d.of(bob).empty());
  }
  SUBCASE("a configuration tells what is wrong as a file does: each time") {
    d.configure({with_blocks(alice, {"10.0.0.2/32", "10.0.1.0/24", "10.0.2.0/24"}), peers[1]});
    d.publish();  // in the middle
    CHECK(d.of(alice) == Lines{"10.0.1.0/24", "10.0.2.0/24"});
    CHECK(d.of(carol).empty());
    CHECK(d.settle() == Lines{"10.0.0.2/32 alice -> bob at 0", "10.0.0.4/32 carol -> bob at 0"});
    CHECK(d.of(alice) == Lines{"10.0.1.0/24", "10.0.2.0/24"});
    CHECK(d.settle().empty());
  }
  SUBCASE("the configuration is set right") {
    d.configure({with_blocks(alice, {"10.0.0.3/32"})});
    CHECK(d.settle().empty());
    CHECK(d.of(alice) == Lines{"10.0.0.3/32"});
    CHECK(d.of(carol) == Lines{"unregistered"});
    d.configure({});
    CHECK(d.settle().empty());
    CHECK(d.of(bob) == Lines{"10.0.0.2/32", "10.0.0.4/32"});
  }
  SUBCASE("no interface is observed any more") {
    d.configure(peers, {});
    CHECK(d.settle().empty());
    CHECK(d.of(alice) == Lines{"10.0.0.2/32", "10.0.1.0/24"});
    CHECK(d.of(carol) == Lines{"10.0.0.4/32"});
  }
}

TEST_CASE("a peer that lost all blocks has none of the interface's, and gets its own back") {
  Blocks d({with_blocks(alice, {"10.0.0.2/32"})});
  d.list(wg0, bob, {"10.0.0.2/32"});
  CHECK(d.settle().size() == 1);
  CHECK(d.of(alice).empty());
  d.list(wg0, alice, {"10.0.0.9/32"});
  CHECK(d.settle().empty());
  CHECK(d.of(alice).empty());
  d.list(wg0, bob, {});
  CHECK(d.settle().empty());
  CHECK(d.of(alice) == Lines{"10.0.0.2/32"});
}

TEST_CASE("two peers that an interface has the other way round are published as it has them") {
  Blocks d({with_blocks(alice, {"10.0.0.2/32"}), with_blocks(carol, {"10.0.0.4/32"})});
  d.list(wg0, alice, {"10.0.0.4/32"});
  d.list(wg0, carol, {"10.0.0.2/32"});
  CHECK(d.settle() == Lines{"10.0.0.2/32 alice -> carol at 0", "10.0.0.4/32 carol -> alice at 0"});
  CHECK(d.of(alice) == Lines{"10.0.0.4/32"});
  CHECK(d.of(carol) == Lines{"10.0.0.2/32"});
}

TEST_CASE("a reload settles what the configuration has newly") {
  Blocks d({});
  d.list(wg1, bob, {"10.0.0.2/32"});
  CHECK(d.settle().empty());
  d.configure({with_blocks(alice, {"10.0.0.2/32"})});
  CHECK(d.settle() == Lines{"10.0.0.2/32 alice -> bob at 1"});
  CHECK(d.of(alice).empty());
}

TEST_CASE("two interfaces that give a block to two peers are two networks") {
  Blocks d({with_blocks(alice, {"10.0.0.2/32"})});
  d.list(wg0, alice, {"10.0.0.2/32"});
  CHECK(d.settle().empty());
  d.list(wg1, bob, {"10.0.0.2/32"});
  CHECK(d.settle().empty());
  CHECK(d.of(alice) == Lines{"10.0.0.2/32"});
  CHECK(d.of(bob) == Lines{"10.0.0.2/32"});
  d.registry.unlist(wg0, alice);
  CHECK(d.settle() == Lines{"10.0.0.2/32 alice -> bob at 1"});
  CHECK(d.of(alice).empty());
  d.list(wg0, alice, {"10.0.0.2/32"});
  CHECK(d.settle().empty());
  CHECK(d.of(alice) == Lines{"10.0.0.2/32"});
}

TEST_CASE("a built-in point that has seen the peer does not keep the block for it") {
  Blocks d({});
  const dnsd::SourceId point = d.registry.source_id("point:192.0.2.1:51820");
  d.registry.set_point(point, registry_test::endpoint("192.0.2.1:51820"));
  const std::vector peers = {with_blocks(alice, {"10.0.0.2/32"})};
  const dnsd::SourceId wg2 = d.registry.source_id("interface:wg2");
  d.configure(peers, {wg2, point});
  using registry_test::at;
  d.registry.observe(
      point, alice,
      {registry_test::endpoint("203.0.113.1:1"), at(1).wall, at(1).wall, at(1).steady}, at(1));
  d.list(wg2, bob, {"10.0.0.2/32"});
  CHECK(d.settle().size() == 1);
  CHECK(d.of(alice).empty());
  d.configure(peers, {point});  // and alone it settles nothing
  CHECK(d.settle().empty());
  CHECK(d.of(alice) == Lines{"10.0.0.2/32"});
}

TEST_CASE("what an earlier run knew of an interface is settled like what is read") {
  Blocks d({with_blocks(alice, {"10.0.0.2/32"})});
  d.registry.restore(wg0, {bob, std::nullopt, blocks({"10.0.0.2/32"})}, registry_test::at(1));
  d.list(wg0, bob, {"10.0.0.2/32"});  // nothing new
  CHECK(d.settle() == Lines{"10.0.0.2/32 alice -> bob at 0"});
}
