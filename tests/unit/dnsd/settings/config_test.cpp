#include "dnsd/settings/config.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dnsd/settings/option_values.hpp"
#include "tests/unit/dnsd/settings/read_yaml.hpp"

namespace {

using namespace read_yaml_fixture;
using dnsd::Config;
using option_checks::error_of;

}  // namespace

TEST_CASE("built-in points: address, key file, tunnel addresses; no two share any of them") {
  const Config config = read_yaml(
      "zone: wg.example.org\nstate-dir: /s\nobserve:\n"
      "  - 203.0.113.10:51820\n"
      "  - '[2001:db8::1]:51820=keys/a,b.key,10.0.0.254,fd00::254'\n"
      "  - 203.0.113.10:443=/etc/third.key\n");
  REQUIRE(config.points.size() == 3);
  CHECK(dnsd::key_file_of(config, config.points[0]) == "/s/observe-203.0.113.10-51820.key");
  CHECK(config.points[0].tunnel_addresses.empty());
  CHECK(config.points[1].listen.to_string() == "[2001:db8::1]:51820");
  CHECK(config.points[1].key_file == "/etc/keys/a,b.key");
  REQUIRE(config.points[1].tunnel_addresses.size() == 2);
  CHECK(config.points[1].tunnel_addresses[1].to_string() == "fd00::254");
  CHECK(config.points[2].key_file == "/etc/third.key");

  for (const std::string wrong :
       {"203.0.113.10", "203.0.113.10:0", "203.0.113.10:1=", "203.0.113.10:1,", "203.0.113.10:1,x",
        "203.0.113.10:1,10.0.0.1,10.0.0.2", "203.0.113.10:1,0.0.0.0", "host:1", ""}) {
    CAPTURE(wrong);
    const std::string error =
        error_of([&] { (void)read_yaml("zone: wg.example.org\nobserve: ['" + wrong + "']\n"); });
    CHECK(error.starts_with("/etc/w.yaml:2: observe: '" + wrong + "' is not allowed"));
  }
  const auto error_with = [](const std::string& a, const std::string& b) {
    return error_of([&] {
      (void)dnsd::read_config(parse({"--zone", "wg.example.org", "--observe", a, "--observe", b}),
                              files({}));
    });
  };
  CHECK(error_with("203.0.113.10:1", "203.0.113.10:1").find("--observe") == 0);
  CHECK(error_with("203.0.113.10:1=/k", "203.0.113.10:2=/k").find("same key file /k") !=
        std::string::npos);
  CHECK(error_with("203.0.113.10:1,10.0.0.1", "203.0.113.10:2,10.0.0.1")
            .find("same tunnel address 10.0.0.1") != std::string::npos);
  CHECK(error_with("203.0.113.10:1,10.0.0.1", "203.0.113.10:2,10.0.0.2") == "no error");
}

TEST_CASE("a point relays unless it says no, or all points do") {
  const std::string points =
      "zone: wg.example.org\nobserve:\n  - 203.0.113.10:1\n  - 203.0.113.10:2,no-relay\n"
      "  - 203.0.113.10:3=/k,10.0.0.1,no-relay\n  - 203.0.113.10:4=/l,no-relay,10.0.0.2\n";
  Config config = read_yaml(points);
  REQUIRE(config.points.size() == 4);
  CHECK(dnsd::is_relay(config, config.points[0]));
  for (std::size_t i = 1; i < 4; ++i) {
    CAPTURE(i);
    CHECK(!dnsd::is_relay(config, config.points[i]));
  }
  CHECK(config.points[2].key_file == "/k");
  CHECK(config.points[3].key_file == "/l");
  CHECK(config.points[3].tunnel_addresses.size() == 1);
  CHECK(!dnsd::is_relay(read_yaml(points + "relay: off\n"), config.points[0]));
  for (const std::string wrong : {"1.2.3.4:1,relay", "1.2.3.4:1,no-relay,no-relay"}) {
    CAPTURE(wrong);
    CHECK(error_of([&] {
            (void)read_yaml("zone: wg.example.org\nobserve: ['" + wrong + "']\n");
          }).starts_with("/etc/w.yaml:2: observe: '" + wrong + "' is not allowed"));
  }
}

TEST_CASE("bit rates: a number and its unit") {
  struct Row {
    std::string text;
    std::optional<std::uint64_t> bits;
    std::string written;
  };
  const std::vector<Row> rows = {
      {"0", 0, "0"},
      {"20M", 20'000'000, "20M"},
      {"20m", 20'000'000, "20M"},
      {"1500k", 1'500'000, "1500k"},
      {"1000K", 1'000'000, "1M"},
      {"1G", 1'000'000'000, "1G"},
      {"1000G", 1'000'000'000'000, "1000G"},
      {"1001G", std::nullopt, ""},
      {"1000000000001", std::nullopt, ""},
      {"12345", 12345, "12345"},
      {"18446744073709551617", std::nullopt, ""},
      {"18446744073709551615G", std::nullopt, ""},
      {"", std::nullopt, ""},
      {"M", std::nullopt, ""},
      {"1.5M", std::nullopt, ""},
      {"-1", std::nullopt, ""},
      {"20 M", std::nullopt, ""},
      {"20Mbit", std::nullopt, ""},
      {"20Mk", std::nullopt, ""},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(dnsd::parse_bit_rate(row.text) == row.bits);
    if (row.bits) CHECK(dnsd::write_bit_rate(*row.bits) == row.written);
  }
  CHECK(read_yaml("zone: a.b\nrelay-rate: 5M\nrelay-total: 0\n").relay_rate == 5'000'000);
  CHECK(read_yaml("zone: a.b\nrelay-rate: 5M\nrelay-total: 0\n").relay_total == 0);
}

TEST_CASE("what no single option can decide") {
  Config config;
  const auto error = [&] { return error_of([&] { dnsd::check_whole(config); }); };
  CHECK(error().starts_with("no zone is given"));
  config.zone = *dns::Name::parse("wg.example.org");
  CHECK(error() == "no error");
  config.expire_after = config.stale_after - std::chrono::seconds(1);
  CHECK(error() == "expire-after (179 s) must not be shorter than stale-after (180 s)");
}

TEST_CASE("peers that are added at run time stand in the state folder") {
  Config config;
  config.state_dir = "/s";
  CHECK(dnsd::added_peers_file(config) == "/s/added-peers.conf");
}
