#include "dnsd/host/reached_at.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using dnsd::HostAddresses;
using dnsd::NameServer;

HostAddresses host_of(const std::vector<std::string>& addresses) {
  HostAddresses host;
  for (const std::string& text : addresses) {
    base::InterfaceAddress one;
    const std::size_t at = text.find('@');
    one.address = *base::IpAddress::parse(text.substr(0, at));
    one.interface = at == std::string::npos ? "eth0" : text.substr(at + 1);
    host.addresses.push_back(one);
  }
  host.wireguard_interfaces = {"wg0"};
  return host;
}

std::vector<NameServer> servers_of(const std::vector<std::string>& addresses) {
  std::vector<NameServer> servers(1);
  for (const std::string& text : addresses)
    servers[0].addresses.push_back(*base::IpAddress::parse(text));
  return servers;
}

TEST_CASE("where a socket is reached") {
  const struct {
    std::string name;
    std::string listen;
    std::vector<std::string> host;
    std::vector<std::string> servers;
    std::string expected;
  } rows[] = {
      {"a global address",
       "203.0.113.9:1",
       {"203.0.113.9", "203.0.113.10"},
       {"203.0.113.10"},
       "203.0.113.9:1"},
      {"a private address behind 1:1 NAT",
       "10.0.0.5:1",
       {"10.0.0.5"},
       {"203.0.113.10"},
       "203.0.113.10:1"},
      {"a private address, and nothing else", "10.0.0.5:1", {"10.0.0.5"}, {}, "10.0.0.5:1"},
      {"a private address of a host that has a global one",
       "10.0.0.5:1",
       {"10.0.0.5", "203.0.113.10"},
       {"203.0.113.10"},
       "10.0.0.5:1"},
      {"loopback", "127.0.0.1:1", {"127.0.0.1", "203.0.113.10"}, {"203.0.113.10"}, "-"},
      {"all: the lowest global one",
       "0.0.0.0:1",
       {"203.0.113.11", "127.0.0.1", "203.0.113.10"},
       {},
       "203.0.113.10:1"},
      {"all: the one that the name server has",
       "0.0.0.0:1",
       {"203.0.113.10", "203.0.113.11"},
       {"198.51.100.1", "203.0.113.11"},
       "203.0.113.11:1"},
      {"all: the name server is another host",
       "0.0.0.0:1",
       {"203.0.113.10"},
       {"198.51.100.1"},
       "203.0.113.10:1"},
      {"all, behind 1:1 NAT",
       "0.0.0.0:1",
       {"127.0.0.1", "10.0.0.5"},
       {"2001:db8::1", "203.0.113.10"},
       "203.0.113.10:1"},
      {"all, private alone", "0.0.0.0:1", {"10.0.0.5"}, {}, "-"},
      {"all, a private name server", "0.0.0.0:1", {"10.0.0.5"}, {"10.0.0.5"}, "-"},
      {"IPv6",
       "[::]:1",
       {"203.0.113.10", "2001:db8::2", "fe80::1"},
       {"203.0.113.10"},
       "[2001:db8::2]:1"},
      {"no IPv6 here: the name server's is another host's",
       "[::]:1",
       {"203.0.113.10", "::1", "fe80::1"},
       {"2001:db8::1"},
       "-"},
      {"an address inside a tunnel",
       "[::]:1",
       {"2001:db8:77::1@wg0", "2001:db8:99::1"},
       {},
       "[2001:db8:99::1]:1"},
      {"an address inside a tunnel alone", "0.0.0.0:1", {"10.77.0.1@wg0"}, {"203.0.113.10"}, "-"},
      {"the host's addresses cannot be read", "0.0.0.0:1", {}, {"203.0.113.10"}, "203.0.113.10:1"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    const auto place = dnsd::reached_at(*base::Endpoint::parse(row.listen), host_of(row.host),
                                        servers_of(row.servers));
    CHECK((place ? place->to_string() : "-") == row.expected);
  }
}

}  // namespace
