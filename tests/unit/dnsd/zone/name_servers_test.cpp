#include "dnsd/zone/name_servers.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "dnsd/listen/listener_plan.hpp"

namespace {

using dnsd::NameServer;

dns::Name name(const char* text) {
  const auto result = dns::Name::parse(text);
  REQUIRE(result);
  return *result;
}

base::IpAddress address(const char* text) {
  const auto result = base::IpAddress::parse(text);
  REQUIRE(result);
  return *result;
}

dnsd::Config config_for(std::vector<NameServer> name_servers) {
  dnsd::Config config;
  config.zone = name("wg.example.org.");
  config.name_servers = std::move(name_servers);
  return config;
}

std::vector<base::InterfaceAddress> host(std::initializer_list<const char*> addresses) {
  std::vector<base::InterfaceAddress> result;
  for (const char* one : addresses) {
    result.push_back({.address = address(one),
                      .prefix_length = 24,
                      .interface = "eth0",
                      .interface_index = 2,
                      .is_up = true});
  }
  return result;
}

// `ns1.wg.example.org.=198.51.100.1,2001:db8::1`
std::vector<std::string> choose(const dnsd::Config& config,
                                const std::vector<dnsd::ListenAddress>& listening,
                                const std::vector<base::InterfaceAddress>& addresses) {
  std::vector<std::string> result;
  for (const NameServer& server : dnsd::choose_name_servers(config, listening, addresses)) {
    std::string line = server.name.to_string();
    for (const auto& one : server.addresses) line += " " + one.to_string();
    result.push_back(line);
  }
  return result;
}

std::string to_text(const std::vector<dns::ZoneRecord>& records) {
  std::string text;
  for (const auto& record : records) {
    std::string line = dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata);
    for (char& c : line) {
      if (c == '\t') c = ' ';
    }
    text += line;
  }
  return text;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("without --ns it is ns1 of the zone, at the global addresses that are listened on") {
  const auto config = config_for({});
  const auto all = dnsd::default_listeners();
  CHECK(choose(config, all, host({"127.0.0.1", "10.0.0.1", "9.9.9.9", "2620:fe::9", "fe80::1"})) ==
        Lines{"ns1.wg.example.org. 9.9.9.9 2620:fe::9"});
  CHECK(choose(config, all, host({"192.168.0.1", "fd00::1"})) == Lines{"ns1.wg.example.org."});
  CHECK(choose(config, {{{address("9.9.9.9"), base::Port{53}}, dnsd::View::public_view}},
               host({"9.9.9.9", "8.8.8.8"})) == Lines{"ns1.wg.example.org. 9.9.9.9"});
}

TEST_CASE("an address that only a private listener has is not published") {
  std::vector<dnsd::ListenAddress> listening = dnsd::default_listeners();
  listening.push_back({{address("9.9.9.9"), base::Port{53}}, dnsd::View::private_view});
  CHECK(choose(config_for({}), listening, host({"9.9.9.9", "8.8.8.8"})) ==
        Lines{"ns1.wg.example.org. 8.8.8.8"});
}

TEST_CASE("the operator's word counts; names outside the zone get no addresses of ours") {
  const auto config = config_for({{name("a.wg.example.org."), {address("10.1.1.1")}},
                                  {name("b.wg.example.org."), {}},
                                  {name("ns.example.net."), {}}});
  CHECK(choose(config, dnsd::default_listeners(), host({"9.9.9.9"})) ==
        Lines{"a.wg.example.org. 10.1.1.1", "b.wg.example.org. 9.9.9.9", "ns.example.net."});
}

TEST_CASE("a made zone is SOA, NS, and addresses inside the zone") {
  const auto config =
      config_for({{name("ns1.wg.example.org."), {address("9.9.9.9"), address("2620:fe::9")}},
                  {name("ns.example.org."), {address("8.8.8.8")}}});
  const auto records = dnsd::make_zone_records(config, config.name_servers);
  CHECK(to_text(records) ==
        "wg.example.org. 300 IN SOA ns1.wg.example.org. hostmaster.wg.example.org. 1 1200 300 "
        "1209600 1\n"
        "wg.example.org. 300 IN NS ns1.wg.example.org.\n"
        "wg.example.org. 300 IN NS ns.example.org.\n"
        "ns1.wg.example.org. 300 IN A 9.9.9.9\n"
        "ns1.wg.example.org. 300 IN AAAA 2620:fe::9\n");
}

TEST_CASE("the parent gets NS and glue, from a made zone and from a file alike") {
  const auto config = config_for({{name("ns1.wg.example.org."), {address("9.9.9.9")}}});
  const char* expected =
      "wg.example.org. 3600 IN NS ns1.wg.example.org.\nns1.wg.example.org. 3600 IN A 9.9.9.9\n";
  CHECK(to_text(dnsd::make_delegation(config.name_servers, config.zone)) == expected);
  const auto records = dnsd::make_zone_records(config, config.name_servers);
  CHECK(to_text(dnsd::make_delegation(dnsd::read_name_servers(records, config.zone),
                                      config.zone)) == expected);
}

TEST_CASE("a name server without an address is said, with the option that mends it") {
  const auto config = config_for({{name("ns1.wg.example.org."), {}},
                                  {name("ns2.wg.example.org."), {address("9.9.9.9")}},
                                  {name("ns.example.net."), {}}});
  const auto advice = dnsd::advise_addresses(config.name_servers, config.zone);
  REQUIRE(advice.size() == 1);
  CHECK(advice[0].find("--ns ns1.wg.example.org.=PUBLIC-ADDRESS") != std::string::npos);
}
