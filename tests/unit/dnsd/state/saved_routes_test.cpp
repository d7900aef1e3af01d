#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dnsd/state/state_store.hpp"
#include "tests/unit/dnsd/state/state_fixture.hpp"

namespace {

using dnsd::Folder;
using dnsd::StateStore;
using Routes = StateStore::SavedRoutes;

base::WallTime second(std::int64_t number) {
  return base::WallTime(std::chrono::seconds(number));
}
wg::PublicKey peer(std::uint8_t first) {
  base::Octets32 octets{};
  octets[0] = first;
  return wg::PublicKey(octets);
}

const std::string point = "point:203.0.113.10:51820";
const std::string other = "point:[::]:1";

}  // namespace

TEST_CASE("routes are kept as they were last, and go with their peers and their source") {
  const Folder folder;
  const Routes there{
      point, peer(1), peer(2), {{0xfedcba98, second(6'000'000'000)}, {7, second(9)}}};
  const Routes back{point, peer(2), peer(1), {{0, second(0)}}};
  const Routes third{point, peer(1), peer(3), {{1, second(1)}, {2, second(2)}, {3, second(3)}}};
  const Routes elsewhere{other, peer(1), peer(2), {{5, second(5)}}};
  auto store = std::make_unique<StateStore>(folder.path());
  StateStore::Batch batch;
  batch.routes = {there, back, third, elsewhere};
  batch.own_addresses = {{point, peer(1), *base::IpAddress::parse("203.0.113.10")},
                         {point, peer(2), *base::IpAddress::parse("2001:db8::1")},
                         {other, peer(1), *base::IpAddress::parse("203.0.113.11")}};
  REQUIRE(store->write(batch).has_value());
  store.reset();
  store = std::make_unique<StateStore>(folder.path());
  CHECK(store->load_routes(point) == std::vector<Routes>{there, third, back});
  CHECK(store->load_routes(other) == std::vector<Routes>{elsewhere});
  CHECK(store->load_own_addresses(point) ==
        std::vector<StateStore::SavedOwnAddress>{batch.own_addresses[0], batch.own_addresses[1]});
  StateStore::Batch change;
  SUBCASE("another session, another address") {
    Routes later = there;
    later.sessions = {{8, second(100)}};
    change.routes = {later};
    change.own_addresses = {{point, peer(1), *base::IpAddress::parse("203.0.113.12")}};
    REQUIRE(store->write(change).has_value());
    CHECK(store->load_routes(point) == std::vector<Routes>{later, third, back});
    CHECK(store->load_own_addresses(point)[0] == change.own_addresses[0]);
  }
  SUBCASE("none any more") {
    change.routes = {{point, peer(1), peer(2), {}}};
    REQUIRE(store->write(change).has_value());
    CHECK(store->load_routes(point) == std::vector<Routes>{third, back});
  }
  SUBCASE("a peer that is forgotten") {
    change.peers = {{point, peer(2), std::nullopt}};
    REQUIRE(store->write(change).has_value());
    CHECK(store->load_routes(point) == std::vector<Routes>{third});
    CHECK(store->load_own_addresses(point).size() == 1);
    CHECK(store->load_routes(other).size() == 1);
  }
  SUBCASE("a source that is forgotten") {
    change.forgotten_sources = {point};
    REQUIRE(store->write(change).has_value());
    CHECK(store->load_routes(point).empty());
    CHECK(store->load_own_addresses(point).empty());
    CHECK(store->load_own_addresses(other).size() == 1);
  }
  SUBCASE("rows that make no sense are left out") {
    store.reset();
    dnsd::run_sql(folder.file(),
                  "UPDATE route SET sessions = x'ffffffffffffffffffffffff000000' WHERE "
                  "source = 'point:[::]:1';"
                  "UPDATE route SET receiver = x'00' WHERE source != 'point:[::]:1' AND "
                  "substr(receiver, 1, 1) = x'03';"
                  "UPDATE own_address SET address = 'nowhere'");
    store = std::make_unique<StateStore>(folder.path());
    REQUIRE(store->load_routes(other).size() == 1);
    CHECK(store->load_routes(other)[0].sessions.empty());
    CHECK(store->load_routes(point) == std::vector<Routes>{there, back});
    CHECK(store->load_own_addresses(point).empty());
  }
}
