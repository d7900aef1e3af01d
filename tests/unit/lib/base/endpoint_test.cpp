#include "base/endpoint.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <string_view>

namespace {

TEST_CASE("endpoints are read and written") {
  struct Case {
    std::string_view text;
    std::string_view canonical;  // empty: refused
  };
  constexpr auto cases = std::to_array<Case>({
      {"203.0.113.10:51820", "203.0.113.10:51820"},
      {"0.0.0.0:1", "0.0.0.0:1"},
      {"[2001:DB8::1]:65535", "[2001:db8::1]:65535"},
      {"[::ffff:1.2.3.4]:5", "[::ffff:1.2.3.4]:5"},
      {"1.2.3.4:00080", "1.2.3.4:80"},
      {"", ""},
      {":", ""},
      {"[]:", ""},
      {"[]:1", ""},
      {"[", ""},
      {"]:1", ""},
      {"1.2.3.4", ""},
      {"1.2.3.4:", ""},
      {"1.2.3.4:0", ""},
      {"1.2.3.4:65536", ""},
      {"1.2.3.4:4294967297", ""},
      {"1.2.3.4:-1", ""},
      {"1.2.3.4:+1", ""},
      {"1.2.3.4: 1", ""},
      {"1.2.3.4:1 ", ""},
      {"1.2.3.4:0x10", ""},
      {"[1.2.3.4]:1", ""},
      {"::1:1", ""},
      {"[::1]", ""},
      {"[::1]1", ""},
      {"[::1]:", ""},
      {"[::1:1", ""},
      {"::1]:1", ""},
      {"[[::1]]:1", ""},
      {"[fe80::1%1]:1", ""},
      {"localhost:1", ""},
  });
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto parsed = base::Endpoint::parse(c.text);
    CHECK(parsed.has_value() == !c.canonical.empty());
    if (parsed) CHECK(parsed->to_string() == c.canonical);
  }
}

TEST_CASE("socket addresses hold the same in network order, both ways") {
  for (const std::string_view text : {"203.0.113.10:51820", "[2001:db8::7]:258"}) {
    CAPTURE(text);
    const auto endpoint = base::Endpoint::parse(text);
    REQUIRE(endpoint.has_value());
    sockaddr_storage storage{};
    std::memset(&storage, 0xff, sizeof storage);
    const socklen_t length = endpoint->to_sockaddr(storage);
    CHECK(base::Endpoint::from_sockaddr(storage) == endpoint);
    if (endpoint->address.is_ipv4()) {
      sockaddr_in v4{};
      REQUIRE(length == sizeof v4);
      std::memcpy(&v4, &storage, sizeof v4);
      CHECK(v4.sin_family == AF_INET);
      CHECK(v4.sin_port == htons(51820));
      CHECK(v4.sin_addr.s_addr == htonl(0xcb00710a));
    } else {
      sockaddr_in6 v6{};
      REQUIRE(length == sizeof v6);
      std::memcpy(&v6, &storage, sizeof v6);
      CHECK(v6.sin6_family == AF_INET6);
      CHECK(v6.sin6_port == htons(258));
      CHECK(v6.sin6_scope_id == 0);
      CHECK(v6.sin6_flowinfo == 0);
    }
  }
}

TEST_CASE("socket addresses of other families are none of ours") {
  for (const int family : {AF_UNSPEC, AF_UNIX, AF_NETLINK}) {
    sockaddr_storage storage{};
    storage.ss_family = static_cast<sa_family_t>(family);
    CHECK_FALSE(base::Endpoint::from_sockaddr(storage).has_value());
  }
}

}  // namespace
