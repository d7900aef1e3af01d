#include "dnsd/control/peer_commands.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dnsd/control/added_peers.hpp"
#include "dnsd/point/point_socket.hpp"
#include "noise/engine.hpp"
#include "tests/unit/dnsd/control/command_fixture.hpp"

namespace {

using Command = dnsd::ControlRequest::Command;

/// One configured peer, alice, and one point.
class Fixture : public CommandFixture {
 public:
  explicit Fixture(const std::string& point_address = "127.0.0.1") {
    dnsd::ConfiguredPeer peer;
    peer.public_key = alice;
    peer.name = "alice";
    peer.allowed_ips = {*base::Prefix::parse("10.0.0.2/32")};
    config.peers.push_back(peer);
    place = add_point(point_address, {"10.0.0.254", "fd00::fe"});
  }

  control::Reply run(const dnsd::ControlRequest& request) {
    return dnsd::run_peer_command(request, context());
  }
  control::Reply run(Command command, const std::string& name = {}) {
    dnsd::ControlRequest request;
    request.command = command;
    request.name = name;
    return run(request);
  }
  control::Reply add(const std::string& name, const std::string& key,
                     const std::vector<std::string>& allowed_ips = {}, bool force = false) {
    dnsd::ControlRequest request;
    request.command = Command::peer_add;
    request.name = name;
    request.key = key;
    request.allowed_ips = allowed_ips;
    request.force = force;
    return run(request);
  }

  const wg::PrivateKey alice_private = draw();
  const wg::PublicKey alice = noise::KeyPair(alice_private).public_key();
  base::Endpoint place;

 private:
  static wg::PrivateKey draw() {
    wg::PrivateKey key;
    noise::fill_random(key.span());
    return key;
  }
};

/// A machine with a key and a clock; it sends handshakes and hears nothing.
class Machine : public noise::Engine::Handler {
 public:
  Machine(const wg::PrivateKey& key, const wg::PublicKey& point)
      : engine_(noise::KeyPair(key), *this, {}), point_(point) {
    engine_.add_peer(point, {});
  }
  void greet(const base::Endpoint& place, base::Now now) {
    REQUIRE(engine_.initiate(point_, {place, {}}, 1, now));
  }

  void send(const noise::Path& path, base::Bytes datagram) override {
    socket_.put(path, datagram);
    socket_.flush();
  }
  void received(const wg::PublicKey& /*peer*/, const noise::Received& /*received*/) override {}
  void inner(const wg::PublicKey& /*peer*/, base::Bytes /*packet*/) override {}
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, std::chrono::seconds /*by*/) override {}

 private:
  dnsd::PointSocket socket_ =
      *dnsd::PointSocket::open({*base::IpAddress::parse("127.0.0.1"), base::Port{0}});
  noise::Engine engine_;
  wg::PublicKey point_;
};

TEST_CASE("pubkey: each point on its line") {
  Fixture f;
  CHECK(f.run(Command::pubkey).text ==
        f.point_key().to_base64() + " " + f.place.to_string() + "\n");
  f.config.points.clear();
  f.open_points();
  CHECK(f.run(Command::pubkey).result.exit == 1);
}

TEST_CASE("peer config: one section per point, its tunnel addresses alone") {
  Fixture f;
  const std::string expected = "[Peer]\nPublicKey = " + f.point_key().to_base64() +
                               "\nEndpoint = " + f.place.to_string() +
                               "\n"
                               "AllowedIPs = 10.0.0.254/32, fd00::fe/128\n"
                               "PersistentKeepalive = 25\n";
  CHECK(f.run(Command::peer_config, "Alice").text == expected);
  CHECK(f.run(Command::peer_config, f.alice.to_base64()).text == expected);
  CHECK(f.run(Command::peer_config, "bob").result.error.find("'bob'") != std::string::npos);
}

TEST_CASE("peer config: a point on all addresses is reached at the name server's") {
  Fixture f("0.0.0.0");
  CHECK(f.run(Command::peer_config, "alice").result.exit == 1);
  f.observatory.set_host(
      {}, {{*dns::Name::parse("ns1.example.org"),
            {*base::IpAddress::parse("2001:db8::1"), *base::IpAddress::parse("203.0.113.77")}}});
  const base::Endpoint reached{*base::IpAddress::parse("203.0.113.77"), f.place.port};
  CHECK(f.run(Command::peer_config, "alice").text.find("Endpoint = " + reached.to_string()) !=
        std::string::npos);
}

TEST_CASE("peer add: wrong words change nothing") {
  Fixture f;
  const std::string key = noise::KeyPair::draw().public_key().to_base64();
  CHECK(f.add("bob", "no key").result.exit == 2);
  CHECK(f.add("two words", key).result.exit == 2);
  CHECK(f.add("tunnel", key).result.exit == 2);
  CHECK(f.add("bob", key, {"10.0.0.300"}).result.exit == 2);
  CHECK(f.add("ALICE", key).result.exit == 1);
  CHECK(f.add("bob", f.alice.to_base64()).result.exit == 1);
  CHECK(f.reloads == 0);
  CHECK(f.add("bob", key, {"10.0.0.3/32"}).result.exit == 0);
  CHECK(f.reloads == 1);
}

TEST_CASE("peer add: a block of another peer, and a peer that nothing sees, need --force") {
  Fixture f;
  const std::string key = noise::KeyPair::draw().public_key().to_base64();
  const auto taken = f.add("bob", key, {"10.0.0.2"});
  CHECK(taken.result.exit == 1);
  CHECK(taken.result.error.starts_with("10.0.0.2/32 is that of alice"));
  CHECK(f.reloads == 0);
  CHECK(f.add("bob", key, {"10.0.0.2"}, true).result.exit == 0);
  CHECK(f.add("carol", noise::KeyPair::draw().public_key().to_base64(), {"10.0.0.0/24"})
            .result.exit == 0);
  f.config.points.clear();
  const std::string other = noise::KeyPair::draw().public_key().to_base64();
  CHECK(f.add("dan", other).result.error.starts_with("nothing here can see a peer"));
  CHECK(f.add("dan", other, {}, true).result.exit == 0);
  f.config.interfaces = {"wg0"};
  CHECK(f.add("eve", noise::KeyPair::draw().public_key().to_base64()).result.exit == 0);
}

TEST_CASE("peer add: what the reload refuses is taken out again") {
  Fixture f;
  f.refusal = "it is wrong";
  const wg::PublicKey bob = noise::KeyPair::draw().public_key();
  const auto reply = f.add("bob", bob.to_base64());
  CHECK(reply.result.exit == 1);
  CHECK(reply.result.error == "it is wrong");
  f.refusal.reset();
  CHECK(f.add("bob", bob.to_base64()).result.exit == 0);
}

TEST_CASE("peer add and remove: what the reload did stays, also if it failed at something else") {
  Fixture f;
  dnsd::ConfiguredPeer bob;
  bob.public_key = noise::KeyPair::draw().public_key();
  bob.name = "bob";
  f.refusal = "a point could not be opened";
  f.on_reload = [&] { f.config.peers.push_back(bob); };
  const auto added = f.add("bob", bob.public_key.to_base64());
  CHECK(added.result == control::Result{0, "added, but: a point could not be opened"});

  f.on_reload = [&] { f.config.peers.pop_back(); };
  const auto removed = f.run(Command::peer_remove, "bob");  // it is in the file
  CHECK(removed.result == control::Result{0, "removed, but: a point could not be opened"});
  f.config.peers.push_back(bob);
  CHECK(f.run(Command::peer_remove, "bob").result.error.find("is defined in the configuration") !=
        std::string::npos);
}

TEST_CASE("peer remove: a peer that a refused reload keeps stays in the file") {
  Fixture f;
  dnsd::ConfiguredPeer bob;
  bob.public_key = noise::KeyPair::draw().public_key();
  bob.name = "bob";
  REQUIRE(f.add("bob", bob.public_key.to_base64()).result.exit == 0);
  f.config.peers.push_back(bob);
  f.refusal = "it is wrong";
  CHECK(f.run(Command::peer_remove, "bob").result == control::Result{1, "it is wrong"});
  f.refusal.reset();
  CHECK(f.run(Command::peer_remove, "bob").result.exit == 0);
}

TEST_CASE("peer remove: only what was added") {
  Fixture f;
  const auto reply = f.run(Command::peer_remove, "alice");
  CHECK(reply.result.exit == 1);
  CHECK(reply.result.error.find("is defined in the configuration") != std::string::npos);
  dnsd::ConfiguredPeer bob;
  bob.public_key = noise::KeyPair::draw().public_key();
  bob.name = "bob";
  REQUIRE(f.add("bob", bob.public_key.to_base64()).result.exit == 0);
  f.config.peers.push_back(bob);
  CHECK(f.run(Command::peer_remove, "bob").result.exit == 0);
  CHECK(f.reloads == 2);
}

TEST_CASE("peer rename: a name from a comment is kept in the state, an added one in its file") {
  Fixture f;
  const auto rename = [&](const std::string& who, const std::string& name) {
    dnsd::ControlRequest request{.command = Command::peer_rename, .name = who, .new_name = name};
    return f.run(request).result;
  };
  dnsd::ConfiguredPeer& alice = f.config.peers[0];
  alice.name_origin = dnsd::NameOrigin::comment;
  // What a reload does with the names that are kept.
  f.on_reload = [&] { (void)dnsd::restore_names(f.config, f.observatory.names()); };
  CHECK(rename("ALICE", "anna") == control::Result{});
  CHECK(alice.name == "anna");
  CHECK(f.observatory.names().at(f.alice) == dnsd::KnownName{"anna", true});
  CHECK(rename(f.alice.to_base64(), "alice") == control::Result{});
  CHECK(rename("alice", "alice") == control::Result{});
  CHECK(f.reloads == 2);  // there was nothing to do

  dnsd::ConfiguredPeer bob;
  bob.public_key = noise::KeyPair::draw().public_key();
  bob.name = "bob";
  bob.name_origin = dnsd::NameOrigin::added;
  REQUIRE(dnsd::append_peer(dnsd::added_peers_file(f.config), bob).has_value());
  f.config.peers.push_back(bob);
  f.on_reload = [&] { f.config.peers[1].name = "robert"; };
  CHECK(rename("bob", "robert") == control::Result{});
  CHECK_FALSE(f.observatory.names().contains(bob.public_key));
  const auto renamed = dnsd::rename_peer(dnsd::added_peers_file(f.config), f.alice, "x");
  REQUIRE(renamed.has_value());
  CHECK_FALSE(*renamed);  // that file does not have alice
}

TEST_CASE("peer rename: what is refused changes nothing") {
  Fixture f;
  dnsd::ConfiguredPeer bob;
  bob.public_key = noise::KeyPair::draw().public_key();
  bob.name = "bob";
  bob.name_origin = dnsd::NameOrigin::comment;
  f.config.peers.push_back(bob);
  const auto rename = [&](const std::string& who, const std::string& name) {
    dnsd::ControlRequest request{.command = Command::peer_rename, .name = who, .new_name = name};
    return f.run(request).result;
  };
  CHECK(rename("bob", "two words").exit == 2);
  CHECK(rename("bob", "Tunnel").exit == 2);
  CHECK(rename("nobody", "x").exit == 1);
  CHECK(rename(noise::KeyPair::draw().public_key().to_base64(), "x").exit == 1);
  CHECK(rename("bob", "Alice").error.find("that of another peer, (") != std::string::npos);
  CHECK(rename("alice", "anna").error.find("from the configuration") != std::string::npos);
  CHECK(f.reloads == 0);
  f.refusal = "it is wrong";
  CHECK(rename("bob", "robert") == control::Result{1, "it is wrong"});
  CHECK(f.observatory.names().empty());
  f.refusal.reset();
  // Only an interface has the peer, and the configuration no place for its name.
  const wg::PublicKey carol = noise::KeyPair::draw().public_key();
  dnsd::PeerRecord record;
  record.detail = std::make_shared<const dnsd::PeerDetail>();
  const std::vector<dnsd::PeerChange> changes{{carol, record}};
  f.server.peers.apply(changes);
  CHECK(rename(carol.to_base64(), "carol").error.find("only an interface has") == 0);
  CHECK(f.observatory.names().empty());
}

TEST_CASE("peer new: what is refused changes nothing, and a refused reload is undone") {
  Fixture f;
  const auto create = [&](const std::string& name) { return f.run(Command::peer_new, name); };
  CHECK(create("phone").result.error.find("no address-range is configured") == 0);
  f.config.address_range = {*base::Prefix::parse("10.0.0.0/29")};
  CHECK(create("two words").result.exit == 2);
  CHECK(create("Alice").result.error == "there is a peer 'Alice' already");
  CHECK(f.reloads == 0);
  f.refusal = "it is wrong";
  const auto refused = create("phone");
  CHECK(refused.result == control::Result{1, "it is wrong"});
  CHECK(refused.text.empty());
  f.refusal.reset();
  const auto made = create("phone");
  CHECK(made.result == control::Result{});
  // What the table has is taken as well: 10.0.0.1.
  CHECK(made.text.find("\nAddress = 10.0.0.3/29\n") != std::string::npos);
  CHECK(made.text.find(f.point_key().to_base64()) != std::string::npos);
  // It is in the file once.
  const auto added = dnsd::erase_peer(dnsd::added_peers_file(f.config), f.alice);
  REQUIRE(added.has_value());
  CHECK_FALSE(*added);
}

TEST_CASE("peer list: a table of the configured peers, names first") {
  Fixture f;
  dnsd::ConfiguredPeer unnamed;
  unnamed.public_key = noise::KeyPair::draw().public_key();
  f.config.peers.push_back(unnamed);
  const std::string blanks(34, ' ');
  CHECK(f.run(Command::peer_list).text == "NAME   PUBLIC KEY" + blanks + "  ALLOWED IPS\nalice  " +
                                              f.alice.to_base64() + "  10.0.0.2/32\n-      " +
                                              unnamed.public_key.to_base64() + "  -\n");
  f.config.peers.pop_back();
  dnsd::ControlRequest request;
  request.command = Command::peer_list;
  request.json = true;
  CHECK(f.run(request).text.ends_with(R"("public_key":")" + f.alice.to_base64() +
                                      R"(","name":"alice","allowed_ips":["10.0.0.2/32"],)"
                                      R"("preshared_key":false})"
                                      "\n"));
}

TEST_CASE("peer reset: a peer whose clock was set back is accepted again") {
  Fixture f;
  const auto counts = [&] { return f.observatory.points().opened().front()->counters(); };
  // A peer takes one initiation in 20 ms, so a greeting is repeated until it is counted.
  const auto greet_until = [&](Machine& machine, std::chrono::seconds clock, auto is_counted) {
    const auto end = base::read_steady() + std::chrono::seconds(20);
    while (!is_counted() && base::read_steady() < end) {
      const base::Now now = base::read_clock();
      machine.greet(f.place, {now.steady, now.wall + clock});
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return is_counted();
  };
  Machine tomorrow(f.alice_private, f.point_key());
  Machine today(f.alice_private, f.point_key());
  REQUIRE(greet_until(tomorrow, std::chrono::hours(24), [&] { return counts().handshakes > 0; }));
  REQUIRE(greet_until(today, {}, [&] { return counts().old_timestamp > 0; }));
  const std::uint64_t before = counts().handshakes;
  CHECK(f.run(Command::peer_reset, "alice").result.exit == 0);
  CHECK(greet_until(today, {}, [&] { return counts().handshakes > before; }));
  CHECK(f.run(Command::peer_reset, "nobody").result.exit == 1);
}

}  // namespace
