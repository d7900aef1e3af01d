#include "dnsd/observe/lost_blocks.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/dnsd/observe/observatory_fixture.hpp"
#include "tests/unit/log_text.hpp"

using observatory_test::alice;
using observatory_test::Daemon;
using observatory_test::key_of;
using observatory_test::peer;

TEST_CASE("a block that an interface gives to another peer is told with file and line") {
  const LogText log;
  Daemon daemon;
  daemon.config.interfaces = {"wg0", "wg1"};  // there is no wg1
  daemon.config.place_files = {"", "peers.conf"};
  dnsd::ConfiguredPeer configured{alice, "alice", {*base::Prefix::parse("10.0.0.2/32")}, {}};
  configured.place = {1, 7};
  daemon.config.peers = {configured};
  wg::DevicePeer other = peer(key_of(2), "203.0.113.2:2", 500);
  other.allowed_ips = configured.allowed_ips;
  daemon.host.set("wg0", {other});
  const auto has_block = [&](const wg::PublicKey& key) {
    return daemon.peers.find(key)->detail->allowed_ips == configured.allowed_ips;
  };
  daemon.start();
  CHECK(has_block(alice));
  const std::string from = wg::describe_peer("alice", alice);
  const std::string to = wg::describe_peer("", key_of(2));
  const std::string told = "warning: peers.conf:7: 10.0.0.2/32 of " + from + " is also that of " +
                           to + " at the interface wg0: WireGuard gives it to " + to +
                           " alone, and so does DNS; take it out of the configuration, or give it "
                           "to " +
                           from + " at wg0\n";
  CHECK(daemon.until([&] { return log.count("is also that of") == 1; }));
  CAPTURE(log.text());
  CHECK(log.count(told) == 1);
  CHECK(daemon.until([&] { return !has_block(alice); }));
  CHECK(has_block(key_of(2)));
  REQUIRE(daemon.polled(6));
  CHECK(log.count("is also that of") == 1);

  SUBCASE("a reload tells it anew, and it is not published in between") {
    REQUIRE(daemon.observatory().reload(daemon.config));
    CHECK(log.count(told) == 2);
    CHECK_FALSE(has_block(alice));
    daemon.config.interfaces = {"wg0", "wg2"};  // not tried yet
    REQUIRE(daemon.observatory().reload(daemon.config));
    CHECK_FALSE(has_block(alice));
    CHECK(log.count(told) == 2);
    CHECK(daemon.until([&] { return log.count(told) == 3; }));
  }
  SUBCASE("an interface that is lost keeps it, and one that comes back is asked anew") {
    daemon.host.remove("wg0");
    CHECK(daemon.until([&] { return log.count("wg0: missing") == 1; }));
    REQUIRE(daemon.polled(6));
    CHECK_FALSE(has_block(alice));
    other.allowed_ips.clear();
    daemon.host.set("wg0", {other});
    CHECK(daemon.until([&] { return has_block(alice); }));
    CHECK(daemon.peers.find(key_of(2))->detail->allowed_ips.empty());
    CHECK(log.count("is also that of") == 1);
  }
  const auto end = [&] {
    daemon.end(true);
    for (const wg::PublicKey& key : {alice, key_of(2), observatory_test::hub}) {
      const dnsd::PeerChange forget{key, std::nullopt};
      daemon.peers.apply({&forget, 1});
    }
  };
  SUBCASE("a restart asks the interface first, whatever was saved") {
    end();
    other.allowed_ips.clear();
    daemon.host.set("wg0", {other});
    daemon.start();
    REQUIRE(daemon.polled(6));
    CHECK(has_block(alice));
    CHECK(log.count("is also that of") == 1);
  }
  SUBCASE("a restart without the interface goes by what was saved") {
    end();
    daemon.host.remove("wg0");
    daemon.start();
    CHECK(daemon.until([&] { return log.count(told) == 2; }));
    CHECK_FALSE(has_block(alice));
  }
  SUBCASE("--check-config reads what can be read") {
    const auto read = [&](const std::string& name) { return daemon.host.read(name); };
    const auto found = dnsd::find_lost_blocks(daemon.config, read);
    REQUIRE(found.size() == 1);
    CHECK("warning: " + found[0] + "\n" == told);
    daemon.host.remove("wg0");
    CHECK(dnsd::find_lost_blocks(daemon.config, read).empty());
  }
}

TEST_CASE("blocks of another network are told up to a number") {
  const LogText log;
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  daemon.config.place_files = {"wg-dnsd.yaml"};
  std::vector<wg::DevicePeer> others;
  for (std::uint8_t i = 1; i <= 50; ++i) {
    const auto block = *base::Prefix::parse("10.0.0." + std::to_string(i));
    daemon.config.peers.push_back({key_of(i), {}, {block}, {}});
    others.push_back(peer(key_of(static_cast<std::uint8_t>(100 + i)), "203.0.113.2:2", 500));
    others.back().allowed_ips = {block};
  }
  daemon.host.set("wg0", others);
  daemon.start();
  CHECK(daemon.until([&] { return log.count("so it is with 30 more blocks of addresses") == 1; }));
  CHECK(log.count("is also that of") == 20);
}
