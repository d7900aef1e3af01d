#include "dnsd/zone/zone_source.hpp"

#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace {

using dnsd::Config;
using dnsd::HostAddresses;
using dnsd::View;
using dnsd::ZoneSource;

dns::Name name(const std::string& text) {
  const auto result = dns::Name::parse(text);
  REQUIRE(result);
  return *result;
}

wg::PublicKey key(std::uint8_t fill) {
  base::Octets32 octets;
  octets.fill(fill);
  return wg::PublicKey(octets);
}

Config plain_config() {
  Config config;
  config.zone = name("wg.example.org.");
  return config;
}

HostAddresses host(std::initializer_list<const char*> addresses) {
  HostAddresses result;
  for (const char* one : addresses) {
    result.addresses.push_back({.address = *base::IpAddress::parse(one),
                                .prefix_length = 24,
                                .interface = "eth0",
                                .interface_index = 2,
                                .is_up = true});
  }
  return result;
}

/// A configuration with a zone file, which is removed at the end.
class WithFile {
 public:
  explicit WithFile(const std::string& text) {
    std::string pattern = std::filesystem::temp_directory_path() / "wg-dnsd-test-XXXXXX";
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    config = plain_config();
    config.zone_file = path();
    std::ofstream(path()) << text;
  }
  WithFile(const WithFile&) = delete;
  WithFile& operator=(const WithFile&) = delete;
  ~WithFile() { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string path() const { return folder_ + "/zone"; }
  Config config;

 private:
  std::string folder_;
};

std::string to_line(dns::NameView owner, dns::Ttl ttl, dns::RrType type, base::Bytes rdata) {
  std::string line = dns::to_zone_line(owner, ttl, type, rdata);
  for (char& c : line) {
    if (c == '\t') c = ' ';
  }
  line.pop_back();  // the newline
  return line;
}

using Lines = std::vector<std::string>;

Lines lines_of(const ZoneSource& source) {
  Lines lines;
  for (const auto& record : source.records)
    lines.push_back(to_line(record.owner, record.ttl, record.type, record.rdata));
  return lines;
}

/// Every record of the zone except the SOA.
std::set<std::string> dump(const dnsd::Zone& zone, View view) {
  std::set<std::string> lines;
  zone.for_each_record(view,
                       [&](dns::NameView owner, dns::RrType type, dns::Ttl ttl, base::Bytes rdata) {
                         if (type != dns::RrType::soa)
                           lines.insert(to_line(owner, ttl, type, rdata));
                       });
  return lines;
}

/// Reads the source and makes the zone. \return what is wrong with it; empty: nothing.
std::string error_of(const Config& config, const HostAddresses& addresses = {}) {
  const dnsd::PeerTable peers;
  const dnsd::LiveState live;
  try {
    (void)dnsd::make_zone(config, dnsd::read_zone_source(config, addresses), peers, live);
  } catch (const dnsd::ConfigError& error) {
    return error.what();
  }
  return {};
}

const std::string soa_and_ns = "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns.example.net.\n";

TEST_CASE("a name from a comment makes way for the zone file, one of the operator does not") {
  WithFile file(
      "@ SOA ns1 hostmaster 1 1200 300 1209600 300\n@ NS ns1\nns1 A 203.0.113.10\n"
      "_x.www A 203.0.113.10\nmail._wireguard._udp A 203.0.113.10\n");
  Config& config = file.config;
  for (const char* label : {"NS1", "www", "mail", "free"}) {
    config.peers.push_back(
        {key(static_cast<std::uint8_t>(config.peers.size() + 1)), label, {}, {}});
    config.peers.back().name_origin = dnsd::NameOrigin::comment;
  }
  const ZoneSource source = dnsd::read_zone_source(config, host({}));
  const auto warnings = dnsd::yield_names(config, source);
  REQUIRE(warnings.size() == 3);
  CHECK(warnings[0].starts_with("the name NS1 (AQEB…BAQE) is skipped"));
  CHECK(warnings[0].ends_with("see " + file.path() + ":3"));
  CHECK(warnings[1].ends_with(":4"));
  std::vector<std::string> names;
  for (const dnsd::ConfiguredPeer& peer : config.peers) names.push_back(peer.name);
  CHECK(names == std::vector<std::string>{"", "", "", "free"});
  const dnsd::PeerTable peers;
  const dnsd::LiveState live;
  CHECK_NOTHROW((void)dnsd::make_zone(config, source, peers, live));

  config.peers[0].name = "ns1";
  config.peers[0].name_origin = dnsd::NameOrigin::yaml;
  CHECK(dnsd::yield_names(config, source).empty());
  CHECK_THROWS_WITH_AS((void)dnsd::make_zone(config, source, peers, live),
                       doctest::Contains("is taken by the peer named ns1"), dnsd::ConfigError);
}

}  // namespace

TEST_CASE("without a zone file the static part is made, at the addresses of the host") {
  Config config = plain_config();
  config.made_ttl = dns::Ttl{77};
  const ZoneSource source = dnsd::read_zone_source(config, host({"203.0.113.5", "10.0.0.1"}));
  CHECK(lines_of(source) == Lines{"wg.example.org. 77 IN SOA ns1.wg.example.org. "
                                  "hostmaster.wg.example.org. 1 1200 300 1209600 1",
                                  "wg.example.org. 77 IN NS ns1.wg.example.org.",
                                  "ns1.wg.example.org. 77 IN A 203.0.113.5"});
  REQUIRE(source.name_servers.size() == 1);
  CHECK(source.name_servers[0].addresses.size() == 1);
  CHECK(source.advice.empty());
  CHECK(error_of(config, host({"203.0.113.5"})).empty());
}

TEST_CASE("only the addresses that are listened on are made records") {
  Config config = plain_config();
  config.listen = {{*base::Endpoint::parse("203.0.113.6:53"), View::public_view}};
  const ZoneSource source = dnsd::read_zone_source(config, host({"203.0.113.5", "203.0.113.6"}));
  REQUIRE(source.name_servers.size() == 1);
  REQUIRE(source.name_servers[0].addresses.size() == 1);
  CHECK(source.name_servers[0].addresses[0].to_string() == "203.0.113.6");
}

TEST_CASE("a made zone that nobody can find comes with advice") {
  const ZoneSource source = dnsd::read_zone_source(plain_config(), host({"10.0.0.1"}));
  REQUIRE(source.advice.size() == 1);
  CHECK(source.advice[0].find("--ns ns1.wg.example.org.=PUBLIC-ADDRESS") != std::string::npos);
  CHECK(source.records.size() == 2);
  CHECK(error_of(plain_config(), host({"10.0.0.1"})).empty());
}

TEST_CASE("a zone file is the static part, name servers included; the host is not asked") {
  WithFile file(
      "@ SOA ns1 hostmaster 1 2 3 4 5\n@ NS ns1\n@ NS ns.example.net.\nns1 60 A 192.0.2.1\n");
  file.config.made_ttl = dns::Ttl{77};
  const ZoneSource source = dnsd::read_zone_source(file.config, host({"203.0.113.5"}));
  CHECK(lines_of(source) == Lines{"wg.example.org. 5 IN SOA ns1.wg.example.org. "
                                  "hostmaster.wg.example.org. 1 2 3 4 5",
                                  "wg.example.org. 5 IN NS ns1.wg.example.org.",
                                  "wg.example.org. 5 IN NS ns.example.net.",
                                  "ns1.wg.example.org. 60 IN A 192.0.2.1"});
  REQUIRE(source.name_servers.size() == 2);
  CHECK(source.name_servers[0].name == name("ns1.wg.example.org."));
  REQUIRE(source.name_servers[0].addresses.size() == 1);
  CHECK(source.name_servers[0].addresses[0].to_string() == "192.0.2.1");
  CHECK(source.name_servers[1].name == name("ns.example.net."));
  CHECK(source.name_servers[1].addresses.empty());
}

TEST_CASE("a zone file gives no advice, whatever it lacks") {
  const WithFile file(soa_and_ns);
  CHECK(dnsd::read_zone_source(file.config, {}).advice.empty());
}

TEST_CASE("what is wrong with a zone file is told with the file, and the line where there is one") {
  const struct {
    std::string what, text, message;
  } rows[] = {
      {"nothing", soa_and_ns, ""},
      {"not a record", soa_and_ns + "www A nonsense\n", ":3: "},
      {"outside the zone", soa_and_ns + "www.example.net. A 192.0.2.1\n", ""},
      {"an included file", soa_and_ns + "$INCLUDE ../zone\n", ":3: "},
      {"a reserved name", soa_and_ns + "\n_wireguard._udp TXT a\n",
       ":4: _wireguard._udp.wg.example.org. TXT: is made by the server"},
      {"no SOA", "@ NS ns1\n", ": wg.example.org. has no SOA"},
      {"empty", "", ": wg.example.org. has no SOA"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const WithFile file(row.text);
    const std::string error = error_of(file.config);
    const std::string expected = row.message.empty() ? "" : file.path() + row.message;
    CAPTURE(error);
    CHECK(error.substr(0, expected.size()) == expected);
    CHECK(error.empty() == expected.empty());
  }
}

TEST_CASE("warnings of the reading and of the zone name file and line") {
  const WithFile file("$TTL 300\n" + soa_and_ns + "a.example.net. A 192.0.2.1\nx CNAME x\n");
  const ZoneSource source = dnsd::read_zone_source(file.config, {});
  const dnsd::PeerTable peers;
  const dnsd::LiveState live;
  const auto zone = dnsd::make_zone(file.config, source, peers, live);
  const auto warnings = dnsd::warnings_of(source, *zone);
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].starts_with(file.path() + ":4: a.example.net. A: is outside the zone"));
  CHECK(warnings[1].starts_with(file.path() + ":5: x.wg.example.org. CNAME: leads into a loop"));
}

TEST_CASE("a zone file that is not there is named") {
  Config config = plain_config();
  config.zone_file = "/nowhere/zone";
  CHECK(error_of(config) == "/nowhere/zone: cannot be read: No such file or directory");
}

TEST_CASE("a made zone that cannot be says so without a file") {
  Config config = plain_config();
  config.peers.push_back({.public_key = key(1), .name = "ns1", .allowed_ips = {}, .endpoint = {}});
  CHECK(error_of(config, host({"203.0.113.5"})) ==
        "the zone cannot be made: ns1.wg.example.org. A: is taken by the peer named ns1");
}

TEST_CASE("the options and the named peers of the configuration are those of the zone") {
  Config config = plain_config();
  config.endpoint_ttl = dns::Ttl{2};
  config.cname_ttl = dns::Ttl{3};
  config.padded_names = false;
  config.publish_private = true;
  config.public_parts.names = true;
  config.peers.push_back(
      {.public_key = key(1), .name = "alice", .allowed_ips = {}, .endpoint = {}});
  config.peers.push_back({.public_key = key(2), .name = "", .allowed_ips = {}, .endpoint = {}});

  dnsd::PeerTable peers;
  const dnsd::PeerChange change{
      key(1), dnsd::PeerRecord{.ipv4 = *base::Endpoint::parse("10.0.0.9:1000"),
                               .ipv6 = {},
                               .stale = {},
                               .detail = std::make_shared<const dnsd::PeerDetail>()}};
  peers.apply({&change, 1});
  const dnsd::LiveState live;
  const auto zone = dnsd::make_zone(config, dnsd::read_zone_source(config, host({})), peers, live);
  const std::string k = schema::key_label(key(1));
  const auto lines = dump(*zone, View::public_view);
  CHECK(lines.contains(k + ".wg.example.org. 2 IN A 10.0.0.9"));
  CHECK(lines.contains("alice.wg.example.org. 3 IN CNAME " + k + ".wg.example.org."));
  CHECK(std::none_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("\\=\\=") != std::string::npos || line.find("====") != std::string::npos;
  }));
}
