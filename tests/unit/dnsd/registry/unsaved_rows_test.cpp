#include "dnsd/registry/unsaved_rows.hpp"

#include <doctest/doctest.h>

#include <chrono>

#include "tests/unit/dnsd/registry/registry_fixture.hpp"

using dnsd::UnsavedRows;
using namespace registry_test;

namespace {

base::WallTime second(int count) {
  return at(count).wall;
}

}  // namespace

TEST_CASE("a changed row is named once until it is taken") {
  UnsavedRows rows;
  UnsavedRows::State state;
  rows.note_change({wg0, alice}, state);
  rows.note_change({wg0, alice}, state);
  CHECK(rows.take().size() == 1);
  CHECK(rows.is_empty());
  UnsavedRows::note_taken(state);
  rows.note_change({wg0, alice}, state);
  CHECK(rows.take().size() == 1);
}

TEST_CASE("a renewed row waits for a minute, whichever way the clock went, or for the flush") {
  UnsavedRows rows;
  UnsavedRows::State state(second(100));
  for (const int time : {100, 159, 41}) rows.note_renewal({wg0, alice}, state, second(time));
  CHECK(rows.is_empty());
  rows.note_last({wg0, alice}, state, second(100));
  CHECK(rows.is_empty());

  for (const int time : {160, 40}) {
    CAPTURE(time);
    UnsavedRows::State saved(second(100));
    rows.note_renewal({wg0, alice}, saved, second(time));
    CHECK(rows.take().size() == 1);
  }
  rows.note_last({wg0, alice}, state, second(101));
  CHECK(rows.take().size() == 1);
  UnsavedRows::note_taken(state, second(101));
  rows.note_last({wg0, alice}, state, second(101));
  CHECK(rows.is_empty());
}
