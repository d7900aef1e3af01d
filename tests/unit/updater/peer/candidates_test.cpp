#include "updater/peer/candidates.hpp"

#include <vector>

#include <doctest/doctest.h>

#include "tests/unit/updater/samples.hpp"

using namespace samples;

TEST_CASE("an endpoint is refused for what it would do, and only for that") {
  wg::Device device;
  device.name = "wg0";
  wg::DevicePeer site;
  site.public_key = key(1);
  site.allowed_ips = {prefix("198.51.100.0/24"), prefix("2001:db8:5::/48")};
  wg::DevicePeer everything;
  everything.public_key = key(2);
  everything.allowed_ips = {prefix("0.0.0.0/0"), prefix("::/0")};
  wg::DevicePeer halves;
  halves.public_key = key(3);
  halves.allowed_ips = {prefix("0.0.0.0/1"), prefix("128.0.0.0/1")};
  wg::DevicePeer quarter;
  quarter.public_key = key(4);
  quarter.allowed_ips = {prefix("192.0.0.0/2")};

  const std::vector<base::InterfaceAddress> both = {own("192.168.1.5"), own("2001:db8::5")};
  const std::vector<base::InterfaceAddress> only_v4 = {own("192.168.1.5"), own("fe80::1")};
  const std::vector<base::InterfaceAddress> tunnel_v6 = {own("192.168.1.5"), own("fd00::1", "wg0")};

  const struct {
    std::string what;
    std::string text;
    std::vector<wg::DevicePeer> peers;
    std::vector<base::InterfaceAddress> host;
    std::uint32_t firewall_mark;
    bool refused;
  } rows[] = {
      {"a public IPv4 address", "203.0.113.10:51820", {site}, both, 0, false},
      {"a public IPv6 address", "[2001:db8::9]:51820", {site}, both, 0, false},
      {"a private address: the operator published it", "192.168.1.9:51820", {site}, both, 0, false},
      {"inside an allowed-ips, IPv4", "198.51.100.7:51820", {site}, both, 0, true},
      {"inside an allowed-ips, IPv6", "[2001:db8:5::7]:51820", {site}, both, 0, true},
      {"default route, no mark", "203.0.113.10:51820", {everything}, both, 0, true},
      {"default route, with a mark", "203.0.113.10:51820", {everything}, both, 51820, false},
      {"IPv6 default route, with a mark", "[2001:db8::9]:1", {everything}, both, 51820, false},
      {"two halves, no mark", "203.0.113.10:51820", {halves}, both, 0, true},
      {"two halves, with a mark", "203.0.113.10:51820", {halves}, both, 51820, false},
      {"a quarter, with a mark", "203.0.113.10:51820", {quarter}, both, 51820, true},
      {"own address", "192.168.1.5:51820", {site}, both, 0, true},
      {"own IPv6 address", "[2001:db8::5]:51820", {site}, both, 0, true},
      {"loopback", "127.0.0.1:51820", {site}, both, 0, true},
      {"unspecified", "0.0.0.0:51820", {site}, both, 0, true},
      {"multicast", "224.0.0.1:51820", {site}, both, 0, true},
      {"link-local", "169.254.1.1:51820", {site}, both, 0, true},
      {"IPv6 link-local", "[fe80::9]:51820", {site}, both, 0, true},
      {"IPv6 on a host without it", "[2001:db8::9]:51820", {site}, only_v4, 0, true},
      {"IPv6 on a host that has it in the tunnel only",
       "[2001:db8::9]:1",
       {site},
       tunnel_v6,
       0,
       true},
      {"IPv4 on a host of unknown addresses", "203.0.113.10:51820", {site}, {}, 0, true},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    device.peers = row.peers;
    device.firewall_mark = row.firewall_mark;
    CHECK(updater::refuse_endpoint(endpoint(row.text), device, row.host).has_value() ==
          row.refused);
  }
  base::Endpoint no_port = endpoint("203.0.113.10:1");
  no_port.port = base::Port{0};
  device.peers = {site};
  CHECK(updater::refuse_endpoint(no_port, device, both));
}

TEST_CASE(
    "the order of candidates: same network, IPv6, IPv4, last good, other network; 8 at most") {
  using List = std::vector<base::Endpoint>;
  const auto list = [](const std::vector<std::string>& texts) {
    List made;
    for (const std::string& text : texts) made.push_back(endpoint(text));
    return made;
  };
  updater::CandidateSources sources;
  sources.far_lan = list({"10.1.2.3:1", "192.168.1.9:1"});
  sources.last_good = endpoint("203.0.113.9:7");
  sources.published = list({"203.0.113.9:1", "[2001:db8::9]:1"});
  sources.near_lan = list({"192.168.1.9:1"});
  CHECK(updater::order_candidates(sources) ==
        list({"192.168.1.9:1", "[2001:db8::9]:1", "203.0.113.9:1", "203.0.113.9:7", "10.1.2.3:1"}));
  for (int i = 1; i <= 20; ++i) {
    sources.far_lan.push_back(endpoint("10.9.9.9:" + std::to_string(i)));
  }
  const List capped = updater::order_candidates(sources);
  CHECK(capped.size() == updater::max_candidates);
  CHECK(capped.front() == endpoint("192.168.1.9:1"));
}

TEST_CASE("two peers behind one NAT share an address, not a port") {
  const std::vector<base::Endpoint> one = {endpoint("203.0.113.9:1"), endpoint("[2001:db8::1]:1")};
  const std::vector<base::Endpoint> same = {endpoint("203.0.113.9:2")};
  const std::vector<base::Endpoint> other = {endpoint("203.0.113.10:1")};
  CHECK(updater::share_address(one, same));
  CHECK(!updater::share_address(one, other));
  CHECK(!updater::share_address(one, {}));
}
