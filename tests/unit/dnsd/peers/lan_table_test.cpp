#include "dnsd/peers/lan_table.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>

namespace {

using namespace std::chrono_literals;
using Verdict = dnsd::LanTable::Verdict;

constexpr base::SteadyTime start{std::chrono::seconds(1000)};

wg::PublicKey key(std::uint8_t fill) {
  base::Octets32 octets{};
  octets.fill(fill);
  return wg::PublicKey(octets);
}

schema::LanEndpoints at(const char* text) {
  return {*base::Endpoint::parse(text)};
}

}  // namespace

TEST_CASE("an announcement lives for 300 s, and longer when it is renewed") {
  dnsd::LanTable table;
  CHECK(table.find(key(1)) == nullptr);
  CHECK(!table.next_deadline());
  CHECK(table.announce(key(1), at("10.0.0.1:1"), start) == Verdict::changed);
  CHECK(table.announce(key(2), at("10.0.0.2:1"), start + 100s) == Verdict::changed);
  CHECK(*table.find(key(1)) == at("10.0.0.1:1"));
  CHECK(table.next_deadline() == start + 300s);

  CHECK(table.announce(key(1), at("10.0.0.1:1"), start + 200s) == Verdict::renewed);
  CHECK(table.next_deadline() == start + 400s);
  CHECK(!table.expire(start + 399s));
  CHECK(table.find(key(2)) != nullptr);
  CHECK(table.expire(start + 400s));
  CHECK(table.find(key(2)) == nullptr);
  CHECK(*table.find(key(1)) == at("10.0.0.1:1"));
  CHECK(table.expire(start + 500s));
  CHECK(table.find(key(1)) == nullptr);
  CHECK(!table.next_deadline());
}

TEST_CASE("a peer withdraws what it announced, and whoever holds it keeps it") {
  dnsd::LanTable table;
  CHECK(table.announce(key(1), {}, start) == Verdict::renewed);
  CHECK(!table.next_deadline());
  CHECK(table.announce(key(1), at("10.0.0.1:1"), start) == Verdict::changed);
  const auto held = table.find(key(1));
  CHECK(table.announce(key(1), {}, start) == Verdict::changed);
  CHECK(table.find(key(1)) == nullptr);
  CHECK(*held == at("10.0.0.1:1"));
  CHECK(table.announce(key(1), {}, start) == Verdict::renewed);
  CHECK(!table.expire(start + 300s));  // the content did not change
}

TEST_CASE("one peer changes its announcement six times a minute, and no other peer pays for it") {
  dnsd::LanTable table;
  const auto change = [&](unsigned number, base::SteadyTime now) {
    return table.announce(
        key(1),
        {{*base::IpAddress::parse("10.0.0.1"), base::Port{static_cast<std::uint16_t>(number)}}},
        now);
  };
  for (unsigned i = 1; i <= 6; ++i) CHECK(change(i, start) == Verdict::changed);
  CHECK(change(7, start + 59s) == Verdict::too_often);
  CHECK(table.announce(key(1), {}, start + 59s) == Verdict::too_often);
  CHECK(base::to_number(table.find(key(1))->front().port) == 6);
  CHECK(table.next_deadline() == start + 300s);  // a refused announcement renews nothing
  CHECK(change(6, start + 59s) == Verdict::renewed);
  CHECK(table.announce(key(2), at("10.0.0.2:1"), start + 59s) == Verdict::changed);
  CHECK(change(7, start + 60s) == Verdict::changed);
}
