#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "tests/unit/dnsd/point/point_rules_fixture.hpp"

// Where the rules say that a peer surely is: what is passed on is taken from there, and goes there.
// And when a peer is asked because of what is passed on.

namespace {

using namespace point_test;

/// The last place that was confirmed.
std::string place_of(const Fixture& f) {
  return f.confirmed.empty() ? "" : f.confirmed.back().path.remote.to_string();
}

TEST_CASE("a proven place counts at once, and again with each packet from there") {
  Fixture f;
  f.packet(home, false);
  CHECK(f.confirmed.empty());  // a first packet proves no address
  f.packet(home, true);
  REQUIRE(f.confirmed.size() == 1);
  CHECK(f.confirmed[0].key == alice);
  f.pass(seconds(25));
  f.packet(home, false);  // of an older session
  REQUIRE(f.confirmed.size() == 2);
  CHECK(f.confirmed[1].seen == f.now.steady);
  f.packet(home, true, false);  // not the newest packet
  CHECK(f.confirmed.size() == 2);
  f.packet(moved, true);
  CHECK(place_of(f) == moved);
}

TEST_CASE("a place on trial does not count; the last good one goes on") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  f.confirmed.clear();
  f.packet(victim, false);
  f.packet(victim, false);
  CHECK(f.published() == victim);
  CHECK(f.confirmed.empty());
  SUBCASE("back home while it lasts") {
    f.packet(home, false);
    CHECK(place_of(f) == home);
    CHECK(f.confirmed.back().seen == f.now.steady);
  }
  SUBCASE("it ends without an answer") {
    f.pass(seconds(6));
    CHECK(f.published() == home);
    CHECK(f.confirmed.empty());
  }
  SUBCASE("it is answered") {
    f.packet(victim, true, true, alice, Kind::response);
    CHECK(place_of(f) == victim);
  }
}

TEST_CASE("a proven place counts even where one change more is not published") {
  Fixture f;
  const auto place = [](unsigned i) { return "203.0.113.20:" + std::to_string(4000 + i); };
  f.packet(home, true);
  for (unsigned i = 1; i <= 6; ++i) f.packet(place(i), true);
  CHECK(f.published() == place(6));
  f.packet(place(7), true);
  CHECK(f.published() == place(6));
  CHECK(place_of(f) == place(7));
  f.packet(place(7), true);
  CHECK(f.confirmed.size() == 9);
  // What anybody could have sent from the published place says nothing of where it answered.
  f.packet(place(6), false);
  CHECK(f.confirmed.size() == 9);
  f.packet(place(6), true);
  CHECK(place_of(f) == place(6));
  f.packet(place(6), false);
  CHECK(f.confirmed.size() == 11);
}

TEST_CASE("what an earlier run knew counts from when it was seen") {
  Fixture f;
  const auto before = f.now.steady;
  f.restore(home);
  f.pass(seconds(0));
  REQUIRE(f.confirmed.size() == 1);
  CHECK(place_of(f) == home);
  CHECK(f.confirmed[0].seen == before);
}

TEST_CASE("all that is confirmed can be asked for again") {
  Fixture f;
  f.packet(home, true);
  f.packet("203.0.113.11:1", true, true, bob);
  f.pass(seconds(10));
  f.packet(victim, false);
  f.confirmed.clear();
  f.rules.confirm_all();
  f.pass(seconds(0));
  REQUIRE(f.confirmed.size() == 2);
  for (const auto& one : f.confirmed)
    CHECK(one.path.remote.to_string() == (one.key == alice ? home : "203.0.113.11:1"));
  f.rules.confirm_again(alice);
  f.pass(seconds(0));
  CHECK(place_of(f) == home);
}

TEST_CASE("what is passed on from elsewhere: one question at a time, whoever wants it") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(60));
  const auto relayed = [&] {
    f.rules.relayed_from(alice, {at(moved), {}}, f.now);
    f.pass(milliseconds(0));
  };
  relayed();
  relayed();
  REQUIRE(f.count_asked(moved) == 1);
  SUBCASE("a trial there does not ask at once") {
    f.pass(milliseconds(20));
    f.packet(moved, false);
    CHECK(f.published() == moved);
    CHECK(f.count_asked(moved) == 1);
    f.pass(milliseconds(500));  // it is lost, perhaps
    CHECK(f.count_asked(moved) == 2);
    relayed();
    CHECK(f.count_asked(moved) == 2);
  }
  SUBCASE("a trial elsewhere does") {
    f.packet(victim, false);
    CHECK(f.count_asked(victim) == 1);
    relayed();
    CHECK(f.count_asked(moved) == 1);
  }
  SUBCASE("a lost session does not") {
    f.unknown(home);
    f.unknown(moved);
    CHECK(f.count_asked(home) == 0);
  }
  SUBCASE("nobody answers: after 1 s, a round trip, and ever more rarely") {
    std::string times;
    for (int tenths = 1; tenths <= 200; ++tenths) {
      const std::size_t before = f.count_asked(moved);
      f.pass(milliseconds(100));
      relayed();
      if (f.count_asked(moved) != before) times += std::to_string(tenths) + " ";
    }
    CHECK(times == "10 30 70 150 ");
  }
  SUBCASE("it answers: from then on as before") {
    f.pass(milliseconds(300));
    f.packet(moved, true, true, alice, Kind::response);
    CHECK(place_of(f) == moved);
    f.pass(seconds(30));
    f.rules.relayed_from(alice, {at(home), {}}, f.now);
    f.pass(milliseconds(1299));
    f.rules.relayed_from(alice, {at(home), {}}, f.now);
    f.pass(milliseconds(0));
    CHECK(f.count_asked(home) == 1);  // 1 s and the round trip
  }
}

TEST_CASE("who was never seen is not asked because of what is passed on") {
  Fixture f;
  f.rules.relayed_from(alice, {at(moved), {}}, f.now);
  f.pass(seconds(2));
  CHECK(f.asked.empty());
}

TEST_CASE("who is at a place") {
  Fixture f;
  f.packet(home, true);
  CHECK(f.rules.who_is_at(at(home)) == alice);
  CHECK(!f.rules.who_is_at(at(moved)).has_value());
}

}  // namespace
