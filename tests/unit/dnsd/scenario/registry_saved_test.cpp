#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "dnsd/registry/registry.hpp"
#include "tests/unit/dnsd/registry/registry_fixture.hpp"

// What the registry keeps over a restart.

using namespace registry_test;

TEST_CASE("what was saved is stale until it is seen again, however young it is") {
  Fixture f;
  const dnsd::SavedPeer::Sighting sighting{endpoint("203.0.113.1:1"), at(-500).wall, at(-1).wall};
  f.registry.restore(wg0, {alice, sighting, prefixes("10.0.0.0/24")}, at(0));
  f.registry.restore(wg0, {bob, std::nullopt, {}}, at(0));
  CHECK(f.record() == "203.0.113.1:1 - -500 -1");
  CHECK(f.registry.record(alice)->detail->allowed_ips == prefixes("10.0.0.0/24"));
  CHECK(f.record(bob) == "- - - -");
  CHECK_FALSE(f.registry.has_unsaved());  // everything was loaded from there
  f.registry.observe(
      wg0, alice, Observation{endpoint("203.0.113.1:1"), at(-500).wall, at(5).wall, at(5).steady},
      at(5));
  CHECK(f.record() == "203.0.113.1:1 - -500 -");
  f.registry.tick(at(185));
  CHECK(f.record() == "203.0.113.1:1 - -500 5");
}

TEST_CASE("what was saved too long ago is not served, and a clock set back harms nobody") {
  Fixture f;
  const auto saved = [](int second) {
    return dnsd::SavedPeer::Sighting{endpoint("203.0.113.1:1"), at(second).wall, at(second).wall};
  };
  f.registry.restore(wg0, {alice, saved(-86400), {}}, at(0));
  CHECK(f.record() == "- - - -");
  f.registry.restore(wg0, {bob, saved(5000), {}}, at(0));
  CHECK(f.record(bob) == "203.0.113.1:1 - 5000 5000");
  f.registry.tick(at(86399));
  CHECK(f.record(bob) == "203.0.113.1:1 - 5000 5000");
  f.registry.tick(at(86400));
  CHECK(f.record(bob) == "- - - -");
}

TEST_CASE("what is to be saved: every change at once, a keepalive once a minute") {
  Fixture f;
  const auto unsaved = [&] { return f.registry.take_unsaved().size(); };
  f.see(wg0, alice, "203.0.113.1:1", 0, 0);
  CHECK(unsaved() == 1);
  int writes = 0;
  for (int second = 1; second <= 600; ++second) {
    f.see(wg0, alice, "203.0.113.1:1", second, 0);
    writes += static_cast<int>(unsaved());
  }
  CHECK(writes == 10);
  f.see(wg0, alice, "203.0.113.2:2", 601);
  CHECK(unsaved() == 1);
  CHECK(f.registry.saved(wg0, alice)->sighting->endpoint == endpoint("203.0.113.2:2"));
  f.registry.tick(at(601 + 180));
  CHECK(unsaved() == 1);
  f.registry.tick(at(601 + 86400));
  CHECK(unsaved() == 1);
  CHECK_FALSE(f.registry.saved(wg0, alice)->sighting.has_value());
  f.registry.unlist(wg0, alice);
  CHECK(unsaved() == 1);
  CHECK_FALSE(f.registry.saved(wg0, alice).has_value());
}

TEST_CASE("a place on trial is published, and the proven one before it is kept") {
  Fixture f;
  const auto try_place = [&](const std::string& place, int second) {
    f.registry.observe(
        wg0, alice,
        Observation{endpoint(place), at(second).wall, at(second).wall, at(second).steady, true},
        at(second));
  };
  const auto kept = [&] {
    (void)f.registry.take_unsaved();
    const auto saved = f.registry.saved(wg0, alice);
    return saved && saved->sighting ? saved->sighting->endpoint.to_string() : std::string("-");
  };
  f.see(wg0, alice, "203.0.113.1:1", 0);
  try_place("198.51.100.66:2", 10);
  CHECK(f.record() == "198.51.100.66:2 - 10 -");
  CHECK(kept() == "203.0.113.1:1");
  try_place("198.51.100.66:3", 12);  // from one trial to the next
  CHECK(f.record() == "198.51.100.66:3 - 12 -");
  CHECK(kept() == "203.0.113.1:1");
  f.registry.note_last_sightings();
  CHECK(kept() == "203.0.113.1:1");
  SUBCASE("taken back") {
    f.see(wg0, alice, "203.0.113.1:1", 15, 0);
    CHECK(kept() == "203.0.113.1:1");
    CHECK(f.record() == "203.0.113.1:1 - 0 -");
  }
  SUBCASE("proven: kept at once") {
    f.see(wg0, alice, "198.51.100.66:3", 13, 12);
    CHECK(f.registry.has_unsaved());
    CHECK(kept() == "198.51.100.66:3");
  }
  SUBCASE("withdrawn for its age") {
    f.registry.tick(at(12 + 86400));
    CHECK(kept() == "-");
  }
}

TEST_CASE("before a stop the last sightings are written too, and a failed write is repeated") {
  Fixture f;
  f.see(wg0, alice, "203.0.113.1:1", 0, 0);
  (void)f.registry.take_unsaved();
  f.see(wg0, alice, "203.0.113.1:1", 30, 0);
  CHECK_FALSE(f.registry.has_unsaved());
  f.registry.note_last_sightings();
  const auto written = f.registry.take_unsaved();
  REQUIRE(written.size() == 1);
  CHECK(f.registry.saved(wg0, alice)->sighting->last_seen == at(30).wall);
  f.registry.note_last_sightings();
  CHECK_FALSE(f.registry.has_unsaved());
  f.registry.mark_unsaved(written[0]);
  f.registry.mark_unsaved(written[0]);
  CHECK(f.registry.take_unsaved().size() == 1);
  f.registry.mark_unsaved({wg0, bob});
  CHECK(f.registry.take_unsaved().size() == 1);
  f.registry.mark_all_unsaved();
  CHECK(f.registry.take_unsaved().size() == 1);
}
