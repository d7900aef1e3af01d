#include "noise/replay_window.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>

namespace {

TEST_CASE("each counter once, in any order within the window") {
  noise::ReplayWindow window;
  CHECK(window.is_new(0));
  CHECK(window.take(0));
  CHECK_FALSE(window.is_new(0));
  CHECK(window.take(5));
  CHECK(window.is_new(4));
  CHECK_FALSE(window.take(4));
  CHECK_FALSE(window.is_new(4));
  CHECK_FALSE(window.is_new(5));
}

TEST_CASE("too late is as good as seen") {
  noise::ReplayWindow window;
  CHECK(window.take(5000));
  CHECK(window.is_new(5000 - noise::ReplayWindow::window + 1));
  CHECK_FALSE(window.is_new(5000 - noise::ReplayWindow::window));
  CHECK_FALSE(window.is_new(0));
}

TEST_CASE("a jump of any length forgets nothing and believes nothing") {
  for (const std::uint64_t jump :
       {1U, 63U, 64U, 65U, 1023U, 1024U, 1025U, 1088U, 5000U, 1U << 31U}) {
    CAPTURE(jump);
    noise::ReplayWindow window;
    for (std::uint64_t i = 0; i < 100; ++i) window.take(i);
    CHECK(window.take(99 + jump));
    for (std::uint64_t i = 0; i < 100; ++i) CHECK_FALSE(window.is_new(i));
    for (std::uint64_t back = 1; back < jump && back < noise::ReplayWindow::window; ++back)
      CHECK(window.is_new(99 + jump - back));
  }
}

TEST_CASE("against a set, at random") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 20; ++round) {
    noise::ReplayWindow window;
    std::set<std::uint64_t> seen;
    std::uint64_t highest = 0;
    for (int i = 0; i < 5000; ++i) {
      const std::uint64_t counter = highest + random() % 200 >= 190 ? highest + random() % 3000
                                    : highest > 1500                ? highest - random() % 1500
                                                                    : random() % (highest + 2);
      const bool late = !seen.empty() && highest + 1 > noise::ReplayWindow::window + counter;
      const bool is_new = !late && !seen.contains(counter);
      REQUIRE(window.is_new(counter) == is_new);
      if (!is_new) continue;
      CHECK(window.take(counter) == (seen.empty() || counter > highest));
      seen.insert(counter);
      highest = std::max(highest, counter);
    }
  }
}

}  // namespace
