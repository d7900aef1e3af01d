#include "dnsd/control/peer_commands.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "noise/crypto.hpp"

namespace {

using Command = dnsd::ControlRequest::Command;

/// A daemon as the commands see it: the configuration is not read again, but reload is counted.
class Fixture {
 public:
  Fixture() {
    std::string name = (std::filesystem::temp_directory_path() / "wg-dnsd-cmd-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    config.state_dir = name;
    dnsd::ConfiguredPeer peer;
    peer.public_key = alice;
    peer.name = "alice";
    peer.allowed_ips = {*base::Prefix::parse("10.0.0.2/32")};
    config.peers.push_back(peer);
    points.push_back(
        {*base::Endpoint::parse("203.0.113.10:51820"),
         point,
         {*base::IpAddress::parse("10.0.0.254"), *base::IpAddress::parse("fd00::fe")}});
  }
  ~Fixture() { std::filesystem::remove_all(config.state_dir); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  dnsd::PeerCommandReply run(dnsd::ControlRequest request) {
    return dnsd::run_peer_command(
        request, {.config = config,
                  .points = points,
                  .name_servers = name_servers,
                  .reload =
                      [this] {
                        ++reloads;
                        return reload_problem;
                      },
                  .reset = [this](const wg::PublicKey& key) { reset.push_back(key); }});
  }
  dnsd::PeerCommandReply run(Command command, const std::string& name = {}) {
    dnsd::ControlRequest request;
    request.command = command;
    request.name = name;
    return run(request);
  }
  dnsd::PeerCommandReply add(const std::string& name, const std::string& key,
                             const std::vector<std::string>& allowed_ips = {}) {
    dnsd::ControlRequest request;
    request.command = Command::peer_add;
    request.name = name;
    request.key = key;
    request.allowed_ips = allowed_ips;
    return run(request);
  }

  const wg::PublicKey alice = noise::KeyPair::draw().public_key();
  const wg::PublicKey point = noise::KeyPair::draw().public_key();
  dnsd::Config config;
  std::vector<dnsd::PointView> points;
  std::vector<dnsd::NameServer> name_servers;
  std::optional<std::string> reload_problem;
  int reloads = 0;
  std::vector<wg::PublicKey> reset;
};

TEST_CASE("pubkey: each point on its line") {
  Fixture f;
  CHECK(f.run(Command::pubkey).text == f.point.to_base64() + " 203.0.113.10:51820\n");
  f.points.clear();
  CHECK(f.run(Command::pubkey).result.exit == 1);
}

TEST_CASE("peer config: one section per point, its tunnel addresses alone") {
  Fixture f;
  const std::string expected = "[Peer]\nPublicKey = " + f.point.to_base64() +
                               "\nEndpoint = 203.0.113.10:51820\n"
                               "AllowedIPs = 10.0.0.254/32, fd00::fe/128\n"
                               "PersistentKeepalive = 25\n";
  CHECK(f.run(Command::peer_config, "Alice").text == expected);
  CHECK(f.run(Command::peer_config, f.alice.to_base64()).text == expected);
  CHECK(f.run(Command::peer_config, "bob").result.error.find("'bob'") != std::string::npos);
}

TEST_CASE("peer config: a point on all addresses is reached at the name server's") {
  Fixture f;
  f.points[0].listen = *base::Endpoint::parse("0.0.0.0:51820");
  CHECK(f.run(Command::peer_config, "alice").result.exit == 1);
  f.name_servers.push_back(
      {*dns::Name::parse("ns1.example.org"),
       {*base::IpAddress::parse("2001:db8::1"), *base::IpAddress::parse("203.0.113.77")}});
  CHECK(f.run(Command::peer_config, "alice").text.find("Endpoint = 203.0.113.77:51820") !=
        std::string::npos);
}

TEST_CASE("peer add: wrong words change nothing") {
  Fixture f;
  const std::string key = noise::KeyPair::draw().public_key().to_base64();
  CHECK(f.add("bob", "no key").result.exit == 2);
  CHECK(f.add("two words", key).result.exit == 2);
  CHECK(f.add("bob", key, {"10.0.0.300"}).result.exit == 2);
  CHECK(f.add("ALICE", key).result.exit == 1);
  CHECK(f.add("bob", f.alice.to_base64()).result.exit == 1);
  CHECK(f.reloads == 0);
  CHECK(f.add("bob", key, {"10.0.0.3/32"}).result.exit == 0);
  CHECK(f.reloads == 1);
}

TEST_CASE("peer add: what the reload refuses is taken out again") {
  Fixture f;
  f.reload_problem = "it is wrong";
  const wg::PublicKey bob = noise::KeyPair::draw().public_key();
  const auto reply = f.add("bob", bob.to_base64());
  CHECK(reply.result.exit == 1);
  CHECK(reply.result.error == "it is wrong");
  f.reload_problem.reset();
  CHECK(f.add("bob", bob.to_base64()).result.exit == 0);
}

TEST_CASE("peer remove: only what was added") {
  Fixture f;
  const auto reply = f.run(Command::peer_remove, "alice");
  CHECK(reply.result.exit == 1);
  CHECK(reply.result.error.find("stands in the configuration") != std::string::npos);
  dnsd::ConfiguredPeer bob;
  bob.public_key = noise::KeyPair::draw().public_key();
  bob.name = "bob";
  REQUIRE(f.add("bob", bob.public_key.to_base64()).result.exit == 0);
  f.config.peers.push_back(bob);
  CHECK(f.run(Command::peer_remove, "bob").result.exit == 0);
  CHECK(f.reloads == 2);
}

TEST_CASE("peer list and peer reset") {
  Fixture f;
  CHECK(f.run(Command::peer_list).text == f.alice.to_base64() + " alice 10.0.0.2/32\n");
  dnsd::ControlRequest request;
  request.command = Command::peer_list;
  request.json = true;
  CHECK(f.run(request).text == R"({"public_key":")" + f.alice.to_base64() +
                                   R"(","name":"alice","allowed_ips":["10.0.0.2/32"],)"
                                   R"("preshared_key":false})"
                                   "\n");
  CHECK(f.run(Command::peer_reset, "alice").result.exit == 0);
  CHECK(f.reset == std::vector{f.alice});
  CHECK(f.run(Command::peer_reset, "nobody").result.exit == 1);
}

}  // namespace
