#include "dnsd/peers/path_table.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <vector>

namespace {

using namespace std::chrono_literals;
using dnsd::PathTable;
using schema::PathEdit;
using schema::PeerPath;
using schema::Way;
using Kind = schema::PathEdit::Kind;
using Verdict = PathTable::Verdict;

constexpr base::SteadyTime start{std::chrono::seconds(1000)};

wg::PublicKey key(unsigned number) {
  return wg::PublicKey(
      base::Octets32{static_cast<std::uint8_t>(number >> 8U), static_cast<std::uint8_t>(number)});
}

PathEdit add(unsigned peer, Way way, std::optional<std::uint32_t> rtt = std::nullopt) {
  return {Kind::add, {key(peer), way, rtt}};
}

PathEdit remove(unsigned peer, Way way, std::optional<std::uint32_t> rtt = std::nullopt) {
  return {Kind::remove, {key(peer), way, rtt}};
}

/// A table that is told with messages of different octets.
struct Told {
  Verdict apply(unsigned sender, const std::vector<PathEdit>& edits, base::SteadyTime now) {
    return table.apply(key(sender), edits, ++digest, now);
  }
  schema::PeerPaths of(unsigned sender) {
    const auto paths = table.find(key(sender));
    return paths ? *paths : schema::PeerPaths();
  }

  PathTable table;
  std::size_t digest = 0;
};

/// As many ways as one peer may tell.
std::vector<PathEdit> tell_many(unsigned count) {
  std::vector<PathEdit> edits;
  for (unsigned i = 0; i < count; ++i) edits.push_back(add(1000 + i, Way::direct));
  return edits;
}

}  // namespace

TEST_CASE("ways are told one by one, and a newer word about a peer takes the place of the older") {
  Told told;
  CHECK(told.of(1).empty());
  CHECK(told.apply(1, {add(3, Way::direct, 16), add(2, Way::none)}, start) == Verdict::changed);
  CHECK(told.of(1) == schema::PeerPaths{{key(2), Way::none}, {key(3), Way::direct, 16}});
  CHECK(told.apply(1, {add(2, Way::relay, 64)}, start + 10s) == Verdict::changed);
  CHECK(told.of(1) == schema::PeerPaths{{key(2), Way::relay, 64}, {key(3), Way::direct, 16}});
  CHECK(told.apply(1, {remove(2, Way::relay, 64)}, start + 20s) == Verdict::changed);
  CHECK(told.of(1) == schema::PeerPaths{{key(3), Way::direct, 16}});
  // RFC 2136 §3.4.2.4: only what is there exactly so.
  CHECK(told.apply(1, {remove(3, Way::direct, 32), remove(9, Way::lan)}, start + 30s) ==
        Verdict::renewed);
  CHECK(told.of(1).size() == 1);
  CHECK(told.apply(1, {{Kind::remove_all}, add(4, Way::lan), add(4, Way::none)}, start + 40s) ==
        Verdict::changed);
  CHECK(told.of(1) == schema::PeerPaths{{key(4), Way::none}});
  CHECK(told.of(2).empty());
  CHECK(told.apply(1, {add(5, Way::lan), {Kind::remove_all}}, start + 50s) == Verdict::changed);
  CHECK(told.table.find(key(1)) == nullptr);
}

TEST_CASE("the same again, whole or in part, is no change of content and renews all of it") {
  Told told;
  const std::vector<PathEdit> all = {{Kind::remove_all}, add(2, Way::direct, 16), add(3, Way::lan)};
  CHECK(told.apply(1, all, start) == Verdict::changed);
  CHECK(told.table.next_deadline() == start + 300s);
  CHECK(told.apply(1, all, start + 100s) == Verdict::renewed);
  CHECK(told.table.next_deadline() == start + 400s);
  CHECK(told.apply(1, {add(3, Way::lan)}, start + 200s) == Verdict::renewed);
  CHECK(!told.table.expire(start + 499s));
  CHECK(told.of(1).size() == 2);
  CHECK(told.table.expire(start + 500s));
  CHECK(told.of(1).empty());
  CHECK(!told.table.next_deadline());
  CHECK(told.apply(1, {{Kind::remove_all}}, start + 600s) == Verdict::renewed);
  CHECK(!told.table.expire(start + 900s));  // there was nothing
}

TEST_CASE("one message in 10 s; the last one once more does nothing and is no fault") {
  Told told;
  CHECK(told.table.apply(key(1), std::vector{add(2, Way::direct)}, 1, start) == Verdict::changed);
  CHECK(told.table.apply(key(1), std::vector{add(2, Way::relay)}, 2, start + 8900ms) ==
        Verdict::too_often);
  CHECK(told.table.apply(key(1), std::vector{add(2, Way::direct)}, 1, start + 5s) ==
        Verdict::renewed);
  CHECK(told.table.next_deadline() == start + 300s);  // neither renewed anything
  CHECK(told.of(1) == schema::PeerPaths{{key(2), Way::direct}});
  CHECK(told.table.apply(key(3), std::vector{add(2, Way::lan)}, 2, start + 1s) == Verdict::changed);
  CHECK(told.table.apply(key(1), std::vector{add(2, Way::relay)}, 2, start + 9s) ==
        Verdict::changed);
}

TEST_CASE("a peer tells of 256 others; one more changes nothing, and what it replaces is free") {
  Told told;
  CHECK(told.apply(1, tell_many(256), start) == Verdict::changed);
  CHECK(told.apply(1, {add(1000, Way::lan), add(2000, Way::lan)}, start + 10s) ==
        Verdict::too_many);
  CHECK(told.of(1).size() == 256);
  CHECK(told.of(1).front() == PeerPath{key(1000), Way::direct});
  CHECK(told.table.next_deadline() == start + 300s);  // nothing was renewed
  // A message that was refused is not one of the peer's pace.
  CHECK(told.apply(1, {remove(1000, Way::direct), add(2000, Way::lan)}, start + 11s) ==
        Verdict::changed);
  CHECK(told.of(1).size() == 256);
}

TEST_CASE("all peers together tell a bounded number of ways, and what lapses makes room") {
  Told told;
  const unsigned full = PathTable::max_records / 256;
  for (unsigned i = 0; i < full; ++i)
    REQUIRE(told.apply(i, tell_many(256), start) == Verdict::changed);
  const unsigned rest = PathTable::max_records - full * 256;
  CHECK(told.apply(full, tell_many(rest + 1), start) == Verdict::too_many);
  CHECK(told.table.find(key(full)) == nullptr);
  CHECK(told.apply(full, tell_many(rest), start) == Verdict::changed);
  CHECK(told.apply(full + 1, tell_many(1), start) == Verdict::too_many);
  CHECK(told.apply(0, {add(1000, Way::relay)}, start + 10s) == Verdict::changed);
  CHECK(told.apply(1, {{Kind::remove_all}}, start + 10s) == Verdict::changed);
  CHECK(told.apply(full + 1, tell_many(256), start + 11s) == Verdict::changed);
  CHECK(told.apply(full + 2, tell_many(1), start + 11s) == Verdict::too_many);
  CHECK(told.table.expire(start + 300s));
  CHECK(told.apply(full + 2, tell_many(256), start + 301s) == Verdict::changed);
}
