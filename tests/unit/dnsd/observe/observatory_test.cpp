#include "dnsd/observe/observatory.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/dnsd/free_port.hpp"
#include "tests/unit/dnsd/observe/observatory_fixture.hpp"

namespace {

using dnsd::Config;
using observatory_test::alice;
using observatory_test::Daemon;
using observatory_test::Host;
using observatory_test::hub;
using observatory_test::key_of;
using observatory_test::peer;
using std::chrono::seconds;

}  // namespace

TEST_CASE("an interface is read, its peers are published, and the serial steps") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
  daemon.start();
  CHECK_FALSE(daemon.live.is_ready());
  const auto serial = daemon.live.serial();
  REQUIRE(daemon.until([&] { return daemon.place() == "203.0.113.1:1"; }));
  CHECK(daemon.live.is_ready());
  CHECK(daemon.peers.find(hub)->detail->is_hub);
  REQUIRE(daemon.until([&] { return daemon.live.serial() == serial + 1; }));
  REQUIRE(daemon.live.list(dnsd::View::public_view)->size() == 1);
  CHECK(daemon.live.list(dnsd::View::public_view)->front() == alice);

  daemon.host.set("wg0", {peer(alice, "203.0.113.2:2", 532)});
  REQUIRE(daemon.until([&] { return daemon.place() == "203.0.113.2:2"; }));
  daemon.host.set("wg0", {});
  REQUIRE(daemon.until([&] { return daemon.place() == "unregistered"; }));
  REQUIRE(daemon.until([&] { return daemon.live.list(dnsd::View::public_view)->empty(); }));
}

TEST_CASE("an interface that is missing, appears, vanishes and returns") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  daemon.start();
  REQUIRE(daemon.polled(3));
  CHECK_FALSE(daemon.live.is_ready());
  REQUIRE(daemon.until([&] { return !daemon.observatory().status().sources[0].problem.empty(); }));
  CHECK(daemon.observatory().status().sources[0].problem == "wg0: missing");

  daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
  REQUIRE(daemon.until([&] { return daemon.place() == "203.0.113.1:1"; }));
  CHECK(daemon.live.is_ready());
  CHECK(daemon.observatory().status().sources[0].readable);

  daemon.host.remove("wg0");
  REQUIRE(daemon.until([&] { return !daemon.observatory().status().sources[0].readable; }));
  CHECK(daemon.place() == "203.0.113.1:1");
  CHECK(daemon.observatory().status().sources[0].peers == 1);

  daemon.host.set("wg0", {peer(alice, "203.0.113.3:3", 92)});  // made again: counters from 0
  CHECK(daemon.until([&] { return daemon.observatory().status().sources[0].readable; }));
}

/// A host that has these addresses.
dnsd::HostAddresses host_at(const std::vector<std::string>& addresses) {
  dnsd::HostAddresses host;
  for (const std::string& text : addresses) {
    base::InterfaceAddress one;
    one.address = *base::IpAddress::parse(text);
    one.interface = "eth0";
    host.addresses.push_back(one);
  }
  return host;
}

TEST_CASE("the own key of an interface is published where this host is reached, and follows it") {
  Daemon d;
  d.config.interfaces = {"wg0"};
  d.host.listen_port = base::Port{51820};
  d.host.set("wg0", {});
  d.start();
  d.observatory().follow_host(host_at({"203.0.113.10"}), {});
  REQUIRE(d.until([&] { return d.place(hub) == "203.0.113.10:51820"; }));
  d.observatory().follow_host(host_at({"203.0.113.11"}), {});
  CHECK(d.place(hub) == "203.0.113.11:51820");
  d.host.listen_port = base::Port{51821};
  d.host.set("wg0", {});
  CHECK(d.until([&] { return d.place(hub) == "203.0.113.11:51821"; }));
  d.observatory().follow_host(host_at({"10.0.0.5"}), {{*dns::Name::parse("ns1.wg.example.org"),
                                                       {*base::IpAddress::parse("198.51.100.7")}}});
  CHECK(d.place(hub) == "198.51.100.7:51821");
  d.config.interfaces = {};
  REQUIRE(d.observatory().reload(d.config));
  CHECK(d.place(hub) == "unregistered");
}

TEST_CASE(
    "the own key of a point is published where this host is reached, from the first answer on") {
  Daemon d;
  const base::Endpoint listen{base::IpAddress(std::array<std::uint8_t, 4>{}), free_port()};
  const std::string port = ":" + std::to_string(base::to_number(listen.port));
  d.config.points = {{.listen = listen, .key_file = {}, .tunnel_addresses = {}}};
  const auto hub_of = [&] { return d.observatory().points().opened().at(0)->public_key(); };
  d.start();
  d.observatory().follow_host(host_at({"203.0.113.10"}), {});
  CHECK(d.place(hub_of()) == "203.0.113.10" + port);
  const wg::PublicKey before = hub_of();
  d.end(true);
  d.start();
  CHECK(hub_of() == before);
  CHECK(d.place(before) == "-");  // nobody said what addresses the host has
  d.observatory().set_host(host_at({"203.0.113.10"}), {});
  REQUIRE(d.observatory().reload(d.config));
  CHECK(d.place(before) == "203.0.113.10" + port);
  d.config.points = {};
  REQUIRE(d.observatory().reload(d.config));
  CHECK(d.place(before) == "unregistered");
}

TEST_CASE("without interfaces everything is known at once") {
  Daemon daemon;
  dnsd::ConfiguredPeer fixed;
  fixed.public_key = alice;
  fixed.endpoint = *base::Endpoint::parse("203.0.113.7:7");
  daemon.config.peers = {fixed};
  daemon.start();
  CHECK(daemon.live.is_ready());
  CHECK(daemon.place() == "203.0.113.7:7");
  CHECK(daemon.live.list(dnsd::View::public_view)->size() == 1);
}

TEST_CASE("a restart serves what was saved, stale until seen again, from the first answer on") {
  for (const bool cleanly : {true, false}) {
    CAPTURE(cleanly);
    Daemon daemon;
    daemon.config.interfaces = {"wg0"};
    daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
    daemon.start();
    REQUIRE(daemon.until([&] { return daemon.place() == "203.0.113.1:1"; }));
    const auto serial = [&] { return daemon.live.serial(); };
    const auto before = serial();
    REQUIRE(daemon.until([&] { return serial() != before; }));
    if (!cleanly) {
      // The daemon is killed more than a second later: what was confirmed is on disk.
      const auto later = std::chrono::steady_clock::now() + std::chrono::milliseconds(1000);
      REQUIRE(daemon.until([&] { return std::chrono::steady_clock::now() >= later; }));
    }
    const auto last = serial();
    daemon.end(cleanly);

    daemon.host.remove("wg0");
    const dnsd::PeerChange forget[] = {{alice, std::nullopt}, {hub, std::nullopt}};
    daemon.peers.apply(forget);
    daemon.start();
    CHECK(daemon.live.is_ready());
    CHECK(daemon.place() == "203.0.113.1:1 stale");
    CHECK(daemon.peers.find(hub)->detail->is_hub);
    CHECK(daemon.live.list(dnsd::View::public_view)->size() == 1);
    CHECK(serial() - last > 0);
    CHECK(serial() - last <= 1002);

    daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 600)});
    REQUIRE(daemon.polled(3));
    daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 632)});
    CHECK(daemon.until([&] { return daemon.place() == "203.0.113.1:1"; }));
  }
}

TEST_CASE("a peer that left while we were down is not registered any more after the first poll") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
  daemon.start();
  REQUIRE(daemon.until([&] { return daemon.place() == "203.0.113.1:1"; }));
  daemon.end(true);
  daemon.host.set("wg0", {});
  daemon.start();
  CHECK(daemon.place() == "203.0.113.1:1 stale");
  CHECK(daemon.until([&] { return daemon.place() == "unregistered"; }));
}

TEST_CASE("a reload keeps observations of what stays, and lets go of what does not") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0", "wg1"};
  daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
  daemon.host.set("wg1", {peer(alice, "203.0.113.9:9", 500), peer(key_of(2), "10.0.0.2:2", 500)});
  daemon.start();
  REQUIRE(daemon.until([&] { return daemon.live.is_ready(); }));
  CHECK(daemon.place() == "203.0.113.1:1");
  CHECK(daemon.place(key_of(2)) == "10.0.0.2:2");
  REQUIRE(daemon.until([&] { return daemon.live.list(dnsd::View::private_view)->size() == 2; }));
  CHECK(daemon.live.list(dnsd::View::public_view)->size() == 1);

  Config config = daemon.config;
  config.publish_private = true;
  config.list_max = 1;
  REQUIRE(daemon.observatory().reload(config));
  CHECK(daemon.place() == "203.0.113.1:1");
  REQUIRE(daemon.until([&] { return daemon.live.list(dnsd::View::private_view)->size() == 1; }));
  CHECK(daemon.live.list(dnsd::View::public_view)->front() == alice);
  CHECK(daemon.observatory().status().public_list_cut == 1);

  const auto serial = daemon.live.serial();
  config.interfaces = {"wg1"};
  REQUIRE(daemon.observatory().reload(config));
  CHECK(daemon.place() == "203.0.113.9:9");
  CHECK(daemon.observatory().status().sources.size() == 1);
  CHECK(daemon.until([&] { return daemon.live.serial() != serial; }));
  config.interfaces = {"wg1", "wg0"};
  REQUIRE(daemon.observatory().reload(config));
  CHECK(daemon.polled(6));
  CHECK(daemon.place() == "203.0.113.9:9");
}

// A reader that its thread lets go of only when the test allows it: what was read was handed over
// by then, and the thread still holds the interface.
class HeldReader {
 public:
  struct Gate {
    std::promise<void> letting_go;  // by a thread of the pool
    std::promise<void> opened;      // by the test
    std::shared_future<void> open = opened.get_future().share();
    const std::thread::id control = std::this_thread::get_id();
  };

  HeldReader(Host& host, std::shared_ptr<Gate> gate) : host_(&host), gate_(std::move(gate)) {}
  HeldReader(const HeldReader&) = default;
  HeldReader& operator=(const HeldReader&) = delete;
  ~HeldReader() {
    if (std::this_thread::get_id() == gate_->control) return;
    gate_->letting_go.set_value();
    gate_->open.wait_for(seconds(20));
  }
  base::Expected<wg::Device, wg::DeviceError> operator()(const std::string& name) const {
    return host_->read(name);
  }

 private:
  Host* host_;
  std::shared_ptr<Gate> gate_;
};

TEST_CASE("what was read of an interface that a reload dropped is not taken") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
  const auto gate = std::make_shared<HeldReader::Gate>();
  daemon.start(HeldReader(daemon.host, gate));
  REQUIRE(gate->letting_go.get_future().wait_for(seconds(20)) == std::future_status::ready);
  Config config = daemon.config;
  config.interfaces = {};
  REQUIRE(daemon.observatory().reload(config));
  CHECK_NOTHROW(daemon.run_ready());
  CHECK(daemon.place() == "unregistered");
  gate->opened.set_value();
}

TEST_CASE("a reload that drops the last unread interface knows of every key") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};  // is missing
  daemon.start();
  REQUIRE(daemon.polled(2));
  CHECK_FALSE(daemon.live.is_ready());
  Config config = daemon.config;
  config.interfaces = {};
  REQUIRE(daemon.observatory().reload(config));
  CHECK(daemon.live.is_ready());
}

TEST_CASE("a folder that vanishes under the daemon stops nothing") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
  daemon.start();
  std::filesystem::remove_all(daemon.config.state_dir);
  REQUIRE(daemon.until([&] { return daemon.place() == "203.0.113.1:1"; }));
  const auto serial = daemon.live.serial();
  daemon.host.set("wg0", {peer(alice, "203.0.113.2:2", 532)});
  CHECK(daemon.until([&] { return daemon.live.serial() != serial; }));
  daemon.end(true);
}

TEST_CASE("state that shows its damage only while it is read is begun anew, with the serial") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  std::vector<wg::DevicePeer> many;
  for (std::uint8_t i = 1; i < 250; ++i) many.push_back(peer(key_of(i), "203.0.113.1:1", 500));
  daemon.host.set("wg0", many);
  daemon.start();
  REQUIRE(daemon.until([&] { return daemon.place() == "203.0.113.1:1"; }));
  daemon.end(true);
  const std::string file = daemon.config.state_dir + "/state.db";
  const auto size = std::filesystem::file_size(file);
  {
    // The last pages are those of the peers; the first ones hold the schema and the serial.
    std::fstream database(file, std::ios::in | std::ios::out | std::ios::binary);
    database.seekp(static_cast<std::streamoff>(size - 8192));
    database << std::string(8192, '\xff');
  }
  const auto last = daemon.live.serial();
  daemon.start();
  CHECK(std::filesystem::exists(file + ".damaged"));
  CHECK(daemon.live.serial() - last <= 1002);
  CHECK(daemon.observatory().status().durable);
  const auto saved_at = std::chrono::steady_clock::now() + std::chrono::milliseconds(1000);
  REQUIRE(daemon.until([&] { return std::chrono::steady_clock::now() >= saved_at; }));
  const auto before_crash = daemon.live.serial();
  daemon.end(false);
  daemon.start();
  CHECK(daemon.live.serial() - before_crash - 1 < 1002);
  CHECK(daemon.place().starts_with("203.0.113.1:1"));
}

TEST_CASE("nothing is polled after a stop") {
  Daemon daemon;
  daemon.config.interfaces = {"wg0"};
  daemon.host.set("wg0", {peer(alice, "203.0.113.1:1", 500)});
  daemon.start();
  REQUIRE(daemon.polled(2));
  daemon.observatory().stop();
  const int reads = daemon.host.reads();
  daemon.end(false);
  CHECK(daemon.host.reads() <= reads + 1);
}
