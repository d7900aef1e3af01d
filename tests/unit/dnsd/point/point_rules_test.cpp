#include "dnsd/point/point_rules.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "tests/unit/dnsd/point/point_rules_fixture.hpp"

namespace {

using namespace point_test;

TEST_CASE("a proven place is published at once; seen again it only grows younger") {
  Fixture f;
  f.packet(home, true);
  REQUIRE(f.seen.size() == 1);
  CHECK(f.seen[0].observation.since == f.now.wall);
  const auto first = f.now.wall;
  f.pass(seconds(25));
  f.packet(home, true);
  REQUIRE(f.seen.size() == 2);
  CHECK(f.seen[1].observation.since == first);
  CHECK(f.seen[1].observation.last_seen == first + seconds(25));
  CHECK(f.asked.empty());
}

TEST_CASE("older packets, and other sessions, move nothing") {
  Fixture f;
  f.packet(home, true);
  f.packet(moved, false, false);
  f.packet(moved, true, false);
  CHECK(f.published() == home);
  CHECK(f.asked.empty());
}

TEST_CASE("a proven move is published and not asked about") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  f.packet(moved, true);
  CHECK(f.published() == moved);
  CHECK(f.seen.back().observation.since == f.now.wall);
  CHECK(f.asked.empty());
  f.pass(seconds(60));
  CHECK(f.published() == moved);
}

TEST_CASE("roaming by keepalive only: published at once, asked back, proven by the answer") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  f.packet(moved, false);
  CHECK(f.published() == moved);
  CHECK(f.seen.back().observation.is_on_trial);
  REQUIRE(f.asked.size() == 1);
  CHECK(f.asked[0].path.remote == at(moved));
  CHECK(f.asked[0].attempts == 1);
  f.packet(moved, true, true, alice, Kind::response);
  CHECK_FALSE(f.seen.back().observation.is_on_trial);
  f.pass(seconds(60));
  CHECK(f.published() == moved);
  CHECK(f.asked.size() == 1);
  CHECK(f.notices.empty());
}

TEST_CASE("from one trial to the next: the way back leads to the good place") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  f.packet(victim, false);
  f.pass(seconds(1));
  f.packet(moved, false);
  CHECK(f.published() == moved);
  CHECK(f.count_asked(moved) == 1);
  f.pass(TrialBudget::trial_length - seconds(1) - milliseconds(1));
  CHECK(f.published() == moved);
  f.pass(milliseconds(1));
  CHECK(f.published() == home);
}

TEST_CASE("on trial, the good place is heard again: back at once") {
  Fixture f;
  f.packet(home, true);
  const auto since = f.seen[0].observation.since;
  f.pass(seconds(10));
  f.packet(victim, false);
  f.pass(seconds(1));
  f.packet(home, true);
  CHECK(f.published() == home);
  CHECK(f.seen.back().observation.since == since);
  f.pass(seconds(10));
  CHECK(f.asked.size() == 2);  // the victim gets no more packets
  CHECK(f.notices.empty());
}

TEST_CASE("at most 6 published changes in a minute, the ways back counted in") {
  Fixture f;
  f.packet(home, true);
  std::size_t changes = 0;
  std::string last = home;
  for (int i = 0; i < 59; ++i) {
    f.pass(seconds(1));
    f.packet("203.0.113.99:" + std::to_string(1000 + i), i % 2 == 0);
  }
  for (const auto& seen : f.seen) {
    const std::string place = seen.observation.endpoint.to_string();
    if (place != last) ++changes;
    last = place;
  }
  CHECK(changes <= 6);
  CHECK(changes >= 5);
  f.pass(seconds(61));
  f.packet(moved, true);
  CHECK(f.published() == moved);
}

TEST_CASE("a key that two machines use is damped and reported, and forgiven later") {
  Fixture f;
  f.packet(home, true);
  for (int i = 0; i < 12; ++i) {
    f.pass(seconds(20));
    f.packet(i % 2 == 0 ? moved : home, true);
  }
  REQUIRE(f.notices.size() == 1);
  CHECK(f.notices[0].kind == Notice::Kind::flapping);
  const std::string stays = f.published();
  const std::string other = stays == home ? moved : home;
  f.packet(stays, true);
  f.pass(seconds(30));
  f.packet(other, true);
  CHECK(f.published() == stays);
  f.pass(seconds(31));  // nothing came from that place for a minute
  f.packet(other, true);
  CHECK(f.published() == other);
  f.pass(std::chrono::minutes(6));
  f.packet("203.0.113.77:1", true);
  CHECK(f.notices.back().kind == Notice::Kind::settled);
}

TEST_CASE("data of a lost session from a known place is answered by one initiation in 5 s") {
  Fixture f;
  f.restore(home);
  f.packet(home, true);
  f.unknown(victim);
  CHECK(f.asked.empty());
  f.unknown(home);
  f.unknown(home);
  CHECK(f.count_asked(home) == 1);
  f.pass(milliseconds(4999));
  f.unknown(home);
  CHECK(f.count_asked(home) == 1);
  f.pass(milliseconds(1));
  f.unknown(home);
  CHECK(f.count_asked(home) == 2);
}

TEST_CASE("after a start known peers are greeted, paced, unless heard before") {
  Fixture f;
  for (std::uint8_t i = 1; i <= 200; ++i)
    f.restore("203.0.113.10:" + std::to_string(5000 + i), key_of(i));
  f.packet("203.0.113.10:5200", true, true, key_of(200));
  CHECK(f.asked.size() <= 10);
  f.pass(milliseconds(100));
  CHECK(f.asked.size() >= 100);
  CHECK(f.asked.size() <= 110);
  f.pass(seconds(1));
  CHECK(f.asked.size() == 199);
  CHECK(f.asked[0].attempts == 3);
  CHECK_FALSE(f.rules.next_deadline().has_value());
}

TEST_CASE("a peer that was forgotten is nobody") {
  Fixture f;
  f.restore(home);
  f.rules.forget(alice, f.now.steady);
  f.pass(seconds(1));
  f.unknown(home);
  CHECK(f.asked.empty());
}

TEST_CASE("an unproven first sight is asked, and published when it answers") {
  Fixture f;
  f.packet(home, false);
  f.packet(home, false);
  CHECK(f.seen.empty());
  CHECK(f.asked.size() == 1);
  f.packet(home, true, true, alice, Kind::response);
  CHECK(f.published() == home);
}

TEST_CASE("IPv4 inside IPv6 is unmapped") {
  Fixture f;
  f.packet("[::ffff:203.0.113.10]:4711", true);
  CHECK(f.published() == home);
}

}  // namespace
