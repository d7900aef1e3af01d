#include "dnsd/serve/loop_guard.hpp"

#include <doctest/doctest.h>
#include <netinet/in.h>

#include <cstring>
#include <vector>

namespace {

using dnsd::LoopGuard;

base::Prefix prefix(const char* text) {
  return *base::Prefix::parse(text);
}

/// Asks about a source as the kernel reports it. \param scope zone of an IPv6 link-local address.
bool rejects(const LoopGuard& guard, const char* source, unsigned scope = 0) {
  const base::Endpoint endpoint = *base::Endpoint::parse(source);
  sockaddr_storage storage{};
  endpoint.to_sockaddr(storage);
  if (scope != 0) {
    sockaddr_in6 address{};
    std::memcpy(&address, &storage, sizeof address);
    address.sin6_scope_id = scope;
    std::memcpy(&storage, &address, sizeof address);
  }
  return guard.rejects(endpoint, storage);
}

}  // namespace

TEST_CASE("without places every source is a client") {
  CHECK_FALSE(rejects(LoopGuard(), "127.0.0.1:53"));
  CHECK_FALSE(rejects(LoopGuard(std::vector<dnsd::OwnPlace>()), "[::1]:53"));
}

TEST_CASE("a source is rejected when address and port are those of one place") {
  const LoopGuard guard({{.addresses = prefix("192.0.2.1/32"), .port = base::Port{53}},
                         {.addresses = prefix("192.0.2.2/32"), .port = base::Port{5353}},
                         {.addresses = prefix("2001:db8::1/128"), .port = base::Port{53}},
                         {.addresses = prefix("127.0.0.0/8"), .port = base::Port{53}}});
  for (const char* own :
       {"192.0.2.1:53", "192.0.2.2:5353", "[2001:db8::1]:53", "127.0.0.1:53", "127.3.2.1:53"}) {
    CAPTURE(own);
    CHECK(rejects(guard, own));
  }
  // An address of one place with the port of another is not rejected.
  for (const char* client :
       {"192.0.2.1:5353", "192.0.2.2:53", "[2001:db8::1]:5353", "127.0.0.1:5353", "192.0.2.3:53",
        "[2001:db8::2]:53", "192.0.2.1:54", "[::1]:53"}) {
    CAPTURE(client);
    CHECK_FALSE(rejects(guard, client));
  }
}

TEST_CASE("a link-local place is one interface's: the same address elsewhere is a client") {
  const LoopGuard guard({{.addresses = prefix("fe80::1/128"), .port = base::Port{53}, .scope = 2}});
  CHECK(rejects(guard, "[fe80::1]:53", 2));
  CHECK_FALSE(rejects(guard, "[fe80::1]:53", 3));
  CHECK_FALSE(rejects(guard, "[fe80::1]:53"));
}

TEST_CASE("a place without a scope is rejected whatever scope the kernel tells") {
  const LoopGuard guard({{.addresses = prefix("2001:db8::1/128"), .port = base::Port{53}}});
  CHECK(rejects(guard, "[2001:db8::1]:53", 7));
}
