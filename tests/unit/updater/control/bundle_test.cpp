#include "updater/control/bundle.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <string>

#include "schema/owner_name.hpp"
#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::Scrubber;

const auto bob = key(0x50);

std::string mask(const std::string& text) {
  return Scrubber(true).scrub(text);
}

}  // namespace

TEST_CASE("a bundle has no whole key, in either spelling, wherever it stands") {
  const std::string whole = bob.to_base64();
  const std::string label = schema::service_name(bob, name("wg.example.org")).to_string();
  const std::string s = bob.to_short();
  for (const auto& [text, expected] : {std::pair{whole, s},
                                       {"hub: " + whole + "\n", "hub: " + s + "\n"},
                                       {"pub=" + whole, "pub=" + s},
                                       {"\"" + whole + "\"", "\"" + s + "\""},
                                       {"--hub=" + whole + " " + whole, "--hub=" + s + " " + s},
                                       {label, "_wireguard._udp." + s + ".wg.example.org."},
                                       {"x" + whole, "x" + whole},
                                       {whole.substr(1), whole.substr(1)}})
    CHECK(Scrubber(false).scrub(text) == expected);
  CHECK(Scrubber(false).scrub("203.0.113.10:51820") == "203.0.113.10:51820");
}

TEST_CASE("addresses become words where that is asked for, the same one for the same address") {
  const struct {
    std::string text;
    std::string expected;
  } rows[] = {
      {"at 203.0.113.10:51820, from 10.77.0.3/32", "at ip4-1:51820, from ip4-2/32"},
      {"203.0.113.10 and 203.0.113.10.", "ip4-1 and ip4-1."},
      {"[2001:db8::7]:51820 2001:DB8:0::7", "[ip6-1]:51820 ip6-1"},
      {"203-0-113-10.k.wg.example.org is 203.0.113.10", "ip4-1.k.wg.example.org is ip4-1"},
      {"20010db8000000000000000000000007.k is 2001:db8::7", "ip6-1.k is ip6-1"},
      {"endpoint 127.0.0.1:9 or ::1", "endpoint 127.0.0.1:9 or ::1"},
      {"2026-11-30T14:07:17Z, 12:30, 0.1.0+14.gabc, 6.1.0-18-amd64",
       "2026-11-30T14:07:17Z, 12:30, 0.1.0+14.gabc, 6.1.0-18-amd64"},
      {"192.168.1.5", "ip4-1"},
  };
  for (const auto& row : rows) CHECK(mask(row.text) == row.expected);
  Scrubber scrubber(true);
  CHECK(scrubber.scrub("203.0.113.10") == "ip4-1");
  CHECK(scrubber.scrub("fd00::1 203.0.113.10") == "ip6-2 ip4-1");
}

TEST_CASE("a bundle is a tar archive in whole blocks") {
  const std::string tar = updater::write_tar(
      {{"status.txt", std::string(600, 's')}, {"why/001-bob.txt", ""}}, at(0).wall);
  CHECK(tar.size() == (1 + 2 + 1 + 2) * 512);
  CHECK(tar.substr(0, 11) == std::string("status.txt\0", 11));
  CHECK(tar.substr(100, 8) == std::string("0000600\0", 8));
  CHECK(tar.substr(124, 12) == std::string("00000001130\0", 12));
  // The checksum of the header, its own eight octets counted as blanks.
  const std::string header = tar.substr(0, 148) + std::string(8, ' ') + tar.substr(156, 512 - 156);
  const unsigned sum = std::accumulate(
      header.begin(), header.end(), 0U,
      [](unsigned before, char c) { return before + static_cast<unsigned char>(c); });
  CHECK(std::stoul(tar.substr(148, 6), nullptr, 8) == sum);
  CHECK(tar.substr(257, 8) == std::string("ustar\0"
                                          "00",
                                          8));
  CHECK(tar.substr(512, 600) == std::string(600, 's'));
  CHECK(tar.substr(3 * 512, 16) == std::string("why/001-bob.txt\0", 16));
  CHECK(tar.substr(4 * 512) == std::string(1024, '\0'));
}
