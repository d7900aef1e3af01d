#include "tests/bench/consistency.hpp"

#include <doctest/doctest.h>

TEST_CASE("no answer mixes two endpoints while they are rewritten at full speed") {
  const bench::Consistency seen = bench::check_consistency(2, 30000);
  CHECK(seen.mixed == 0);
  CHECK(seen.changes > seen.answers / 100);  // otherwise nothing was written during the reads
}
