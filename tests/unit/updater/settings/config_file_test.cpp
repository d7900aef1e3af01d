#include "updater/settings/config_file.hpp"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/unit/updater/samples.hpp"
#include "tests/unit/updater/settings/read_yaml.hpp"

namespace {

using namespace samples;
using namespace read_yaml_fixture;
using option_checks::error_of;
using updater::Config;

const std::string alice = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const std::string bob = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";
const std::string hub = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA=";

wg::PublicKey key_of(const std::string& text) {
  return wg::PublicKey::parse(text).value();
}

}  // namespace

TEST_CASE("the command line alone is enough, and files and command line speak the same words") {
  const Config from_words =
      read_words({"wg0",     "--zone",  "wg.example.org", "--hub",          hub,
                  "--hub",   bob,       "--server",       "203.0.113.10",   "--direct-keepalive",
                  "20",      "--relay", "first",          "--metrics-file", "/m.prom",
                  "--state", "/s.json", "--control",      "/c.sock",        "--log-level",
                  "debug"});
  const Config from_file =
      read_yaml("zone: wg.example.org\nhub: [" + hub + ", " + bob +
                "]\nserver: 203.0.113.10:53\ndirect-keepalive: 20\nrelay: first\nlog-level: debug\n"
                "interfaces: {wg0: {state: /s.json, control: /c.sock, metrics-file: /m.prom}}\n");
  CHECK(from_words == from_file);
  CHECK(from_words.zone == name("wg.example.org"));
  CHECK(from_words.settings.hubs.size() == 2);
  CHECK(from_words.server == endpoint("203.0.113.10:53"));
  CHECK(from_words.settings.direct_keepalive == 20s);
  CHECK(from_words.settings.relay == updater::RelayUse::first);
  CHECK(from_words.state_file == "/s.json");
  CHECK(from_words.control == "/c.sock");
  CHECK(from_words.metrics_file == "/m.prom");
  CHECK(from_words.log_level == "debug");
}

TEST_CASE("the section of an interface replaces the top, and the command line both") {
  const std::string text = "zone: top.example\ndirect-keepalive: 20\nhub: [" + hub +
                           "]\npeers:\n  - {public-key: " + alice +
                           ", name: alice, ignore: true}\n" + "  - {public-key: " + bob +
                           ", name: bob}\n"
                           "interfaces:\n"
                           "  wg0:\n"
                           "    zone: own.example\n"
                           "    hub: []\n"
                           "    peers:\n"
                           "      - {public-key: " +
                           alice + ", keepalive: 15}\n" + "  wg1: {}\n";
  const Config own = read_yaml(text);
  CHECK(own.zone == name("own.example"));
  CHECK(own.settings.direct_keepalive == 20s);
  CHECK(own.settings.hubs.empty());
  // A peer is replaced as a whole: alice of the section is not ignored.
  CHECK_FALSE(own.settings.of(key_of(alice)).ignore);
  CHECK(own.settings.of(key_of(alice)).name.empty());
  CHECK(own.settings.direct_keepalive_of(key_of(alice)) == 15s);
  CHECK(own.settings.of(key_of(bob)).name == "bob");
  CHECK(own.settings.direct_keepalive_of(key_of(bob)) == 20s);

  // wg1 has a section, wg2 has none: both have the settings of the top.
  for (const std::string interface : {"wg1", "wg2"}) {
    const Config other = read_yaml(text, {}, interface);
    CHECK(other.zone == name("top.example"));
    CHECK(other.settings.hubs.size() == 1);
    CHECK(other.settings.of(key_of(alice)).ignore);
    CHECK(other.state_file == "/var/lib/wg-updater/" + interface + ".json");
    CHECK(other.control == "/run/wg-updater/" + interface + ".sock");
  }
  const Config given = read_yaml(text, {"--zone", "line.example", "--hub", bob});
  CHECK(given.zone == name("line.example"));
  CHECK(given.settings.hubs == std::set{key_of(bob)});
}

TEST_CASE("mesh goes with a hub or a private server") {
  const std::string mesh = "zone: a.b\nmesh: 10.77.0.0/24\n";
  CHECK(read_yaml(mesh + "hub: " + hub + "\n").settings.mesh.ranges.size() == 1);
  CHECK(read_yaml(mesh + "private-server: 10.77.0.1\n").settings.mesh.ranges.size() == 1);
  CHECK(read_yaml(mesh, {"--hub", hub}).settings.mesh.ranges.size() == 1);
}

TEST_CASE("what one peer has of its own") {
  const Config config =
      read_yaml("zone: a.b\npeers:\n  - public-key: " + bob +
                "\n    name: bob\n    ignore: true\n    endpoint-family: ipv6\n    keepalive: 7\n"
                "    relay: never\n"
                "    lan-candidates: [192.168.1.7:51820, \"[fd00::7]:51820\"]\n"
                "  - public-key: " +
                alice + "\n    endpoint-family: any\n    lan-candidates: 10.1.2.3:1\n");
  const updater::PeerSettings& peer = config.settings.of(key_of(bob));
  CHECK(peer.name == "bob");
  CHECK(peer.ignore);
  CHECK(peer.endpoint_family == base::Family::ipv6);
  CHECK(peer.keepalive == 7s);
  CHECK(config.settings.relay_of(key_of(bob)) == updater::RelayUse::never);
  CHECK(config.settings.relay_of(key_of(alice)) == updater::RelayUse::fallback);
  CHECK(peer.lan_candidates ==
        std::vector{endpoint("192.168.1.7:51820"), endpoint("[fd00::7]:51820")});
  CHECK_FALSE(config.settings.of(key_of(alice)).endpoint_family);
  CHECK(config.settings.of(key_of(hub)) == updater::PeerSettings{});
  CHECK(config.settings.describe(key_of(bob)) == "bob (TrMv…WXX0)");
}

TEST_CASE("wrong words and values are told with their place and what would be right") {
  const std::string peer = "peers:\n - public-key: " + bob + "\n   ";
  const struct {
    std::string name;
    std::string text;
    std::vector<std::string> expected;  // parts of the message
  } rows[] = {
      {"unknown word", "zone: a.b\nzoen: x\n", {"/etc/u.yaml:2: zoen", "zone, hub", "interfaces"}},
      {"unknown word in a section",
       "interfaces:\n wg1:\n  zoen: x\n",
       {"/etc/u.yaml:3: zoen", "zone, hub", "log-level, peers"}},
      {"no zone", "direct-keepalive: 1\n", {"--zone ZONE", "/etc/u.yaml"}},
      {"zone is the root", "zone: .\n", {":1: zone", "'.'", "169"}},
      {"hub", "hub: [" + hub + ", abc]\n", {":1: hub", "'abc'", "44"}},
      {"hub twice", "hub:\n - " + hub + "\n - " + hub + "\n", {":3: hub", "once"}},
      {"server is a name", "server: example.org\n", {":1: server", "ADDRESS:PORT"}},
      {"keepalive 0", "direct-keepalive: 0\n", {":1: direct-keepalive", "1 to 65535 seconds"}},
      {"relay", "relay: always\n", {":1: relay", "'always'", "fallback, first or never"}},
      {"relay of a peer", peer + "relay: on\n", {":3: relay", "'on'", "fallback, first or never"}},
      {"log level", "log-level: loud\n", {":1: log-level", "warning"}},
      {"a path of one interface at the top",
       "state: /x\n",
       {":1: state", "interfaces: {wg0: {state: …}}"}},
      {"control at the top", "control: /x\n", {":1: control", "interfaces"}},
      {"mesh without anybody who may say who joins",
       "zone: a.b\nmesh: 10.77.0.0/24\n",
       {"mesh", "hub: [KEY]", "/etc/u.yaml", "--private-server ADDR"}},
      {"mesh without a place to read the list",
       "zone: a.b\nmesh: 10.77.0.0/24\nhub: " + hub + "\nprivate-server: none\n",
       {"mesh", "private-server is none"}},
      {"control too long",
       "interfaces: {wg1: {control: /" + std::string(107, 'x') + "}}\n",
       {":1: control", "107"}},
      {"interfaces is a list", "interfaces: [wg0]\n", {":1: interfaces", "map"}},
      {"a section is a value", "interfaces:\n wg0: zone\n", {":2: wg0", "{}"}},
      {"a name of no interface", "interfaces: {a/b: {}}\n", {":1: a/b", "15"}},
      {"interfaces in a section", "interfaces: {wg0: {interfaces: {}}}\n", {":1: interfaces"}},
      {"peers is a value", "peers: x\n", {":1: peers", "list of maps"}},
      {"peers is a map", "peers: {name: x}\n", {":1: peers", "list of maps"}},
      {"peers holds values", "peers: [x]\n", {":1: peers", "list of maps"}},
      {"peer without key", "peers:\n - name: x\n", {"/etc/u.yaml:2", "public-key"}},
      {"peer with a wrong key", "peers:\n - public-key: abc\n", {":2: public-key", "'abc'", "44"}},
      {"peer twice", peer + "name: a\n - public-key: " + bob + "\n", {":4", "already"}},
      {"unknown word of a peer", peer + "ignored: true\n", {":3: ignored", "ignore, endpoint-fa"}},
      {"peer name", peer + "name: _x\n", {":3: name", "'_x'", "letters"}},
      {"ignore", peer + "ignore: 1\n", {":3: ignore", "'1'", "true or false"}},
      {"family", peer + "endpoint-family: v4\n", {":3: endpoint-family", "any, ipv4 or ipv6"}},
      {"keepalive", peer + "keepalive: 65536\n", {":3: keepalive", "'65536'", "1 to 65535"}},
      {"keepalive with a unit", peer + "keepalive: 5s\n", {":3: keepalive", "seconds"}},
      {"a list for one value", peer + "keepalive: [5]\n", {":3: keepalive", "not a list"}},
      {"a public LAN candidate",
       peer + "lan-candidates: 203.0.113.1:1\n",
       {":3: lan-candidates", "private network"}},
      {"a LAN candidate without port", peer + "lan-candidates: 10.0.0.1\n", {"ADDRESS:PORT"}},
      {"a LAN candidate twice",
       peer + "lan-candidates: [10.0.0.1:1, 10.0.0.1:1]\n",
       {":3: lan-candidates", "once"}},
      {"nine LAN candidates",
       peer + "lan-candidates: [10.0.0.1:1, 10.0.0.1:2, 10.0.0.1:3, 10.0.0.1:4, 10.0.0.1:5, "
              "10.0.0.1:6, 10.0.0.1:7, 10.0.0.1:8, 10.0.0.1:9]\n",
       {"'10.0.0.1:9'", "at most 8"}},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const std::string message = error_of([&] { (void)read_yaml(row.text); });
    CAPTURE(message);
    for (const std::string& part : row.expected) CHECK(message.find(part) != std::string::npos);
  }
  CHECK(error_of([] {
          (void)read_words({"wg0", "--direct-keepalive", "0"});
        }).starts_with("--direct-keepalive: '0'"));
  CHECK(error_of([] { (void)read_words({"a/b", "--zone", "a.b"}); }).starts_with("IFACE: 'a/b'"));
}

TEST_CASE("--check-config prints what loads again to the same configuration") {
  const std::string rich =
      "zone: wg.example.org\nhub: " + hub + "\nserver: \"[2001:db8::1]:5353\"\npeers:\n" +
      "  - {public-key: " + bob +
      ", name: bob, keepalive: 5, relay: first, lan-candidates: [10.0.0.1:1]}\n" +
      "  - {public-key: " + alice + ", ignore: on, endpoint-family: ipv4}\n" +
      "interfaces: {wg0: {state: my state.json}}\n";
  for (const std::string& text : {rich, std::string("zone: a.b\n")}) {
    const Config first = read_yaml(text);
    const std::string printed = updater::to_yaml(first);
    CAPTURE(printed);
    CHECK(read_yaml(printed) == first);
  }
  CHECK(read_yaml(rich).state_file == "/etc/my state.json");
}

TEST_CASE("the folders that systemd hands over are the defaults") {
  ::setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
  ::setenv("RUNTIME_DIRECTORY", "/run/one", 1);
  const Config handed = read_yaml("zone: a.b\n");
  ::unsetenv("STATE_DIRECTORY");
  ::unsetenv("RUNTIME_DIRECTORY");
  CHECK(handed.state_file == "/var/lib/one/wg0.json");
  CHECK(handed.control == "/run/one/wg0.sock");
}

TEST_CASE("hub-endpoint says where the hub is, for one hub or in the entry of each") {
  const std::string first = key(1).to_base64();
  const std::string second = key(2).to_base64();
  const Config one = read_yaml("zone: wg.example.org\nhub: " + first +
                               "\nhub-endpoint: [vpn.example.org:51820, \"[2001:db8::1]:443\"]\n");
  CHECK(one.settings.hub_endpoints_of(key(1)) ==
        std::vector<updater::HubPlace>{{"vpn.example.org", base::Port{51820}},
                                       {"2001:db8::1", base::Port{443}}});
  CHECK(read_yaml(updater::to_yaml(one)) == one);
  const std::string entries = "zone: wg.example.org\nhub: [" + first + ", " + second +
                              "]\npeers:\n  - public-key: " + second +
                              "\n    hub-endpoint: 203.0.113.2:1\n";
  const Config both = read_yaml(entries + "hub-endpoint: 203.0.113.1:1\n");
  CHECK(both.settings.hub_endpoints_of(key(1)).at(0).host == "203.0.113.1");
  CHECK(both.settings.hub_endpoints_of(key(2)).at(0).host == "203.0.113.2");
  CHECK(read_yaml(updater::to_yaml(both)) == both);
}

TEST_CASE("a hub-endpoint that is nobody's, or no place, is refused") {
  const std::string first = key(1).to_base64();
  const auto error = [](const std::string& text) {
    return error_of([&] { (void)read_yaml("zone: wg.example.org\n" + text); });
  };
  CHECK(error("hub-endpoint: vpn.example.org:1\n").find("no hub is given") != std::string::npos);
  CHECK(error("hub: [" + first + ", " + key(2).to_base64() + "]\nhub-endpoint: vpn.example.org:1\n")
            .find("could belong to 2 hubs") != std::string::npos);
  for (const std::string wrong : {"vpn.example.org", "vpn.example.org:0", "vpn.example.org:65536",
                                  "\":51820\"", "\"203.0.113.1: 1\"", "\"\""}) {
    CAPTURE(wrong);
    CHECK(error("hub: " + first + "\nhub-endpoint: " + wrong + "\n").find("hub-endpoint: '") !=
          std::string::npos);
  }
}
