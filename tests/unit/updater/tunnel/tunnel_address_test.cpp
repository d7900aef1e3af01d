#include "updater/tunnel/tunnel_address.hpp"

#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tests/unit/updater/samples.hpp"

using namespace samples;

TEST_CASE("the private server: the hub's only host route of a family that the device has") {
  const auto hub = key(1);
  const auto peer = key(2);
  const std::vector<base::InterfaceAddress> ipv4 = {own("10.77.0.2", "wg0")};
  const std::vector<base::InterfaceAddress> ipv6 = {own("fd77::2", "wg0")};
  const struct {
    const char* what;
    std::vector<std::string> allowed;
    std::vector<base::InterfaceAddress> host;
    const char* expected;  // "": none
  } rows[] = {
      {"a host route", {"10.77.0.1/32"}, ipv4, "10.77.0.1:53"},
      {"behind a network", {"10.77.0.0/24", "10.77.0.1/32"}, ipv4, "10.77.0.1:53"},
      {"of the family that the device has", {"10.77.0.1/32", "fd77::1/128"}, ipv6, "[fd77::1]:53"},
      {"only a network", {"10.77.0.0/24"}, ipv4, ""},
      {"two host routes", {"10.77.0.1/32", "10.77.0.7/32"}, ipv4, ""},
      {"of the other family", {"fd77::1/128"}, ipv4, ""},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    wg::Device device;
    device.name = "wg0";
    wg::DevicePeer other;
    other.public_key = peer;
    other.allowed_ips = {prefix("10.77.0.3/32")};
    wg::DevicePeer shown;
    shown.public_key = hub;
    for (const std::string& text : row.allowed) shown.allowed_ips.push_back(prefix(text));
    device.peers = {other, shown};
    const auto found = updater::find_private_server(device, {hub}, row.host);
    CHECK((found ? found->to_string() : "") == row.expected);
    CHECK(!updater::find_private_server(device, {}, row.host));
  }
}
