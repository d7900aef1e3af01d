#include "dnsd/point/point_rules.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace {

using dnsd::PointRules;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = noise::Received::Kind;
using Notice = PointRules::Notice;

wg::PublicKey key_of(std::uint8_t first) {
  base::Octets32 octets{};
  octets[0] = first;
  return wg::PublicKey(octets);
}
const wg::PublicKey alice = key_of(1);
const wg::PublicKey bob = key_of(2);

base::Endpoint at(const std::string& text) {
  return *base::Endpoint::parse(text);
}
const std::string home = "203.0.113.10:4711";
const std::string moved = "203.0.113.20:4712";
const std::string victim = "198.51.100.66:53";

/// The rules, their time, and a short form of what they reported.
class Fixture {
 public:
  void pass(milliseconds by) {
    // Steps from one deadline to the next.
    const auto end = now.steady + by;
    for (;;) {
      const auto due = rules.next_deadline();
      if (!due || *due > end) break;
      set(std::max(*due, now.steady));
      rules.tick(now);
    }
    set(end);
    rules.tick(now);
    gather();
  }
  void packet(const std::string& from, bool is_proven, bool is_newest = true,
              const wg::PublicKey& key = alice, Kind kind = Kind::keepalive) {
    rules.received(key, {kind, {at(from), {}}, is_newest, is_proven}, now);
    gather();
  }
  void unknown(const std::string& from) {
    rules.unknown_session({at(from), {}}, now);
    gather();
  }
  void restore(const std::string& place, const wg::PublicKey& key = alice) {
    rules.restore({key, dnsd::SavedPeer::Sighting{at(place), now.wall, now.wall}, {}}, now);
  }

  std::string published() const {
    return seen.empty() ? "" : seen.back().observation.endpoint.to_string();
  }
  std::size_t count_asked(const std::string& place) const {
    std::size_t count = 0;
    for (const auto& ask : asked) count += ask.path.remote == at(place) ? 1U : 0U;
    return count;
  }

  PointRules rules;
  base::Now now{base::SteadyTime{} + std::chrono::hours(1), base::WallTime{seconds(1'800'000'000)}};
  std::vector<PointRules::Seen> seen;
  std::vector<PointRules::Ask> asked;
  std::vector<Notice> notices;

 private:
  void set(base::SteadyTime time) {
    const auto gone = time - start_;
    now = {time,
           base::WallTime{seconds(1'800'000'000)} + std::chrono::duration_cast<seconds>(gone)};
  }
  void gather() {
    auto result = rules.take();
    seen.insert(seen.end(), result.seen.begin(), result.seen.end());
    asked.insert(asked.end(), result.ask.begin(), result.ask.end());
    notices.insert(notices.end(), result.notices.begin(), result.notices.end());
  }
  const base::SteadyTime start_ = now.steady;
};

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

TEST_CASE(
    "attack: a forged source is published for less than 5 s, and two datagrams reach the victim") {
  Fixture f;
  f.packet(home, true);
  const auto since = f.seen[0].observation.since;
  f.pass(seconds(10));
  f.packet(victim, false);
  CHECK(f.published() == victim);
  bool goes_on = false;
  SUBCASE("one packet") {}
  SUBCASE("many packets: data proves nothing, however much of it comes") {
    goes_on = true;
  }
  for (int i = 0; i < 48; ++i) {
    f.pass(milliseconds(100));
    if (goes_on) f.packet(victim, false);
  }
  f.pass(milliseconds(99));
  CHECK(f.published() == victim);
  f.pass(milliseconds(1));
  CHECK(f.published() == home);
  CHECK(f.seen.back().observation.since == since);
  CHECK_FALSE(f.seen.back().observation.is_on_trial);
  CHECK(f.asked.size() == 2);
  REQUIRE(f.notices.size() == 1);
  CHECK(f.notices[0].kind == Notice::Kind::forged);
  CHECK(f.notices[0].place == at(home));
  CHECK(f.notices[0].left == at(victim));
  // For a minute this place is not believed again without proof.
  f.packet(victim, false);
  CHECK(f.published() == home);
  CHECK(f.asked.size() == 2);
  f.packet(victim, true);
  CHECK(f.published() == victim);
}

TEST_CASE("from one trial to the next: the way back leads to the good place") {
  Fixture f;
  f.packet(home, true);
  f.pass(seconds(10));
  f.packet(victim, false);
  f.pass(seconds(1));
  f.packet(moved, false);
  f.pass(seconds(5));
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
  CHECK(f.asked.size() == 1);  // the victim gets no more packets
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
  f.rules.forget(alice);
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
