#include "dnsd/listen/listener_plan.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dnsd/settings/listen_address.hpp"

namespace {

using dnsd::View;

base::IpAddress address(const char* text) {
  return *base::IpAddress::parse(text);
}

base::Endpoint at(const char* text, std::uint16_t port = 53) {
  return {address(text), base::Port{port}};
}

dnsd::ListenAddress listen(const char* text, View view = View::public_view,
                           std::uint16_t port = 53) {
  return {.endpoint = at(text, port), .view = view};
}

base::InterfaceAddress on(const char* interface, unsigned index, const char* text) {
  return {.address = address(text),
          .prefix_length = 24,
          .interface = interface,
          .interface_index = index,
          .is_up = true};
}

const dnsd::HostAddresses host{
    .addresses = {on("lo", 1, "127.0.0.1"), on("eth0", 2, "192.0.2.1"), on("wg0", 3, "10.0.0.1"),
                  on("lo", 1, "::1"), on("eth0", 2, "2001:db8::1"), on("eth0", 2, "fe80::1")},
    .wireguard_interfaces = {"wg0"}};

// One line for each planned listener: address, zone, device, view, origin.
std::vector<std::string> plan(const std::vector<dnsd::ListenAddress>& wanted,
                              const std::set<base::Endpoint>& refused = {}) {
  std::vector<std::string> lines;
  for (const auto& one : dnsd::plan_listeners(wanted, host, refused)) {
    using Origin = dnsd::PlannedListener::Origin;
    std::string line = one.address.endpoint.to_string();
    if (one.address.scope != 0) line += fmt::format(" scope {}", one.address.scope);
    if (!one.address.device.empty()) {
      line += fmt::format(" via {}/{}", one.address.device, one.address.device_index);
    }
    if (one.view == View::private_view) line += " private";
    if (one.origin == Origin::wildcard) line += " wildcard";
    if (one.origin == Origin::one_of_many) line += " one of many";
    if (one.absent) line += " absent";
    lines.push_back(line);
  }
  return lines;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("by default port 53 of both families is listened on as a whole") {
  CHECK(plan(dnsd::default_listeners()) == Lines{"0.0.0.0:53 wildcard", "[::]:53 wildcard"});
}

TEST_CASE("a private listener is exposed unless the tunnel or a private network alone reaches it") {
  const auto warning = [](const char* text, View view = View::private_view,
                          const char* device = "") {
    const auto said =
        dnsd::exposure_warning({.address = {.endpoint = at(text), .device = device}, .view = view});
    CHECK(said.has_value() == (view == View::private_view &&
                               dnsd::is_exposed({.endpoint = at(text), .device = device})));
    return said.value_or("");
  };
  for (const char* text : {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
                           "100.127.255.255", "169.254.1.1", "127.0.0.1", "127.9.9.9", "::1",
                           "fe80::1", "febf::1", "fc00::1", "fd12::1"}) {
    CAPTURE(text);
    CHECK(warning(text).empty());
  }
  for (const char* text : {"203.0.113.10", "172.32.0.1", "192.169.0.1", "100.63.255.255",
                           "100.128.0.1", "169.253.1.1", "2001:db8::1", "fec0::1", "240.0.0.1"}) {
    CAPTURE(text);
    CHECK(warning(text).starts_with("private listener on " + at(text).to_string()));
    CHECK(warning(text).find("reaches this public address") != std::string::npos);
    CHECK(warning(text, View::public_view).empty());
    CHECK(warning(text, View::private_view, "wg0").empty());
  }
  for (const char* text : {"0.0.0.0", "::"}) {
    CAPTURE(text);
    CHECK(warning(text).find("reaches this host") != std::string::npos);
  }
  // Not known yet where the address will be.
  CHECK_FALSE(dnsd::exposure_warning(
      {.address = {.endpoint = at("203.0.113.10")}, .view = View::private_view, .absent = true}));
}

TEST_CASE("a wildcard has shortcuts to the addresses of its family that nobody else listens on") {
  const auto shortcuts = [](const char* wildcard, const dnsd::HostAddresses& on_host,
                            const std::vector<dnsd::ListenAddress>& wanted) {
    Lines lines;
    const auto planned = dnsd::plan_listeners(wanted, on_host, {});
    for (const auto& one : dnsd::plan_shortcuts({.endpoint = at(wildcard)}, on_host, planned))
      lines.push_back(one.endpoint.to_string());
    return lines;
  };
  CHECK(shortcuts("0.0.0.0", host, {listen("0.0.0.0")}) ==
        Lines{"127.0.0.1:53", "192.0.2.1:53", "10.0.0.1:53"});
  CHECK(shortcuts("::", host, {listen("::")}) == Lines{"[::1]:53", "[2001:db8::1]:53"});
  CHECK(shortcuts("0.0.0.0", host,
                  {listen("0.0.0.0"), listen("127.0.0.1", View::private_view),
                   listen("192.0.2.1", View::public_view, 5353)}) ==
        Lines{"192.0.2.1:53", "10.0.0.1:53"});

  // Only max_shortcuts of many addresses get a shortcut. Addresses with a listener of their own,
  // and repeated ones, do not count.
  dnsd::HostAddresses many;
  std::vector<dnsd::ListenAddress> named{listen("0.0.0.0")};
  for (std::uint8_t i = 1; i <= 100; ++i) {
    const base::IpAddress own(std::array<std::uint8_t, 4>{10, 0, 0, i});
    for (const char* interface : {"eth0", "eth1"})
      many.addresses.push_back(on(interface, 2, own.to_string().c_str()));
    if (i <= 40) named.push_back(listen(own.to_string().c_str()));
  }
  CHECK(shortcuts("0.0.0.0", many, {listen("0.0.0.0")}).size() == dnsd::max_shortcuts);
  CHECK(shortcuts("0.0.0.0", many, named).size() == dnsd::max_shortcuts);
}

TEST_CASE("in place of a refused wildcard each address of the family is listened on") {
  CHECK(plan(dnsd::default_listeners(), {at("0.0.0.0")}) ==
        Lines{"127.0.0.1:53 one of many", "192.0.2.1:53 one of many", "10.0.0.1:53 one of many",
              "[::]:53 wildcard"});
  CHECK(plan({listen("::")}, {at("::")}) == Lines{"[::1]:53 one of many",
                                                  "[2001:db8::1]:53 one of many",
                                                  "[fe80::1]:53 scope 2 one of many"});
}

TEST_CASE("an address that is named is not one of many") {
  CHECK(plan({listen("0.0.0.0"), listen("192.0.2.1", View::private_view)}, {at("0.0.0.0")}) ==
        Lines{"192.0.2.1:53 private", "127.0.0.1:53 one of many", "10.0.0.1:53 one of many"});
}

TEST_CASE(
    "private on an address of a WireGuard interface is tied to the interface, public is not") {
  CHECK(plan({listen("10.0.0.1", View::private_view)}) == Lines{"10.0.0.1:53 via wg0/3 private"});
  CHECK(plan({listen("10.0.0.1")}) == Lines{"10.0.0.1:53"});
  CHECK(plan({listen("192.0.2.1", View::private_view)}) == Lines{"192.0.2.1:53 private"});
  CHECK(plan({listen("0.0.0.0", View::private_view)}, {at("0.0.0.0")}) ==
        Lines{"127.0.0.1:53 private one of many", "192.0.2.1:53 private one of many",
              "10.0.0.1:53 via wg0/3 private one of many"});
}

TEST_CASE("a private listener waits until its interface is known; loopback is always there") {
  CHECK(plan({listen("10.9.9.9", View::private_view)}) == Lines{"10.9.9.9:53 private absent"});
  CHECK(plan({listen("127.0.0.2", View::private_view)}) == Lines{"127.0.0.2:53 private"});
  CHECK(plan({listen("198.51.100.7")}) == Lines{"198.51.100.7:53"});
}

TEST_CASE("a link-local address is bound in its zone, and waited for without one") {
  CHECK(plan({listen("fe80::1")}) == Lines{"[fe80::1]:53 scope 2"});
  CHECK(plan({listen("fe80::2")}) == Lines{"[fe80::2]:53 absent"});
}

TEST_CASE("each place is listened on once, each port is a place of its own") {
  CHECK(plan({listen("192.0.2.1"), listen("192.0.2.1", View::private_view),
              listen("192.0.2.1", View::private_view, 5353)}) ==
        Lines{"192.0.2.1:53", "192.0.2.1:5353 private"});
}

TEST_CASE("the most specific listener covers an address") {
  const std::vector<dnsd::ListenAddress> wanted{listen("0.0.0.0"),
                                                listen("10.0.0.1", View::private_view)};
  CHECK(dnsd::covers(wanted, View::public_view, address("192.0.2.1")));
  CHECK_FALSE(dnsd::covers(wanted, View::public_view, address("10.0.0.1")));
  CHECK(dnsd::covers(wanted, View::private_view, address("10.0.0.1")));
  CHECK_FALSE(dnsd::covers(wanted, View::public_view, address("2001:db8::1")));
}

TEST_CASE("own places: wildcards are every address of their family, with the port") {
  const auto contains = [&](const std::vector<dnsd::BindAddress>& bound, const char* source,
                            std::uint16_t port = 53, unsigned scope = 0) {
    sockaddr_storage storage{};
    const base::Endpoint endpoint = at(source, port);
    endpoint.to_sockaddr(storage);
    void* raw = &storage;
    if (scope != 0) static_cast<sockaddr_in6*>(raw)->sin6_scope_id = scope;
    return dnsd::make_loop_guard(bound, host).rejects(endpoint, storage);
  };
  CHECK(contains({{.endpoint = at("192.0.2.1")}}, "192.0.2.1"));
  CHECK_FALSE(contains({{.endpoint = at("192.0.2.1")}}, "192.0.2.1", 54));
  CHECK_FALSE(contains({{.endpoint = at("192.0.2.1")}}, "10.0.0.1"));
  CHECK(contains({{.endpoint = at("127.0.0.1")}}, "127.0.0.1"));
  CHECK_FALSE(contains({{.endpoint = at("127.0.0.1")}}, "127.0.0.2"));

  const std::vector<dnsd::BindAddress> ipv4{{.endpoint = at("0.0.0.0")}};
  for (const char* own : {"127.0.0.1", "127.0.0.2", "192.0.2.1", "10.0.0.1"}) {
    CAPTURE(own);
    CHECK(contains(ipv4, own));
    CHECK_FALSE(contains(ipv4, own, 5353));
  }
  for (const char* other : {"192.0.2.2", "2001:db8::1", "::1"}) CHECK_FALSE(contains(ipv4, other));

  const std::vector<dnsd::BindAddress> ipv6{{.endpoint = at("::")}};
  CHECK(contains(ipv6, "::1"));
  CHECK(contains(ipv6, "2001:db8::1"));
  CHECK(contains(ipv6, "fe80::1", 53, 2));
  CHECK_FALSE(contains(ipv6, "fe80::1", 53, 3));  // a neighbour on another link
  CHECK_FALSE(contains({}, "192.0.2.1"));
}
