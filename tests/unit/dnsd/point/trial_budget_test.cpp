#include "dnsd/point/trial_budget.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>

namespace {

using dnsd::TrialBudget;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

wg::PublicKey key_of(unsigned number) {
  base::Octets32 octets{};
  octets[0] = static_cast<std::uint8_t>(number);
  octets[1] = static_cast<std::uint8_t>(number >> 8U);
  return wg::PublicKey(octets);
}
const wg::PublicKey alice = key_of(1);

const base::IpAddress victim = *base::IpAddress::parse("198.51.100.66");
const base::IpAddress other = *base::IpAddress::parse("198.51.100.67");
const base::SteadyTime start = base::SteadyTime{} + hours(100);

TEST_CASE("an address that did not answer is disbelieved for a minute, longer each time") {
  TrialBudget budget;
  base::SteadyTime now = start;
  for (const int count : {1, 2, 4, 8, 16, 32, 60, 60}) {
    const minutes pause{count};
    CHECK(budget.begin(alice, victim, now) == now + TrialBudget::trial_length);
    now += TrialBudget::trial_length;
    budget.end(alice, victim, now);
    now += pause - seconds(1);
    CHECK_FALSE(budget.begin(alice, victim, now).has_value());
    CHECK(budget.begin(key_of(2), victim, now).has_value());  // the others do not suffer
    budget.end(key_of(2), std::nullopt, now);
    now += seconds(1);
  }
  SUBCASE("good behaviour is remembered only after an hour of it") {
    now += TrialBudget::forget_after;
    CHECK(budget.begin(alice, victim, now).has_value());
    budget.end(alice, victim, now);
    CHECK(budget.begin(alice, victim, now + minutes(1)).has_value());
  }
  SUBCASE("an answer to one trial does not shorten the next disbelief") {
    CHECK(budget.begin(alice, victim, now).has_value());
    budget.end(alice, std::nullopt, now);
    CHECK(budget.begin(alice, victim, now).has_value());
    budget.end(alice, victim, now);
    CHECK_FALSE(budget.begin(alice, victim, now + minutes(59)).has_value());
  }
}

TEST_CASE("the first time other addresses are believed after a rest, then none is") {
  TrialBudget budget;
  CHECK(budget.begin(alice, victim, start).has_value());
  budget.end(alice, victim, start);
  CHECK_FALSE(budget.begin(alice, other, start + seconds(4)).has_value());
  const base::SteadyTime second = start + TrialBudget::rest;
  CHECK_FALSE(budget.begin(alice, victim, second).has_value());
  CHECK(budget.begin(alice, other, second).has_value());
  budget.end(alice, other, second);
  CHECK_FALSE(budget.begin(alice, victim, second + seconds(119)).has_value());
  CHECK(budget.begin(alice, victim, second + seconds(120)).has_value());
}

TEST_CASE("of IPv6 a /64 is one address") {
  const struct {
    const char* address;
    bool is_believed;
  } rows[] = {{"2001:db8:66::2", false},
              {"2001:db8:66:0:ffff::1", false},
              {"2001:db8:66:1::1", true},
              {"198.51.100.66", true}};
  for (const auto& row : rows) {
    CAPTURE(row.address);
    TrialBudget budget;
    (void)budget.begin(alice, *base::IpAddress::parse("2001:db8:66::1"), start);
    budget.end(alice, *base::IpAddress::parse("2001:db8:66::1"), start);
    CHECK(budget.begin(alice, *base::IpAddress::parse(row.address), start + seconds(10))
              .has_value() == row.is_believed);
  }
}

TEST_CASE("trials at several points share one time") {
  TrialBudget budget;
  const auto ends = budget.begin(alice, victim, start);
  REQUIRE(ends.has_value());
  CHECK(budget.begin(alice, other, start + seconds(2)) == ends);
  budget.end(alice, std::nullopt, start + seconds(3));  // the first one: the peer answered there
  CHECK(budget.begin(alice, victim, start + seconds(3)) == ends);
  budget.end(alice, victim, *ends);
  CHECK_FALSE(budget.begin(alice, victim, *ends).has_value());
  budget.end(alice, victim, *ends);
  CHECK(budget.begin(alice, victim, *ends + minutes(1)).has_value());  // counted once
}

TEST_CASE("a point that was closed on trial leaves nothing behind") {
  TrialBudget budget;
  (void)budget.begin(alice, victim, start);
  const base::SteadyTime later = start + minutes(1);
  CHECK(budget.begin(alice, victim, later) == later + TrialBudget::trial_length);
}

TEST_CASE("accounts that say nothing any more are dropped") {
  TrialBudget budget;
  (void)budget.begin(alice, victim, start);
  budget.end(alice, std::nullopt, start);
  CHECK(budget.size() == 0);
  for (unsigned i = 0; i < 1024; ++i) {
    (void)budget.begin(key_of(i), victim, start);
    budget.end(key_of(i), victim, start);
  }
  CHECK(budget.size() == 1024);
  (void)budget.begin(key_of(5000), victim, start + minutes(1) + TrialBudget::forget_after);
  CHECK(budget.size() == 1);
}

}  // namespace
