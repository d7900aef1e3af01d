#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "tests/unit/updater/rig.hpp"

using namespace one_machine;

namespace {

constexpr double moment = 20;  ///< of the local change

struct Course {
  Lines about_bob;
  std::optional<double> first;  ///< the time of the first one
  int probes = 0;
  int probes_with_write = 0;
};

/// The course from `from` to `until`, at the pace that the machine itself sets.
template <typename Happen>
Course follow(Rig& rig, double from, double until, Happen happen) {
  Course course;
  for (const double now : times(from, until, 0.25)) {
    happen(now, course);
    const Plan plan = rig.step(now);
    const auto lines = about_bob(plan.changes);
    if (!lines.empty() && !course.first) course.first = now;
    if (!lines.empty()) course.probes_with_write += static_cast<int>(plan.probes.size());
    course.about_bob.insert(course.about_bob.end(), lines.begin(), lines.end());
    course.probes += static_cast<int>(plan.probes.size());
  }
  return course;
}

/// A tunnel with a flow in both directions until the moment of the change.
void run_until_change(Rig& rig, bool answers_echoes) {
  rig.connect();
  if (answers_echoes) rig.machine().learn_round_trip(bob, 20ms);
  CHECK(about_bob(rig.pass(1, moment, 1000, 1000)) == Lines());
  rig.change_local(moment);
}

void keep_silent(double /*now*/, const Course& /*course*/) {}

}  // namespace

TEST_CASE("a peer that is silent after a local change is set where it is, once, and nothing else") {
  for (const bool answers_echoes : {true, false}) {
    CAPTURE(answers_echoes);
    Rig rig(smaller);
    run_until_change(rig, answers_echoes);
    const Course course = follow(rig, moment, moment + 20, keep_silent);
    CHECK(course.about_bob == Lines{"endpoint " + bob_home});
    CHECK(course.first.value_or(1e9) <= moment + (answers_echoes ? 2 : 4));
    CHECK(course.probes_with_write == 1);
  }
}

TEST_CASE("a peer that is heard after a local change is not written to") {
  Rig rig(smaller);
  run_until_change(rig, true);
  const Course course =
      follow(rig, moment, moment + 5, [&](double, const Course&) { rig.at_bob().rx_bytes += 250; });
  CHECK(course.about_bob == Lines());
}

TEST_CASE("a change that leaves the way to a peer its source is never a reason to write") {
  Rig rig(smaller);
  rig.connect();
  rig.machine().learn_round_trip(bob, 20ms);
  rig.pass(1, moment, 1000, 1000);
  rig.change_local(moment, false);
  CHECK(follow(rig, moment, moment + 8, keep_silent).about_bob == Lines());
}

TEST_CASE("a peer that answers an echo request after a local change is not written to") {
  for (const int lost : {0, 1}) {
    CAPTURE(lost);
    Rig rig(smaller);
    run_until_change(rig, true);
    const Course course = follow(rig, moment, moment + 60, [&](double, const Course& so_far) {
      if (so_far.probes <= lost) return;
      rig.at_bob().rx_bytes += 64;
      rig.machine().learn_round_trip(bob, 20ms);
    });
    CHECK(course.about_bob == Lines());
  }
}

TEST_CASE("a peer that never answered an echo request is not written to while it is heard") {
  Rig rig(smaller);
  run_until_change(rig, false);
  const auto talk = [&](double, const Course&) { rig.at_bob().rx_bytes += 250; };
  CHECK(follow(rig, moment, moment + 30, talk).about_bob == Lines());
  // It is not written to either when it falls silent much later, for another reason.
  CHECK(follow(rig, moment + 30, moment + 50, keep_silent).about_bob == Lines());
}

TEST_CASE("a peer that moved at the time of a local change is set where it is now, once") {
  Rig rig(smaller);
  run_until_change(rig, true);
  const Course course = follow(rig, moment, moment + 20, [&](double now, const Course&) {
    if (now == moment + 1) rig.publish(now, {bob_moved});
  });
  CHECK(course.about_bob == Lines{"endpoint " + bob_moved + ", kick, keepalive 25 s"});
}

TEST_CASE("each local change has its own new chance") {
  Rig rig(smaller);
  run_until_change(rig, true);
  rig.step(moment);
  rig.change_local(moment + 0.5);  // the address went first, and now another one has come
  CHECK(follow(rig, moment + 0.5, moment + 5, keep_silent).about_bob ==
        Lines{"endpoint " + bob_home});
  rig.change_local(moment + 5);
  CHECK(follow(rig, moment + 5, moment + 10, keep_silent).about_bob ==
        Lines{"endpoint " + bob_home});
}

TEST_CASE("a try after a local change sets the same endpoint again") {
  Rig rig(smaller);
  rig.step(0);
  rig.publish(0, {bob_home});
  rig.pass(0, 8, 0, 0);
  rig.change_local(8);
  CHECK(about_bob(rig.step(8).changes) == Lines{"endpoint " + bob_home + ", kick, keepalive 25 s"});
}

TEST_CASE("what a local change waits for does not keep the machine awake when it has not come") {
  Rig rig(smaller);
  rig.connect();  // bob never answers an echo request, and sends nothing
  rig.change_local(5);
  rig.step(5);
  CHECK(rig.step(7).next > at(7).steady);
}
