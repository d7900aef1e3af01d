#include "updater/tunnel/private_view.hpp"

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <asio/ip/udp.hpp>
#include <map>
#include <string>
#include <vector>

#include "schema/owner_name.hpp"
#include "schema/path_text.hpp"
#include "schema/relay_text.hpp"
#include "tests/unit/log_text.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using asio::ip::udp;
using updater::Config;
using updater::LookupError;
using Octets = std::vector<std::uint8_t>;

const auto self = key(0x10);
const auto alice = key(0x20);
const auto bob = key(0x50);
const auto zone = name("wg.example.org");

Octets strings(const std::vector<std::string>& texts) {
  Octets rdata;
  for (const std::string& text : texts) {
    rdata.push_back(static_cast<std::uint8_t>(text.size()));
    rdata.insert(rdata.end(), text.begin(), text.end());
  }
  return rdata;
}

/// A DNS server on the loopback interface, in place of the one inside the tunnel. Every question of
/// a type gets the same record, or none.
class Server {
 public:
  explicit Server(asio::io_context& context)
      : socket_(context, udp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    receive();
  }

  [[nodiscard]] base::Endpoint endpoint() const {
    return {address("127.0.0.1"), base::Port{socket_.local_endpoint().port()}};
  }

  std::map<dns::RrType, Octets> records;
  std::map<dns::RrType, int> questions;  ///< how many questions of each type came
  int updates = 0;
  std::uint8_t update_rcode = 0;
  Octets last_update;

 private:
  void receive() {
    socket_.async_receive_from(asio::buffer(buffer_), source_,
                               [this](const std::error_code& ec, std::size_t size) {
                                 if (ec) return;
                                 answer({buffer_.begin(), buffer_.begin() + std::ptrdiff_t(size)});
                                 receive();
                               });
  }

  void answer(Octets packet) {
    REQUIRE(packet.size() > 12);
    const bool is_update = (packet[2] >> 3U) == 5;
    if (is_update) {
      ++updates;
      last_update = packet;
      packet.resize(12);
      packet[2] |= 0x80U;
      packet[3] = update_rcode;
      std::fill(packet.begin() + 4, packet.end(), std::uint8_t{0});
    } else {
      packet.resize(packet.size() - 11);  // without OPT
      const dns::RrType type{static_cast<std::uint16_t>(packet.at(packet.size() - 3))};
      ++questions[type];
      const auto record = records.find(type);
      packet[2] = 0x84;  // a reply, authoritative
      packet[3] = 0;
      packet[7] = record == records.end() ? 0 : 1;
      packet[11] = 0;
      if (record != records.end()) append(packet, type, record->second);
    }
    std::error_code ignored;
    socket_.send_to(asio::buffer(packet), source_, 0, ignored);
  }

  static void append(Octets& packet, dns::RrType type, const Octets& rdata) {
    packet.insert(packet.end(), {0xc0, 12, 0, static_cast<std::uint8_t>(type), 0, 1, 0, 0, 0, 1,
                                 static_cast<std::uint8_t>(rdata.size() >> 8U),
                                 static_cast<std::uint8_t>(rdata.size())});
    packet.insert(packet.end(), rdata.begin(), rdata.end());
  }

  udp::socket socket_;
  udp::endpoint source_;
  std::array<std::uint8_t, 4096> buffer_{};
};

/// Records what the view reports.
struct Reader final : updater::PrivateView::Listener {
  void learn_lan(const updater::LanResult& result) override { lan.push_back(result); }
  void learn_pause(const wg::PublicKey& peer, bool is_granted) override {
    pauses.emplace_back(peer, is_granted);
  }
  void learn_text(const wg::PublicKey& peer, const updater::PublishedText& text) override {
    texts.emplace_back(peer, text);
  }
  updater::MeshQuestions find_mesh_questions(const std::set<wg::PublicKey>& listed) override {
    return {{listed.begin(), listed.end()}, {}};
  }
  void learn_mesh(const base::IpAddress& server, const updater::MeshList& list) override {
    lists.emplace_back(server, list);
  }
  [[nodiscard]] std::vector<updater::SeenWay> find_ways() const override {
    ++looks;
    return ways;
  }

  std::vector<updater::LanResult> lan;
  std::vector<std::pair<wg::PublicKey, bool>> pauses;
  std::vector<std::pair<wg::PublicKey, updater::PublishedText>> texts;
  std::vector<std::pair<base::IpAddress, updater::MeshList>> lists;
  std::vector<updater::SeenWay> ways;
  mutable int looks = 0;
};

Config make_config(const base::Endpoint& server) {
  Config config;
  config.interface = "lo";
  config.zone = zone;
  config.private_server = server;
  return config;
}

/// A view that asks through the loopback interface.
struct World {
  World() { device.name = "lo"; }

  void follow(double seconds) { view.follow(at(seconds), device, {}, host); }

  /// \return false: it did not happen in time.
  template <typename Happened>
  bool until(Happened happened) {
    const auto end = base::read_steady() + 10s;
    while (!happened()) {
      if (base::read_steady() > end) return false;
      context.run_one_for(100ms);
    }
    return true;
  }

  asio::io_context context;
  Server server{context};
  Config config = make_config(server.endpoint());
  wg::Device device;
  std::vector<base::InterfaceAddress> host;
  Reader reader;
  updater::PrivateView view{context, config, reader};
};

}  // namespace

TEST_CASE("a peer's text is asked for once at a time, and handed on") {
  World world;
  world.server.records[dns::RrType::txt] =
      strings({"txtvers=1", "pub=" + alice.to_base64(), "map=adm"});
  world.follow(0);
  world.view.ask_text(alice);
  world.view.ask_text(alice);
  REQUIRE(world.until([&] { return !world.reader.texts.empty(); }));
  CHECK(world.reader.texts.front().first == alice);
  CHECK(world.reader.texts.front().second.mapping == schema::NatMapping::address_dependent);
  CHECK(world.server.questions[dns::RrType::txt] == 1);
  world.view.ask_text(alice);
  REQUIRE(world.until([&] { return world.reader.texts.size() == 2; }));
  CHECK(world.server.questions[dns::RrType::txt] == 2);
}

TEST_CASE("a hub is told, by an UPDATE of the own name, which peers are reached through it") {
  World world;
  const auto hub = key(0x01);
  world.device.public_key = self;
  const auto follow = [&](const std::set<wg::PublicKey>& hubs) {
    world.view.follow(at(0), world.device, hubs, world.host);
  };
  follow({});
  CHECK_FALSE(world.view.say_via({hub, {alice}}));
  follow({hub});
  CHECK_FALSE(world.view.say_via({bob, {alice}}));
  std::vector<wg::PublicKey> peers;
  for (std::uint8_t i = 0; i < 9; ++i) peers.push_back(key(std::uint8_t(0x60 + i)));
  CHECK(world.view.say_via({hub, peers}));
  REQUIRE(world.until([&] { return world.server.updates == 2; }));  // eight, and one
  CHECK(world.view.say_via({hub, {alice}}));
  REQUIRE(world.until([&] { return world.server.updates == 3; }));
  const auto id = static_cast<std::uint16_t>(world.server.last_update.at(0) << 8U |
                                             world.server.last_update.at(1));
  CHECK(world.server.last_update == schema::write_via_update(id, zone, self, std::array{alice}));
}

TEST_CASE("a hub is asked for a pause, and what it answers is told") {
  World world;
  const auto hub = key(0x01);
  world.device.public_key = self;
  const updater::PauseRequest pause{hub, alice, 600ms};
  const auto ask = [&] {
    const auto before = world.reader.pauses.size();
    world.view.ask_pause(pause);
    CHECK(world.reader.pauses.size() == before);  // never from inside the call
    REQUIRE(world.until([&] { return world.reader.pauses.size() > before; }));
    CHECK(world.reader.pauses.back().first == alice);
    return world.reader.pauses.back().second;
  };
  CHECK_FALSE(ask());  // there is no such hub
  CHECK(world.server.updates == 0);
  world.view.follow(at(0), world.device, {hub}, world.host);
  CHECK(ask());
  const auto id = static_cast<std::uint16_t>(world.server.last_update.at(0) << 8U |
                                             world.server.last_update.at(1));
  CHECK(world.server.last_update == schema::write_pause_update(id, zone, self, alice, 600ms));
  world.server.update_rcode = 5;
  CHECK_FALSE(ask());
}

TEST_CASE("each hub has a server of its own inside its tunnel") {
  World world;
  world.config.private_server.reset();
  const auto hub = key(0x01);
  const auto other = key(0x02);
  world.device.public_key = self;
  world.host = {own("10.77.0.2", "lo")};
  for (const auto& [which, range] : {std::pair{hub, "10.77.0.1/32"}, {other, "10.77.0.0/24"}}) {
    wg::DevicePeer peer;
    peer.public_key = which;
    peer.allowed_ips = {prefix(range)};
    world.device.peers.push_back(peer);
  }
  world.view.follow(at(0), world.device, {hub, other}, world.host);
  CHECK(world.view.say_via({hub, {alice}}));
  CHECK_FALSE(world.view.say_via({other, {alice}}));
}

TEST_CASE("the public host is asked once a minute what it is called") {
  World world;
  world.server.records[dns::RrType::txt] =
      strings({"txtvers=1", "pub=" + alice.to_base64(), "role=hub", "name=host"});
  wg::DevicePeer hub;
  hub.public_key = alice;
  world.device.peers = {hub};
  const auto follow = [&](double seconds) {
    world.view.follow(at(seconds), world.device, {alice}, world.host);
  };
  follow(0);
  CHECK(world.until([&] { return world.reader.texts.size() == 1; }));
  CHECK(world.reader.texts.at(0).first == alice);
  CHECK(world.reader.texts.at(0).second.name == "host");
  follow(40);
  follow(80);
  CHECK(world.until([&] { return world.reader.texts.size() == 2; }));
  CHECK(world.server.questions[dns::RrType::txt] == 2);
}

TEST_CASE("LAN addresses that the operator wrote down come before those that the peer told") {
  World world;
  world.config.settings.peers[bob].lan_candidates = {endpoint("192.168.1.7:51820")};
  world.server.records[dns::RrType::txt] = strings({"192.168.1.8:51820", "192.168.1.7:51820"});
  world.follow(0);
  world.view.ask_lan(bob);
  CHECK(world.reader.lan.empty());
  REQUIRE(world.until([&] { return !world.reader.lan.empty(); }));
  const updater::LanResult& result = world.reader.lan.front();
  CHECK(result.peer == bob);
  REQUIRE(result.candidates);
  REQUIRE(result.candidates->size() == 2);
  CHECK(result.candidates->at(0).endpoint == endpoint("192.168.1.7:51820"));
  CHECK(result.candidates->at(1).endpoint == endpoint("192.168.1.8:51820"));
}

TEST_CASE("this host's LAN addresses are announced") {
  World world;
  world.device.public_key = self;
  world.device.listen_port = base::Port{51820};
  world.host = {own("192.168.1.5")};
  world.follow(0);
  CHECK(world.until([&] { return world.server.updates == 1; }));
}

TEST_CASE("LAN addresses that nobody takes are a warning only where somebody takes them") {
  const LogText log;
  World world;
  world.device.public_key = self;
  world.device.listen_port = base::Port{51820};
  updater::PrivateClient client(world.context, "lo");
  bool is_promised = false;
  bool is_taken_first = false;
  SUBCASE("the hub may be an interface") {}
  SUBCASE("the operator names the server") {
    is_promised = true;
  }
  SUBCASE("it took them before") {
    is_taken_first = true;
  }
  updater::LanExchange exchange(world.context, client, zone, is_promised, {});
  const auto announce = [&](double seconds, std::string_view address, std::uint8_t rcode) {
    world.server.update_rcode = rcode;
    const int before = world.server.updates;
    exchange.follow(at(seconds), world.device, std::vector{own(address)}, world.server.endpoint());
    REQUIRE(world.until([&] { return world.server.updates == before + 1; }));
    while (world.context.run_one_for(100ms) != 0) continue;
  };
  if (is_taken_first) announce(0, "192.168.1.5", 0);
  announce(1, "192.168.1.6", 5);
  CHECK(log.count("warning: the other peers are not told") == (is_promised || is_taken_first));
  if (is_promised || is_taken_first) CHECK(log.count("it answers REFUSED") == 1);
}

TEST_CASE("the ways to other peers are told at the own name, and not at every reading") {
  const LogText log;
  spdlog::default_logger()->set_level(spdlog::level::debug);
  World world;
  world.device.public_key = self;
  world.reader.ways = {{alice, schema::Way::relay, 40ms}};
  const auto follow = [&](double seconds) {
    world.follow(seconds);
    while (world.context.run_one_for(100ms) != 0) continue;
  };
  SUBCASE("a server that takes them") {
    for (const double seconds : {0.0, 1.0, 4.0}) follow(seconds);
    CHECK(world.reader.looks == 0);
    follow(5);
    CHECK(world.server.updates == 1);
    const Octets& message = world.server.last_update;
    const auto id = static_cast<std::uint16_t>(message.at(0) << 8U | message.at(1));
    using Kind = schema::PathEdit::Kind;
    CHECK(message == schema::write_path_update(
                         id, zone, self,
                         std::array<schema::PathEdit, 2>{
                             {{Kind::remove_all}, {Kind::add, {alice, schema::Way::relay, 64}}}}));
    CHECK(log.count("debug: the ways to other peers were told") == 1);
  }
  SUBCASE("one that does not: said once, at debug") {
    world.server.update_rcode = 5;
    for (const double seconds : {0.0, 5.0}) follow(seconds);
    CHECK(world.server.updates == 1);
    CHECK(log.count("debug: the ways to other peers are not told: 127.0.0.1:") == 1);
    CHECK(log.count("it answers REFUSED") == 1);
    const auto soon = base::read_steady() - at(0).steady + 7min;
    follow(std::chrono::duration<double>(soon).count());
    CHECK(world.server.updates == 1);
    follow(std::chrono::duration<double>(soon + 6min).count());
    CHECK(world.server.updates == 2);
    CHECK(log.count("debug: the ways to other peers are not told: 127.0.0.1:") == 1);
  }
}

TEST_CASE("the list of the mesh is read where ranges are configured, and not at every reading") {
  World world;
  const dns::Name listed = schema::instance_name(alice, zone);
  const base::Bytes wire = listed.view().wire();
  world.server.records[dns::RrType::ptr] = Octets(wire.begin(), wire.end());
  world.server.records[dns::RrType::txt] =
      strings({"txtvers=1", "pub=" + alice.to_base64(), "allowed=10.77.0.3/32"});
  CHECK(!updater::joins_mesh(world.config));
  world.follow(0);
  world.context.poll();
  CHECK(world.server.questions[dns::RrType::ptr] == 0);
  world.config.settings.mesh.ranges = {prefix("10.77.0.0/24")};
  CHECK(updater::joins_mesh(world.config));
  for (const double seconds : {0.0, 1.0, 10.0}) {
    world.follow(seconds);
    REQUIRE(world.until([&] { return world.reader.lists.size() == 1; }));
    world.context.poll();
    CHECK(world.server.questions[dns::RrType::ptr] == 1);
  }
  world.follow(30);
  REQUIRE(world.until([&] { return world.reader.lists.size() == 2; }));
  CHECK(world.server.questions[dns::RrType::ptr] == 2);
  const auto& [server, list] = world.reader.lists.front();
  CHECK(server == address("127.0.0.1"));
  REQUIRE(list.peers.size() == 1);
  CHECK(list.peers.front().key == alice);
  CHECK(list.peers.front().allowed_ips == std::vector{prefix("10.77.0.3/32")});
}

TEST_CASE("a list that cannot be read is not handed on, and is read again") {
  World world;
  world.config.settings.mesh.ranges = {prefix("10.77.0.0/24")};
  world.server.records[dns::RrType::ptr] = Octets{0};  // the root: no peer's name
  world.follow(0);
  REQUIRE(world.until([&] { return world.server.questions[dns::RrType::ptr] == 1; }));
  world.server.records.clear();  // now no peer is listed
  double seconds = 0;
  REQUIRE(world.until([&] {
    world.follow(seconds += 30);
    return !world.reader.lists.empty();
  }));
  CHECK(world.reader.lists.front().second.peers.empty());
}

TEST_CASE("without a server nothing is asked, and a peer's LAN addresses are not to be had") {
  World world;
  SUBCASE("no hub has an address in the tunnel") {
    world.config.private_server.reset();
  }
  SUBCASE("the operator switched it off") {
    world.config.uses_private_server = false;
  }
  SUBCASE("one round, and out") {
    world.config.mode = Config::Mode::once;
  }
  world.config.settings.mesh.ranges = {prefix("10.77.0.0/24")};
  world.device.public_key = self;
  world.reader.ways = {{alice, schema::Way::relay, 40ms}};
  world.follow(0);
  world.follow(6);
  world.view.ask_text(alice);
  world.view.ask_lan(bob);
  REQUIRE(world.until([&] { return !world.reader.lan.empty(); }));
  REQUIRE(!world.reader.lan.front().candidates);
  CHECK(world.reader.lan.front().candidates.error() == LookupError::unreachable);
  CHECK(world.server.questions.empty());
  CHECK(world.server.updates == 0);
  CHECK(world.reader.texts.empty());
}
