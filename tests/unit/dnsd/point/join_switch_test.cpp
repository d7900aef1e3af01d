#include "dnsd/point/join_switch.hpp"

#include <doctest/doctest.h>

namespace {

using dnsd::JoinSwitch;

constexpr std::size_t batch = 64;

/// Batches of single datagrams until something changes; the last of `count` is the only one after
/// which nothing waits.
std::optional<bool> note_singles(JoinSwitch& joining, std::size_t count) {
  for (; count > batch; count -= batch) {
    if (const auto changed = joining.note(batch, false, false)) return changed;
  }
  return joining.note(count, false, true);
}

TEST_CASE("joining is off where nothing comes joined, and tried again") {
  JoinSwitch joining;
  CHECK(!note_singles(joining, JoinSwitch::patience - 1).has_value());
  CHECK(joining.note(1, false, true) == false);
  CHECK(!note_singles(joining, JoinSwitch::pause - 1).has_value());
  CHECK(joining.note(1, false, true) == true);
  CHECK(note_singles(joining, JoinSwitch::patience) == false);
}

TEST_CASE("what comes joined keeps it on") {
  JoinSwitch joining;
  for (int i = 0; i < 3; ++i) {
    CHECK(!note_singles(joining, JoinSwitch::patience - 1).has_value());
    CHECK(!joining.note(batch, true, true).has_value());
  }
}

TEST_CASE("nothing changes while datagrams wait") {
  JoinSwitch joining;
  for (std::size_t i = 0; i < 2 * JoinSwitch::patience; i += batch)
    CHECK(!joining.note(batch, false, false).has_value());
  CHECK(joining.note(0, false, true) == false);
}

}  // namespace
