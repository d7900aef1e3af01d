#include "base/log.hpp"

#include <doctest/doctest.h>

#include <chrono>

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("a repeating message goes through once per interval and tells what was held back") {
  base::RepeatLimit limit(seconds(60));
  const base::SteadyTime start{};  // time zero is a time like any other
  CHECK(limit.allow(start));
  CHECK(limit.suppressed() == 0);
  CHECK_FALSE(limit.allow(start));
  CHECK_FALSE(limit.allow(start + milliseconds(59'999)));
  CHECK(limit.suppressed() == 0);
  CHECK(limit.allow(start + seconds(60)));
  CHECK(limit.suppressed() == 2);
  CHECK_FALSE(limit.allow(start + seconds(119)));
  CHECK(limit.allow(start + seconds(600)));
  CHECK(limit.suppressed() == 1);
  CHECK(limit.allow(start + seconds(660)));
  CHECK(limit.suppressed() == 0);
}

TEST_CASE("without an interval every message goes through") {
  base::RepeatLimit limit(seconds(0));
  CHECK(limit.allow({}));
  CHECK(limit.allow({}));
  CHECK(limit.suppressed() == 0);
}

}  // namespace
