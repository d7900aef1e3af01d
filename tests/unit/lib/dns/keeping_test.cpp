#include "dns/keeping.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using dns::Keeping;
using dns::Reply;
using dns::RrType;

const dns::Name asked = *dns::Name::parse("_wireguard._udp.wg.example.org");
const base::IpAddress server = *base::IpAddress::parse("203.0.113.10");

Reply reply(std::uint32_t ttl) {
  return {.rcode = dns::Rcode::noerror,
          .answer = {{asked, dns::Ttl{ttl}, dns::TxtRecord{{"txtvers=1"}}, RrType::txt}}};
}

/// A resolver, by the TTLs of its answers, and the server of the zone.
struct World final : dns::Outside {
  std::vector<std::uint32_t> kept;  ///< the last stays
  std::uint32_t said = 1;
  std::chrono::milliseconds paused{0};

  base::Expected<Reply, dns::ResolverError> resolve(const dns::Name&, RrType) override {
    if (kept.empty()) return Reply{.rcode = dns::Rcode::nxdomain};
    const std::uint32_t ttl = kept.front();
    if (kept.size() > 1) kept.erase(kept.begin());
    return reply(ttl);
  }
  base::Expected<Reply, dns::ServerError> ask(const base::IpAddress&, dns::Transport,
                                              const dns::Name&, RrType) override {
    return reply(said);
  }
  bool is_own(const base::IpAddress&) override { return false; }
  void pause(std::chrono::milliseconds duration) override { paused += duration; }
};

}  // namespace

TEST_CASE("a resolver's way with a record of one second is told from its answers") {
  const struct {
    const char* resolver;
    std::vector<std::uint32_t> kept;  ///< at once, when the record has expired, and then again
    Keeping keeping;
    std::uint32_t seconds;
  } rows[] = {
      {"BIND", {1, 1}, Keeping::right, 1},
      {"one that another asker has filled", {0, 0}, Keeping::right, 0},
      {"unbound with cache-min-ttl: 60", {60, 58, 57}, Keeping::longer, 60},
      {"one with a minimum of 2 s", {2, 2, 2}, Keeping::longer, 2},
      {"dnsmasq with min-cache-ttl: its first answer is what the server said",
       {1, 3598, 3597},
       Keeping::longer,
       3598},
      {"one whose minimum ended meanwhile", {2, 1}, Keeping::longer, 2},
      {"unbound with serve-expired", {1, 30, 1}, Keeping::expired_first, 30},
      {"the same, filled long before", {30, 30, 1}, Keeping::expired_first, 30},
  };
  for (const auto& row : rows) {
    CAPTURE(row.resolver);
    World world;
    world.kept = row.kept;
    dns::KeepingProbe probe(world, asked, RrType::txt);
    REQUIRE(probe.has_record());
    const auto seen = probe.finish(server);
    REQUIRE(seen);
    CHECK(seen->keeping == row.keeping);
    CHECK(seen->kept == row.seconds);
    CHECK(seen->said == 1);
    CHECK(dns::remedy_of(seen->keeping).empty() == (row.keeping == Keeping::right));
    // One that counts in whole seconds keeps a record of one second for almost two.
    CHECK(world.paused > std::chrono::seconds(2));
    CHECK(world.paused < std::chrono::seconds(3));
  }
}

TEST_CASE("nobody waits for a record of minutes, and a record that is missing says nothing") {
  World world;
  world.kept = {300};
  world.said = 300;
  dns::KeepingProbe probe(world, asked, RrType::txt);
  const auto seen = probe.finish(server);
  REQUIRE(seen);
  CHECK(seen->keeping == Keeping::right);
  CHECK(world.paused == std::chrono::milliseconds(0));

  world.kept.clear();
  dns::KeepingProbe missing(world, asked, RrType::txt);
  CHECK_FALSE(missing.has_record());
  CHECK_FALSE(missing.finish(server));
}
