#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "tests/unit/dnsd/point/point_rules_fixture.hpp"

// What somebody who owns a peer's key can do to others by writing their addresses on its packets,
// and what an honest peer must not suffer from the defence.

namespace {

using namespace point_test;

constexpr milliseconds tick{100};
constexpr int attack_ticks = 1250;  // 125 s

/// How long places that the peer never was at were published.
struct Forged {
  milliseconds longest{};  ///< on end
  milliseconds total{};
  std::size_t changes = 0;  ///< of the published place, in the busiest minute
};

bool is_own(const std::string& place) {
  return place == home || place == moved;
}

/// \param at_tick sends what the forger sends at that tick, every 100 ms
Forged attack(Fixture& f, int ticks, const std::function<void(int)>& at_tick) {
  Forged result;
  milliseconds on_end{};
  std::vector<base::SteadyTime> changed;
  std::string before = f.published();
  for (int i = 0; i < ticks; ++i) {
    at_tick(i);
    for (milliseconds step{}; step < tick; step += milliseconds(10)) {
      if (f.published() != before) changed.push_back(f.now.steady);
      before = f.published();
      on_end = is_own(before) ? milliseconds{} : on_end + milliseconds(10);
      if (!is_own(before)) result.total += milliseconds(10);
      result.longest = std::max(result.longest, on_end);
      f.pass(milliseconds(10));
    }
  }
  for (const auto first : changed) {
    const auto in_minute = std::count_if(changed.begin(), changed.end(), [&](auto time) {
      return time >= first && time < first + seconds(60);
    });
    result.changes = std::max(result.changes, static_cast<std::size_t>(in_minute));
  }
  return result;
}

std::string ipv4_of(int number) {
  return "198.51.100." + std::to_string(number % 250 + 1) + ":53";
}
std::string port_of(int number) {
  return "198.51.100.66:" + std::to_string(1000 + number);
}
std::string ipv6_of(int number) {
  return "[2001:db8:66::" + std::to_string(number + 1) + "]:53";
}

TEST_CASE(
    "attack: a forged source is taken back within 5 s, and three datagrams reach the victim") {
  Fixture f;
  f.packet(home, true);
  const auto since = f.seen[0].observation.since;
  f.pass(seconds(10));
  f.packet(victim, false);
  CHECK(f.published() == victim);
  CHECK(f.asked.size() == 1);
  bool goes_on = false;
  SUBCASE("one packet") {}
  SUBCASE("many packets: data proves nothing, however much of it comes") {
    goes_on = true;
  }
  const auto step = [&](milliseconds by) {
    f.pass(by);
    if (goes_on) f.packet(victim, false);
  };
  for (const auto& [by, asked] : {std::pair(499, 1), {1, 2}, {1499, 2}, {1, 3}, {2749, 3}}) {
    step(milliseconds(by));
    CHECK(f.published() == victim);
    CHECK(f.count_asked(victim) == static_cast<std::size_t>(asked));
  }
  f.pass(milliseconds(1));
  CHECK(f.published() == home);
  CHECK(f.seen.back().observation.since == since);
  CHECK_FALSE(f.seen.back().observation.is_on_trial);
  REQUIRE(f.notices.size() == 1);
  CHECK(f.notices[0].kind == Notice::Kind::forged);
  CHECK(f.notices[0].place == at(home));
  CHECK(f.notices[0].left == at(victim));
  // It is asked once more, but for a minute it is believed only when it answers.
  f.packet(victim, false);
  CHECK(f.published() == home);
  CHECK(f.count_asked(victim) == 4);
  f.packet(victim, true);
  CHECK(f.published() == victim);
}

TEST_CASE("attack: forged places in a row are published 5 s on end at most, and 8 % of 125 s") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  const auto every = [&](int period, const std::function<void(int)>& send) {
    return attack(f, attack_ticks, [&, period](int i) {
      if (i % period == 0) send(i / period);
    });
  };
  Forged forged;
  SUBCASE("one place without end") {
    forged = every(1, [&](int) { f.packet(victim, false); });
  }
  SUBCASE("another port each time") {
    forged = every(46, [&](int i) { f.packet(port_of(i), false); });
  }
  SUBCASE("another address each time") {
    forged = every(46, [&](int i) { f.packet(ipv4_of(i), false); });
  }
  SUBCASE("two addresses in turn") {
    forged = every(10, [&](int i) { f.packet(ipv4_of(i % 2), false); });
  }
  SUBCASE("another address all the time") {
    forged = every(1, [&](int i) { f.packet(ipv4_of(i), false); });
  }
  SUBCASE("addresses of one /64") {
    forged = every(46, [&](int i) { f.packet(ipv6_of(i), false); });
  }
  SUBCASE("IPv4 and IPv6 in turn") {
    forged = every(23, [&](int i) { f.packet(i % 2 == 0 ? port_of(i) : ipv6_of(i), false); });
  }
  SUBCASE("back at the good place for an instant, between them") {
    forged = every(23, [&](int i) {
      if (i % 2 == 0) {
        f.packet(port_of(i), false);
      } else {
        f.packet(home, true);
      }
    });
  }
  SUBCASE("a short visit at the good place") {
    forged = attack(f, attack_ticks, [&](int i) {
      if (i % 48 == 47) f.packet(home, true);
      if (i % 48 == 0) f.packet(port_of(i), false);
    });
  }
  SUBCASE("with honest moves between them") {
    forged = attack(f, attack_ticks, [&](int i) {
      if (i % 120 == 0) f.packet(port_of(i), false);
      if (i % 120 == 47) f.packet(i % 240 == 47 ? moved : home, true);
    });
  }
  SUBCASE("an honest move that ends each trial, and begins the next") {
    forged = attack(f, attack_ticks, [&](int i) {
      if (i % 48 == 0) f.packet(i % 96 == 0 ? moved : home, true);
      if (i % 48 == 1) f.packet(ipv4_of(i), false);
    });
  }
  CHECK(forged.total > milliseconds{});
  CHECK(forged.longest <= seconds(5));
  CHECK(forged.total <= seconds(10));  // 8 % of 125 s
  CHECK(forged.changes <= 6);
}

TEST_CASE("attack: the place that a forger writes again and again is asked ever more rarely") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  (void)attack(f, attack_ticks, [&](int i) {
    if (i % 46 == 0) f.packet(port_of(i), false);
  });
  CHECK(f.asked.size() <= 15);
  const std::size_t before = f.asked.size();
  (void)attack(f, 10 * 600, [&](int) { f.packet(victim, false); });
  CHECK(f.asked.size() - before <= 24);  // 10 minutes
}

TEST_CASE("attack: from one point to another, of the other family") {
  Fixture ipv4;
  Fixture ipv6(ipv4.budget);
  const std::string home6 = "[2001:db8::10]:4711";
  ipv4.packet(home, true);
  ipv6.packet(home6, true);
  milliseconds on_end{};
  milliseconds longest{};
  milliseconds total{};
  for (int i = 0; i < attack_ticks; ++i) {
    if (i % 92 == 0) ipv4.packet(port_of(i), false);
    if (i % 92 == 46) ipv6.packet(ipv6_of(i), false);
    // What answers honestly at one point takes nothing from the other one's time.
    if (i % 92 == 45) ipv4.packet(i % 184 == 45 ? moved : home, true);
    for (milliseconds step{}; step < tick; step += milliseconds(10)) {
      const bool forged = !is_own(ipv4.published()) || ipv6.published() != home6;
      on_end = forged ? on_end + milliseconds(10) : milliseconds{};
      longest = std::max(longest, on_end);
      if (forged) total += milliseconds(10);
      ipv4.pass(milliseconds(10));
      ipv6.pass(milliseconds(10));
    }
  }
  CHECK(total > milliseconds{});
  CHECK(longest <= seconds(5));
  CHECK(total <= seconds(10));
}

TEST_CASE("after a forgery the peer moves for real: asked at once, published when it answers") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  f.packet(victim, false);
  f.pass(seconds(6));
  CHECK(f.published() == home);
  f.packet(moved, false);
  CHECK(f.published() == home);
  CHECK(f.count_asked(moved) == 1);
  f.packet(moved, true, true, alice, Kind::response);
  CHECK(f.published() == moved);
  CHECK_FALSE(f.seen.back().observation.is_on_trial);
}

TEST_CASE("a forged place does not make the point forget who is really there") {
  Fixture f;
  f.packet(home, true);
  f.packet(victim, true, true, bob);
  f.pass(seconds(10));
  f.packet(victim, false);
  f.pass(seconds(10));
  f.asked.clear();
  f.unknown(victim);
  REQUIRE(f.asked.size() == 1);
  CHECK(f.asked[0].key == bob);
}

TEST_CASE("a NAT that rebinds often: each port is published at once and stays when it answers") {
  Fixture f;
  f.packet(home, true);
  for (int i = 0; i < 40; ++i) {
    f.pass(seconds(13));
    const std::string place = "203.0.113.10:" + std::to_string(5000 + i);
    f.packet(place, false);
    CHECK(f.published() == place);
    f.pass(milliseconds(200));
    f.packet(place, true, true, alice, Kind::response);
  }
  CHECK(f.notices.empty());
}

TEST_CASE("two moves in one trial: the last one answers and stays") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  f.packet("203.0.113.20:1", false);
  f.pass(seconds(3));
  f.packet(moved, false);
  CHECK(f.published() == moved);
  f.packet(moved, true, true, alice, Kind::response);
  f.pass(seconds(60));
  CHECK(f.published() == moved);
  CHECK(f.notices.empty());
}

}  // namespace
