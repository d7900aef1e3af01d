#include "dnsd/settings/peer_reader.hpp"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/dnsd/settings/read_yaml.hpp"

namespace {

using namespace read_yaml_fixture;
using dnsd::CommandLine;
using dnsd::Config;
using option_checks::error_of;

}  // namespace

namespace {

/// Peers from YAML, with alice in it, and from the files of `peers-file`.
Config read_peers(std::map<std::string, std::string> contents, const std::string& more = "") {
  std::string list;
  for (const auto& [path, text] : contents) list += (list.empty() ? "" : ", ") + path;
  contents["/etc/wg-dnsd/w.yaml"] =
      "zone: a.b\npeers-file: [" + list + "]\npeers:\n  - name: alice\n    public-key: " + alice +
      "\n    endpoint: vpn.example.org:51820\n    allowed-ips: 10.0.0.2\n" + more;
  CommandLine line;
  line.config_file = "/etc/wg-dnsd/w.yaml";
  return dnsd::read_config(line, files(contents));
}

Config read_sites(const std::string& text) {
  return read_peers({{"/etc/wg-dnsd/sites.conf", text}});
}

std::string section(const std::string& key, const std::string& more = "") {
  return "[Peer]\nPublicKey = " + key + "\n" + more;
}

std::vector<std::string> blocks(const dnsd::ConfiguredPeer& peer) {
  std::vector<std::string> texts;
  for (const base::Prefix& prefix : peer.allowed_ips) texts.push_back(prefix.to_string());
  return texts;
}

constexpr const char* dave = "uvggqAt38VuwLChXIBgC1ya/it0HHPnZ3LZIf20d8nc=";
constexpr const char* carol = "4eKHVgG3oe82QDxBWesGGyNSt84+KvcKW05nNFAw/Qg=";

}  // namespace

TEST_CASE("peers come from YAML and from WireGuard's files") {
  const Config config = read_sites(
      section(bob, "# Name = bob\nEndpoint = [2001:db8::7]:4711\nAllowedIPs = 10.0.0.3/32\n"));
  REQUIRE(config.peers.size() == 2);
  CHECK(config.peers_in_yaml == 1);
  CHECK(config.peers[0].name == "alice");
  CHECK(std::get<wg::HostEndpoint>(*config.peers[0].endpoint).host == "vpn.example.org");
  CHECK(config.peers[0].allowed_ips[0].to_string() == "10.0.0.2/32");
  CHECK(config.peers[1].name == "bob");
  CHECK(std::get<base::Endpoint>(*config.peers[1].endpoint).to_string() == "[2001:db8::7]:4711");
  CHECK(config.peers_files == std::vector<std::string>{"/etc/wg-dnsd/sites.conf"});
  CHECK(config.place_files ==
        std::vector<std::string>{"/etc/wg-dnsd/w.yaml", "/etc/wg-dnsd/sites.conf"});
  CHECK(config.peers[0].place.file == 0);
  CHECK(config.peers[0].place.line == 4);
  CHECK(config.peers[1].place.file == 1);
  CHECK(config.peers[1].place.line == 1);
  CHECK(config.warnings.empty());
  CHECK(config.errors.empty());
}

TEST_CASE("the same key in several files is one peer with both lists") {
  SUBCASE("YAML adds to a file, or a file to YAML") {
    const Config config = read_sites(
        section(alice, "# Name = anna\nAllowedIPs = 10.0.0.3, 10.0.0.2\nEndpoint = 1.2.3.4:5\n"));
    REQUIRE(config.peers.size() == 1);
    CHECK(config.peers[0].name == "alice");
    CHECK(blocks(config.peers[0]) == std::vector<std::string>{"10.0.0.2/32", "10.0.0.3/32"});
    CHECK(std::get<wg::HostEndpoint>(*config.peers[0].endpoint).host == "vpn.example.org");
    CHECK(config.warnings.empty());
  }
  SUBCASE("two files") {
    const Config config =
        read_peers({{"/etc/a.conf", section(bob, "AllowedIPs = 10.0.0.3\nEndpoint = 1.2.3.4:5\n")},
                    {"/etc/b.conf", section(carol) + section(bob,
                                                             "AllowedIPs = 10.1.0.3\n"
                                                             "# Name = bob\n"
                                                             "Endpoint = 1.2.3.4:6\n")}});
    REQUIRE(config.peers.size() == 3);
    CHECK(config.peers[1].name == "bob");
    CHECK(blocks(config.peers[1]) == std::vector<std::string>{"10.0.0.3/32", "10.1.0.3/32"});
    CHECK(std::get<base::Endpoint>(*config.peers[1].endpoint).to_string() == "1.2.3.4:5");
    CHECK(config.peers[2].public_key.to_base64() == carol);
    REQUIRE(config.warnings.size() == 1);
    CHECK(config.warnings[0].starts_with("/etc/b.conf:3: the peer bob (TrMv"));
    CHECK(config.warnings[0].find("is in /etc/a.conf:1, too") != std::string::npos);
    CHECK(config.errors.empty());
  }
  SUBCASE("twice in YAML is a mistake") {
    const std::string message =
        error_of([&] { (void)read_peers({}, std::string("  - public-key: ") + alice + "\n"); });
    CAPTURE(message);
    CHECK(message.starts_with("/etc/wg-dnsd/w.yaml:8: the public key xTIBA5"));
    CHECK(message.ends_with("is already defined at /etc/wg-dnsd/w.yaml:4"));
  }
}

TEST_CASE("a block of several peers is left to the last one, and a longer one inside is another") {
  const Config config = read_peers(
      {{"/etc/wg-dnsd/a.conf", section(bob, "AllowedIPs = 10.0.0.2/32, 10.0.1.0/24\n")},
       {"/etc/wg-dnsd/b.conf", section(carol, "AllowedIPs = 10.0.1.0/24, 10.0.1.9/32\n")}});
  REQUIRE(config.peers.size() == 3);
  CHECK(blocks(config.peers[0]).empty());
  CHECK(blocks(config.peers[1]) == std::vector<std::string>{"10.0.0.2/32"});
  CHECK(blocks(config.peers[2]) == std::vector<std::string>{"10.0.1.0/24", "10.0.1.9/32"});
  REQUIRE(config.warnings.size() == 2);
  CHECK(
      config.warnings[0].starts_with("/etc/wg-dnsd/a.conf:1: 10.0.0.2/32 is also that of the "
                                     "peer at /etc/wg-dnsd/w.yaml:4: WireGuard gives it to "));
  CHECK(
      config.warnings[1].starts_with("/etc/wg-dnsd/b.conf:1: 10.0.1.0/24 is also that of the "
                                     "peer at /etc/wg-dnsd/a.conf:1: "));
}

TEST_CASE("of a name that several peers have, the first keeps it and the others get numbers") {
  const Config config =
      read_sites(section(bob, "# Name = ALICE\n\n") + section(carol, "# Name = alice-2\n\n") +
                 section(dave, "# Name = Alice\n"));
  REQUIRE(config.peers.size() == 4);
  CHECK(config.peers[0].name == "alice");
  CHECK(config.peers[1].name == "ALICE-3");  // alice-2 is carol's own name
  CHECK(config.peers[2].name == "alice-2");
  CHECK(config.peers[3].name == "Alice-4");
  REQUIRE(config.warnings.size() == 2);
  CHECK(config.warnings[0] ==
        "/etc/wg-dnsd/sites.conf:1: the name 'ALICE' is taken by the peer at "
        "/etc/wg-dnsd/w.yaml:4: this one is 'ALICE-3'");
  const std::string message = error_of(
      [&] { (void)read_peers({}, std::string("  - public-key: ") + bob + "\n    name: Alice\n"); });
  CHECK(message.starts_with("/etc/wg-dnsd/w.yaml:8: the name 'Alice'"));
}

TEST_CASE("the label of tunnel names is no name: in a file it gets a number, in YAML it is wrong") {
  const std::string two = section(bob, "# Name = Tunnel\n\n") + section(carol, "# Name = tunnel\n");
  Config config = read_sites(two);
  CHECK(config.peers.at(1).name == "Tunnel-2");
  CHECK(config.peers.at(2).name == "tunnel-3");
  REQUIRE(config.warnings.size() == 2);
  CHECK(config.warnings[0] ==
        "/etc/wg-dnsd/sites.conf:1: the name 'Tunnel' is the label of the addresses inside the "
        "tunnel (tunnel-label): this one is 'Tunnel-2'");
  const std::string in_yaml = "  - public-key: " + std::string(bob) + "\n    name: tunnel\n";
  CHECK(error_of([&] {
          (void)read_peers({}, in_yaml);
        }).starts_with("/etc/wg-dnsd/w.yaml:8: the name 'tunnel' is the label of"));
  for (const std::string& label : {std::string("\"\""), std::string("inside")}) {
    CAPTURE(label);
    config = read_peers({}, in_yaml + "tunnel-label: " + label + "\n");
    CHECK(config.peers.at(1).name == "tunnel");
  }
}

TEST_CASE("a name in YAML is that of the peer, whatever a file says of the same key") {
  const std::string in_yaml = "  - public-key: " + std::string(bob) + "\n    name: bob\n";
  for (const std::string& comment : {std::string(), std::string("# Name = robert\n")}) {
    CAPTURE(comment);
    const auto peers =
        read_peers(
            {{"/etc/wg-dnsd/sites.conf", section(bob, comment + "AllowedIPs = 10.0.0.3/32\n")}},
            in_yaml)
            .peers;
    REQUIRE(peers.size() == 2);
    CHECK(peers[1].name == "bob");
    CHECK(peers[1].name_origin == dnsd::NameOrigin::yaml);
    CHECK(blocks(peers[1]) == std::vector<std::string>{"10.0.0.3/32"});
  }
  const auto peers = read_peers({{"/etc/wg-dnsd/sites.conf", section(bob, "# Name = robert\n")}},
                                "  - public-key: " + std::string(bob) + "\n    fixed: no\n")
                         .peers;
  CHECK(peers.at(1).name == "robert");
  CHECK(peers.at(1).name_origin == dnsd::NameOrigin::comment);
}

TEST_CASE("an endpoint that DNS cannot publish costs the endpoint, with a line") {
  for (const std::string& endpoint :
       {std::string("127.0.0.1:51820"), std::string("[fe80::1%eth0]:51820"),
        std::string("fe80::1:51820"), std::string("192.0.2.1:0"), std::string("vpn.example.org:0"),
        std::string("caf\xc3\xa9.example.org:51820"), std::string("a..b:51820"),
        std::string("-a.b:51820"), std::string("*:51820"), std::string("a/b:51820"),
        std::string(64, 'a') + ".org:51820"}) {
    CAPTURE(endpoint);
    const Config config = read_sites(section(bob, "Endpoint = " + endpoint + "\n"));
    CHECK(config.errors.empty());
    CHECK_FALSE(config.peers.at(1).endpoint.has_value());
    REQUIRE(config.warnings.size() == 1);
    CHECK(config.warnings[0].starts_with("/etc/wg-dnsd/sites.conf:1: the endpoint of (TrMv"));
  }
  for (const std::string& endpoint :
       {std::string("2001:db8::3:51820"), std::string("192.0.2.1:domain"),
        std::string("my_host.example.org:51820"), std::string("_x:5"),
        std::string("Vpn-1.example.org.:51820")}) {
    CAPTURE(endpoint);
    const Config config = read_sites(section(bob, "Endpoint = " + endpoint + "\n"));
    CHECK(config.peers.at(1).endpoint.has_value());
    CHECK(config.warnings.empty());
  }
}

TEST_CASE("a peer with the key of its own interface is skipped, as WireGuard does") {
  const std::string interface =
      "[Interface]\nPrivateKey = CNM1A+4n1MEwVdDO/sXnML5O8uQc1s/OQ0k27B58nUs=\n";
  const std::string own = "fClf4uIWsaeO7JRLaXwik/koSDrySDr2pvHxpVQpQB4=";
  const Config config = read_sites(section(own) + interface + section(bob));
  REQUIRE(config.peers.size() == 2);
  CHECK(config.peers[1].public_key.to_base64() == bob);
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings[0].starts_with("/etc/wg-dnsd/sites.conf:1: this peer is skipped"));
}

TEST_CASE("what is wrong in a file of peers costs no more than what it stands in") {
  const std::string place = "/etc/wg-dnsd/sites.conf:";
  SUBCASE("a peer") {
    const Config config = read_sites(section(bob, "AllowedIPs = 10.0.0.3,\nEndpoint = x\n") +
                                     section("abc") + section(carol));
    REQUIRE(config.peers.size() == 2);
    CHECK(config.peers[1].public_key.to_base64() == carol);
    REQUIRE(config.errors.size() == 3);
    CHECK(config.errors[0].starts_with(place + "3: "));
    CHECK(config.errors[1].starts_with(place + "4: "));
    CHECK(config.errors[2].starts_with(place + "6: "));
    REQUIRE(config.lost_keys.size() == 1);
    CHECK(config.lost_keys[0].to_base64() == bob);
    CHECK(config.lost_unknown == 1);
  }
  SUBCASE("a file") {
    const Config config =
        read_peers({{"/etc/a.conf", "text\n" + section(bob)}, {"/etc/b.conf", section(carol)}});
    REQUIRE(config.peers.size() == 2);
    CHECK(config.peers[1].public_key.to_base64() == carol);
    REQUIRE(config.errors.size() == 1);
    CHECK(config.errors[0].starts_with("/etc/a.conf:1: "));
    CHECK(config.lost_keys.size() == 1);
  }
  SUBCASE("a peer that another file has is not lost") {
    const Config config =
        read_peers({{"/etc/a.conf", section(bob, "x\n")}, {"/etc/b.conf", section(bob)}});
    CHECK(config.peers.size() == 2);
    CHECK(config.errors.size() == 1);
    CHECK(config.lost_keys.empty());
  }
  SUBCASE("everything, when nothing is left") {
    const auto check = [](const std::string& more, const std::string& text) {
      dnsd::check_something_is_left(
          dnsd::read_config(parse({"--config", "/etc/w.yaml"}),
                            files({{"/etc/w.yaml", "zone: a.b\npeers-file: a.conf\n" + more},
                                   {"/etc/a.conf", text}})));
    };
    check("", "");
    check("", section(bob) + section(carol, "x\n"));
    check("interface: wg0\n", "x\n");
    check("zone-file: z\n", "x\n");
    check("observe: 0.0.0.0:51820\n", "x\n");
    const std::string message = error_of([&] { check("", "x\n"); });
    CHECK(message.starts_with(
        "no peer is left, and there is nothing else to serve: /etc/a.conf:1: "));
  }
}

TEST_CASE("preshared keys come from files of their own and from WireGuard's files") {
  const std::string psk = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
  const std::string yaml = std::string("zone: wg.example.org\npeers-file: b.conf\npeers:\n") +
                           "  - public-key: " + alice + "\n    preshared-key-file: alice.psk\n";
  const auto read = [&](const std::string& content) {
    return dnsd::read_config(parse({"--config", "/etc/w.yaml"}),
                             files({{"/etc/w.yaml", yaml},
                                    {"/etc/alice.psk", content},
                                    {"/etc/b.conf", std::string("[Peer]\nPublicKey = ") + bob +
                                                        "\nPresharedKey = " + psk + "\n"}}));
  };
  const Config config = read(psk + "\n");
  REQUIRE(config.peers.size() == 2);
  CHECK(config.peers[0].preshared_key_file == "/etc/alice.psk");
  REQUIRE(config.peers[0].preshared_key.has_value());
  CHECK(config.peers[0].preshared_key == config.peers[1].preshared_key);
  CHECK(dnsd::to_yaml(config).find("preshared-key-file: /etc/alice.psk") != std::string::npos);
  CHECK(dnsd::to_yaml(config).find(psk) == std::string::npos);
  const std::string error = error_of([&] { (void)read("something else"); });
  CHECK(error.starts_with("/etc/w.yaml:5: preshared-key-file: /etc/alice.psk is not a preshared"));
  CHECK(error.find("something else") == std::string::npos);
}

TEST_CASE("a file of peers is wiped when it has been parsed, also when it is wrong") {
  for (const auto& [more, errors] : {std::pair("", 0U), std::pair("nonsense\n", 1U)}) {
    std::string text = section(bob, more);
    const std::size_t size = text.size();
    CHECK(dnsd::parse_peers_file(std::move(text)).errors.size() == errors);
    CHECK(text == std::string(size, '\0'));  // NOLINT(bugprone-use-after-move): it is not moved
  }
}

TEST_CASE("an endpoint in a file is as old as the file, unless it is the operator's word") {
  const std::string path = "/tmp/wg-dnsd-peers-" + std::to_string(::getpid()) + ".conf";
  std::ofstream(path) << "x";
  std::error_code ec;
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::from_sys(
                std::chrono::sys_seconds(std::chrono::seconds(1'700'000'000))));
  const auto read = [&](const std::string& text, const std::string& more = "") {
    return read_peers({{path, text}}, more).peers;
  };
  const auto age_of = [](const dnsd::ConfiguredPeer& peer) -> std::int64_t {
    return peer.endpoint_file ? peer.endpoint_file->time.time_since_epoch().count() : 0;
  };
  const std::string place = "Endpoint = 203.0.113.1:1\n";
  auto peers = read(section(bob, place) + section(carol));
  REQUIRE(peers.size() == 3);
  CHECK(age_of(peers[0]) == 0);  // in YAML
  CHECK(age_of(peers[1]) == 1'700'000'000);
  CHECK(peers[1].endpoint_file->path == path);
  CHECK(age_of(peers[2]) == 0);  // no endpoint
  for (const std::string& fixed : {"# Fixed = yes\n" + place, place + "# fixed=YES\n",
                                   std::string("Endpoint = 203.0.113.1:1 # Fixed = yes\n")}) {
    CAPTURE(fixed);
    peers = read(section(bob, fixed) + section(carol, place));
    CHECK(age_of(peers[1]) == 0);
    CHECK(age_of(peers[2]) == 1'700'000'000);
  }
  peers = read("# Fixed = yes\n" + section(bob, place + "# Fixed = no\n"));
  CHECK(age_of(peers[1]) == 1'700'000'000);
  // wg-quick save drops comments: YAML does not.
  const std::string in_yaml = "  - public-key: " + std::string(bob) + "\n    fixed: ";
  peers = read(section(bob, place), in_yaml + "yes\n");
  REQUIRE(peers.size() == 2);
  CHECK(peers[1].endpoint.has_value());
  CHECK(age_of(peers[1]) == 0);
  peers = read(section(bob, place), in_yaml + "no\n");
  CHECK(age_of(peers[1]) == 1'700'000'000);
  CHECK(error_of([&] {
          (void)read(section(bob, place), in_yaml + "perhaps\n");
        }).find("'perhaps' is neither yes nor no") != std::string::npos);
  std::filesystem::remove(path, ec);
}

TEST_CASE("nothing is passed on to a peer of which any place says so") {
  const auto relayed = [](const std::string& text, const std::string& more = "") {
    return read_peers({{"/etc/wg-dnsd/sites.conf", text}}, more).peers.at(1).is_relayed;
  };
  CHECK(relayed(section(bob)));
  CHECK(!relayed(section(bob, "# Relay = no\n")));
  CHECK(!relayed(section(bob, "AllowedIPs = 10.0.0.3 # relay=No\n")));
  CHECK(!relayed(section(bob, "#Relay=false\n")));
  CHECK(relayed(section(bob, "# Relay = yes\n")));
  CHECK(relayed("# Relay = no\n" + section(bob)));  // above the section: of no peer
  CHECK(!relayed(section(bob, "# Relay = no\n") + section(bob)));
  const std::string in_yaml = "  - public-key: " + std::string(bob) + "\n    relay: ";
  CHECK(!relayed(section(bob), in_yaml + "no\n"));
  CHECK(!relayed(section(bob, "# Relay = no\n"), in_yaml + "yes\n"));
  CHECK(relayed(section(bob), in_yaml + "on\n"));
  CHECK(error_of([&] {
          (void)relayed(section(bob), in_yaml + "perhaps\n");
        }).find("'perhaps' is neither yes nor no") != std::string::npos);
}

TEST_CASE("files with secrets that everybody may read are warned of, as wg does") {
  std::string folder = "/tmp/wg-dnsd-secrets-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::string key = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
  const std::map<std::string, std::string> contents = {
      {folder + "/point.key", key},
      {folder + "/psk", key},
      {folder + "/cookies", "e5e973e5a6b2a43f48e7dc849e37bfcf"},
      {folder + "/wg0.conf", "[Interface]\nPrivateKey = " + key + "\n" + section(bob)},
      {folder + "/psk.conf", section(carol, "PresharedKey = " + key + "\n")},
      {folder + "/open.conf", "# nothing secret\n"}};
  const std::string yaml = folder + "/w.yaml";
  std::ofstream(yaml) << "zone: a.b\nobserve: 127.0.0.1:51820=" << folder
                      << "/point.key\ncookie-secret-file: " << folder << "/cookies\npeers-file: ["
                      << folder << "/wg0.conf, " << folder << "/psk.conf, " << folder
                      << "/open.conf]\npeers:\n  - public-key: " << alice
                      << "\n    preshared-key-file: " << folder << "/psk\n";
  for (const auto& [path, text] : contents) std::ofstream(path) << text;
  CommandLine line;
  line.config_file = yaml;
  for (const unsigned mode : {0600U, 0640U, 0644U}) {
    CAPTURE(mode);
    for (const auto& [path, text] : contents) REQUIRE(::chmod(path.c_str(), mode) == 0);
    std::set<std::string> warned;
    for (const std::string& warning : dnsd::load_config(line).warnings) {
      if (warning.find("is world accessible") == std::string::npos) continue;
      warned.insert(warning.substr(folder.size() + 1, warning.find(':') - folder.size() - 1));
      CHECK(warning.find(key) == std::string::npos);
    }
    CHECK(warned == (mode == 0644U ? std::set<std::string>{"point.key", "psk", "cookies",
                                                           "wg0.conf", "psk.conf"}
                                   : std::set<std::string>{}));
  }
  std::filesystem::remove_all(folder);
}
