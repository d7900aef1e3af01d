#include "updater/lookup/hub_lookup.hpp"

#include <doctest/doctest.h>

#include <map>
#include <utility>

#include "schema/owner_name.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::HubCandidate;
using updater::HubPlace;

const auto host_key = key(0x01);
const auto hub_zone = name("wg.example.org.");
const auto zone_server = name("ns1.wg.example.org.");
const auto other_server = name("ns.example.net.");

dns::ReplyRecord record_of(const dns::Name& owner, std::string_view text) {
  const auto value = address(text);
  return {owner, dns::Ttl{1}, value, value.is_ipv4() ? dns::RrType::a : dns::RrType::aaaa};
}

/// A host whose resolver, hosts file and wg-quick file are as a test says.
struct HubWorld {
  std::map<std::string, std::vector<base::IpAddress>> hosts;
  std::map<std::pair<dns::Name, dns::RrType>, dns::Reply> zone;
  bool has_zone = true;
  base::Expected<std::string, std::error_code> file =
      base::Unexpected(std::make_error_code(std::errc::no_such_file_or_directory));
  std::optional<base::IpAddress> server;

  updater::HubResult look_up(std::vector<HubPlace> places,
                             std::optional<base::Port> last_port = base::Port{51820}) {
    return updater::look_up_hub(make_sources(), {host_key, std::move(places), last_port});
  }

  updater::HubSources make_sources() {
    return {hub_zone,
            [this](const dns::Name& owner,
                   dns::RrType type) -> base::Expected<dns::Reply, updater::LookupError> {
              if (!has_zone) return base::Unexpected(updater::LookupError::timeout);
              return zone[{owner, type}];
            },
            [this](const std::string& host) { return hosts[host]; },
            "/etc/wireguard/wg0.conf",
            [this] { return file; },
            server};
  }

  std::vector<base::IpAddress> look_up_servers() {
    return updater::look_up_name_servers(make_sources());
  }

  void publish_own(std::string_view text, std::uint16_t port) {
    const auto owner = schema::service_name(host_key, hub_zone);
    const auto target = schema::address_name(address(text), host_key, hub_zone);
    zone[{owner, dns::RrType::srv}].answer = {
        {owner, dns::Ttl{1}, dns::SrvRecord{10, 0, base::Port{port}, target}, dns::RrType::srv}};
    zone[{target, dns::RrType::a}].answer = {record_of(target, text)};
  }

  void delegate() {
    zone[{hub_zone, dns::RrType::ns}].answer = {
        {hub_zone, dns::Ttl{300}, zone_server, dns::RrType::ns},
        {hub_zone, dns::Ttl{300}, other_server, dns::RrType::ns}};
    zone[{zone_server, dns::RrType::a}].answer = {record_of(zone_server, "203.0.113.5")};
    hosts[other_server.to_string()] = {address("203.0.113.6")};
  }

  void write_file(const std::string& endpoint) {
    file = "[Interface]\nPrivateKey = " + key(9).to_base64() +
           "\n[Peer]\nPublicKey = " + key(0x50).to_base64() +
           "\nEndpoint = 203.0.113.99:1\nAllowedIPs = 10.0.0.3/32\n" +
           "[Peer]\nPublicKey = " + host_key.to_base64() + "\nEndpoint = " + endpoint +
           "\nAllowedIPs = 10.0.0.1/32\n";
  }
};

std::vector<std::string> endpoints_of(const updater::HubResult& result) {
  std::vector<std::string> texts;
  for (const HubCandidate& candidate : result.candidates)
    texts.push_back(candidate.endpoint.to_string());
  return texts;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a hub's places: option, wg-quick's file, own record, name servers, in this order") {
  HubWorld world;
  world.hosts["vpn.example.org"] = {address("2001:db8::1"), address("203.0.113.1")};
  world.hosts["old.example.org"] = {address("203.0.113.2")};
  world.write_file("old.example.org:4711");
  world.publish_own("203.0.113.3", 5555);
  world.delegate();
  world.server = address("203.0.113.7");
  const auto result = world.look_up({{"vpn.example.org", base::Port{51820}}}, base::Port{443});
  CHECK(endpoints_of(result) == Texts{"[2001:db8::1]:51820", "203.0.113.1:51820",
                                      "203.0.113.2:4711", "203.0.113.3:5555", "203.0.113.5:443",
                                      "203.0.113.6:443", "203.0.113.7:443"});
  CHECK(result.hub == host_key);
  CHECK(result.failures.empty());
  CHECK(result.candidates[1].source == "hub-endpoint vpn.example.org:51820");
  CHECK(result.candidates[2].source == "Endpoint old.example.org:4711 in /etc/wireguard/wg0.conf");
  CHECK(result.candidates[3].source == "its own record in wg.example.org.");
  CHECK(result.candidates[4].source == "the zone's name server ns1.wg.example.org.");
}

TEST_CASE("a hub's place is named once, by the first that says so") {
  HubWorld world;
  world.hosts["203.0.113.3"] = {address("203.0.113.3")};
  world.write_file("203.0.113.3:5555");
  world.publish_own("203.0.113.3", 5555);
  const auto result = world.look_up({});
  REQUIRE(result.candidates.size() == 1);
  CHECK(result.candidates[0].source == "Endpoint 203.0.113.3:5555 in /etc/wireguard/wg0.conf");
}

TEST_CASE("without a last port the name servers are tried with the port that the operator says") {
  HubWorld world;
  world.delegate();
  CHECK(endpoints_of(world.look_up({}, std::nullopt)).empty());
  CHECK(endpoints_of(world.look_up({{"unknown.example.org", base::Port{99}}}, std::nullopt)) ==
        Texts{"203.0.113.5:99", "203.0.113.6:99"});
}

TEST_CASE("each source of a hub's place that fails is told, but for a file that does not exist") {
  HubWorld world;
  world.has_zone = false;
  CHECK(world.look_up({{"vpn.example.org", base::Port{51820}}}).failures ==
        Texts{"hub-endpoint vpn.example.org:51820 cannot be resolved",
              "wg.example.org. cannot be asked: no resolver answered in time"});
  world.has_zone = true;
  world.file = base::Unexpected(std::make_error_code(std::errc::permission_denied));
  const Texts failures = world.look_up({}).failures;
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].starts_with("/etc/wireguard/wg0.conf cannot be read: Permission denied"));
  CHECK(failures[0].find("who must be allowed to read it") != std::string::npos);
}

TEST_CASE("addresses are resolved without asking anybody") {
  CHECK(updater::resolve_host("203.0.113.9") == std::vector{address("203.0.113.9")});
  CHECK(updater::resolve_host("2001:db8::9") == std::vector{address("2001:db8::9")});
}

TEST_CASE("the zone's name servers are found, in the zone and elsewhere") {
  HubWorld world;
  world.delegate();
  CHECK(world.look_up_servers() == std::vector{address("203.0.113.5"), address("203.0.113.6")});
  world.has_zone = false;
  CHECK(world.look_up_servers().empty());
}
