#include "dnsd/registry/peer_log.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <string>

namespace {

using dnsd::PeerEvent;
using dnsd::PeerRecord;
using std::chrono::seconds;

std::optional<PeerRecord> record(const std::string& v4, const std::string& v6 = {},
                                 std::optional<int> stale = {}) {
  PeerRecord result;
  if (!v4.empty()) result.ipv4 = base::Endpoint::parse(v4);
  if (!v6.empty()) result.ipv6 = base::Endpoint::parse(v6);
  if (stale) result.stale = base::WallTime(seconds(*stale));
  result.detail = std::make_shared<const dnsd::PeerDetail>();
  return result;
}

}  // namespace

TEST_CASE("a line says what changed for a reader") {
  const auto none = std::optional<PeerRecord>();
  const struct {
    std::string name;
    std::optional<PeerRecord> before;
    std::optional<PeerRecord> after;
    PeerEvent event;
    std::string text;
  } rows[] = {
      {"first seen", none, record("203.0.113.1:1"), PeerEvent::place, "203.0.113.1:1 seen by wg0"},
      {"registered, not seen", none, record(""), PeerEvent::none, ""},
      {"moved", record("203.0.113.1:1"), record("203.0.113.1:2"), PeerEvent::place,
       "203.0.113.1:2 seen by wg0 (was 203.0.113.1:1)"},
      {"moved to the other family", record("203.0.113.1:1"), record("", "[2001:db8::1]:1"),
       PeerEvent::place, "[2001:db8::1]:1 seen by wg0 (was 203.0.113.1:1)"},
      {"one more family", record("203.0.113.1:1"), record("203.0.113.1:1", "[2001:db8::1]:1"),
       PeerEvent::place, "[2001:db8::1]:1 seen by wg0"},
      {"first seen, and stale", none, record("203.0.113.1:1", "", 0), PeerEvent::place,
       "203.0.113.1:1 seen by wg0, stale until seen again"},
      {"stale", record("203.0.113.1:1"), record("203.0.113.1:1", "", 1767225600), PeerEvent::age,
       "stale: last seen at 2026-01-01T00:00:00Z"},
      {"fresh", record("203.0.113.1:1", "", 0), record("203.0.113.1:1"), PeerEvent::age,
       "seen again at the same place"},
      {"withdrawn", record("203.0.113.1:1", "", 0), record(""), PeerEvent::place,
       "203.0.113.1:1 withdrawn: not seen lately"},
      {"unregistered", record("203.0.113.1:1"), none, PeerEvent::place, "no longer registered"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    CHECK(dnsd::classify_change(row.before, row.after) == row.event);
    if (row.event == PeerEvent::none) continue;
    CHECK(dnsd::describe_change(row.before, row.after, "seen by wg0") == row.text);
  }
}

TEST_CASE("an idle day of flapping ages writes fewer than twenty lines") {
  dnsd::LineBudget budget(5, std::chrono::hours(2));
  int written = 0;
  int held_back = 0;
  for (int second = 0; second < 86400; second += 10) {
    if (!budget.take(base::SteadyTime(seconds(second)))) continue;
    ++written;
    held_back += static_cast<int>(budget.take_held_back());
  }
  CHECK(written == 5 + 11);
  CHECK(held_back + static_cast<int>(budget.take_held_back()) == 8640 - written);
}

TEST_CASE("a quiet time saves lines up, but no more than the burst") {
  dnsd::LineBudget budget(2, seconds(10));
  const auto take = [&](int second) { return budget.take(base::SteadyTime(seconds(second))); };
  CHECK(take(0));
  CHECK(take(0));
  CHECK_FALSE(take(9));
  CHECK(take(10));
  CHECK_FALSE(take(19));
  CHECK(take(100000));
  CHECK(take(100000));
  CHECK_FALSE(take(100000));
}
