#include "dnsd/settings/peer_reader.hpp"

#include <doctest/doctest.h>

#include "tests/unit/dnsd/settings/read_yaml.hpp"

namespace {

using namespace read_yaml_fixture;
using dnsd::CommandLine;
using dnsd::Config;
using option_checks::error_of;

}  // namespace

TEST_CASE("peers come from YAML and from WireGuard's files, each key and each name once") {
  const std::string yaml = std::string("zone: a.b\npeers-file: sites.conf\npeers:\n") +
                           "  - name: alice\n    public-key: " + alice +
                           "\n    endpoint: vpn.example.org:51820\n    allowed-ips: 10.0.0.2\n";
  const auto read = [&](const std::string& sites) {
    CommandLine line;
    line.config_file = "/etc/wg-dnsd/w.yaml";
    return dnsd::read_config(
        line, files({{"/etc/wg-dnsd/w.yaml", yaml}, {"/etc/wg-dnsd/sites.conf", sites}}));
  };
  const std::string section = "[Peer]\n# Name = bob\nPublicKey = ";

  SUBCASE("both") {
    const Config config =
        read(section + bob + "\nEndpoint = [2001:db8::7]:4711\nAllowedIPs = 10.0.0.3/32\n");
    REQUIRE(config.peers.size() == 2);
    CHECK(config.peers_in_yaml == 1);
    CHECK(config.peers[0].name == "alice");
    CHECK(std::get<wg::HostEndpoint>(*config.peers[0].endpoint).host == "vpn.example.org");
    CHECK(config.peers[0].allowed_ips[0].to_string() == "10.0.0.2/32");
    CHECK(config.peers[1].name == "bob");
    CHECK(std::get<base::Endpoint>(*config.peers[1].endpoint).to_string() == "[2001:db8::7]:4711");
    CHECK(config.peers_files == std::vector<std::string>{"/etc/wg-dnsd/sites.conf"});
  }
  SUBCASE("the same key") {
    const std::string message = error_of([&] { (void)read(section + alice + "\n"); });
    CAPTURE(message);
    CHECK(message.starts_with("/etc/wg-dnsd/sites.conf:1: the public key xTIBA5"));
    CHECK(message.ends_with("is already defined at /etc/wg-dnsd/w.yaml:4"));
  }
  SUBCASE("the same name in another case") {
    const std::string message =
        error_of([&] { (void)read("[Peer]\n# Name = ALICE\nPublicKey = " + std::string(bob)); });
    CAPTURE(message);
    CHECK(message.starts_with("/etc/wg-dnsd/sites.conf:1: the name 'ALICE'"));
  }
  SUBCASE("what DNS cannot say is skipped with a line") {
    const Config config =
        read("[Peer]\nPublicKey = " + std::string(bob) + "\nEndpoint = 127.0.0.1:51820\n");
    CHECK_FALSE(config.peers[1].endpoint.has_value());
    REQUIRE(config.warnings.size() == 1);
    CHECK(config.warnings[0].starts_with("/etc/wg-dnsd/sites.conf:1: the endpoint of (TrMv"));
  }
  SUBCASE("an error keeps its place") {
    CHECK(error_of([&] {
            (void)read("[Peer]\nPublicKey = abc\n");
          }).starts_with("/etc/wg-dnsd/sites.conf:2"));
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
  const std::string section = std::string("[Peer]\nPublicKey = ") + bob + "\n";
  for (const auto& [more, is_right] : {std::pair("", true), std::pair("nonsense\n", false)}) {
    std::string text = section + more;
    const std::size_t size = text.size();
    const auto parsed = dnsd::parse_peers_file("/etc/sites.conf", std::move(text));
    REQUIRE(parsed.has_value() == is_right);
    if (is_right) CHECK(parsed->peers.size() == 1);
    if (!is_right) CHECK(parsed.error().starts_with("/etc/sites.conf:3: "));
    CHECK(text == std::string(size, '\0'));  // NOLINT(bugprone-use-after-move): it is not moved
  }
}
