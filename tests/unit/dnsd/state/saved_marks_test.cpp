#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "dnsd/state/state_store.hpp"
#include "tests/unit/dnsd/state/state_fixture.hpp"

namespace {

using dnsd::Folder;
using dnsd::StateStore;

base::WallTime wall(int second) {
  return base::WallTime(std::chrono::seconds(second));
}
wg::PublicKey key_of(std::uint8_t first) {
  base::Octets32 octets{};
  octets[0] = first;
  return wg::PublicKey(octets);
}
const wg::PublicKey alice = key_of(1);
const wg::PublicKey bob = key_of(2);

}  // namespace

TEST_CASE(
    "timestamps of handshakes are kept, for a day after their peer, and not after their source") {
  const Folder folder;
  const std::string point = "point:203.0.113.10:51820";
  const noise::Tai64n sent{wall(100)};
  const noise::Tai64n mark{wall(200)};
  {
    StateStore store(folder.path());
    StateStore::Batch batch;
    batch.sources.push_back({point, key_of(9), sent});
    batch.marks = {{point, alice, noise::Tai64n(wall(150))}, {point, bob, mark}};
    REQUIRE(store.write(batch).has_value());
    batch.marks = {{point, alice, mark}};
    REQUIRE(store.write(batch).has_value());
  }
  auto store = std::make_unique<StateStore>(folder.path());
  REQUIRE(store->load_sources().size() == 1);
  CHECK(store->load_sources()[0].last_timestamp == sent);
  auto marks = store->load_marks(point);
  REQUIRE(marks.size() == 2);
  CHECK(marks[0].key == alice);
  CHECK(marks[0].timestamp == mark);
  CHECK(store->load_marks("point:elsewhere").empty());
  StateStore::Batch forget;
  forget.peers.push_back({point, alice, std::nullopt});
  const base::WallTime before = base::read_clock().wall;
  REQUIRE(store->write(forget).has_value());
  marks = store->load_marks(point);
  REQUIRE(marks.size() == 2);
  REQUIRE(marks[0].removed.has_value());
  CHECK(*marks[0].removed >= before);
  CHECK(*marks[0].removed <= base::read_clock().wall);
  CHECK_FALSE(marks[1].removed.has_value());
  const auto change = [&](const char* sql) {
    store.reset();
    dnsd::run_sql(folder.file(), sql);
    store = std::make_unique<StateStore>(folder.path());
  };
  SUBCASE("forgotten twice, it was removed the first time") {
    change("UPDATE mark SET removed = removed - 1000 WHERE removed > 0");
    REQUIRE(store->write(forget).has_value());
    CHECK(store->load_marks(point)[0].removed < before);
  }
  SUBCASE("a day later it is dropped, when another peer leaves") {
    change("UPDATE mark SET removed = removed - 86402 WHERE removed > 0");
    forget.peers[0].key = bob;
    REQUIRE(store->write(forget).has_value());
    marks = store->load_marks(point);
    REQUIRE(marks.size() == 1);
    CHECK(marks[0].key == bob);
  }
  SUBCASE("a new one of a peer that is back") {
    StateStore::Batch batch;
    batch.marks = {{point, alice, mark}};
    REQUIRE(store->write(batch).has_value());
    CHECK_FALSE(store->load_marks(point)[0].removed.has_value());
  }
  SUBCASE("of many that left, the newest are kept") {
    change(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100100) "
        "INSERT INTO mark SELECT 'point:other', i, zeroblob(12), "
        "CAST(strftime('%s', 'now') AS INTEGER) - 100 - i / 10 FROM n");
    forget.peers[0].key = bob;
    REQUIRE(store->write(forget).has_value());
    CHECK(store->load_marks(point).size() == 2);
    store.reset();
    const dnsd::Database database = dnsd::open_database(folder.file());
    dnsd::Statement count(database, "SELECT count(*) FROM mark");
    REQUIRE(count.step());
    CHECK(count.number(0) >= 99'980);
    CHECK(count.number(0) <= 100'000);
    return;
  }
  forget = {};
  forget.forgotten_sources.push_back(point);
  REQUIRE(store->write(forget).has_value());
  CHECK(store->load_marks(point).empty());
}
