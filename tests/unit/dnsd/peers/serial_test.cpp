#include "dnsd/peers/serial.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

namespace {

using dnsd::Serial;
using std::chrono::milliseconds;

base::SteadyTime at(int ms) {
  return base::SteadyTime(milliseconds(ms));
}
base::Now wall(std::int64_t second) {
  return {at(0), base::WallTime(std::chrono::seconds(second))};
}

// Steps through `count` changes, and reserves on "disk" as a healthy daemon does. \return the end
// that the disk holds.
std::uint32_t run(Serial& serial, int count, std::uint32_t disk) {
  for (int i = 0; i < count; ++i) {
    if (const auto end = serial.wanted_reservation()) {
      disk = *end;
      serial.set_reserved(*end);
    }
    const std::uint32_t before = serial.current();
    serial.note_change();
    REQUIRE(serial.step(at(i * 100)));
    REQUIRE(dnsd::is_after(serial.current(), before));
    REQUIRE(dnsd::is_after(disk, serial.current()));  // never used before it is on disk
  }
  return disk;
}

}  // namespace

TEST_CASE("one step per change, and at most one in 100 ms") {
  Serial serial(std::nullopt, wall(1'699'999'999));
  serial.set_reserved(*serial.wanted_reservation());
  CHECK(serial.current() == 1'700'000'000);  // beyond Unix time
  CHECK_FALSE(serial.step(at(0)));
  CHECK_FALSE(serial.next_step().has_value());
  serial.note_change();
  CHECK(serial.step(at(0)));
  CHECK(serial.current() == 1'700'000'001);
  CHECK_FALSE(serial.step(at(50)));
  serial.note_change();
  serial.note_change();
  CHECK(serial.next_step() == at(100));
  CHECK_FALSE(serial.step(at(99)));
  CHECK(serial.step(at(100)));
  CHECK(serial.current() == 1'700'000'002);
  CHECK_FALSE(serial.step(at(1000)));
}

TEST_CASE("a start serves the last serial that was reserved, and the next one when it is") {
  Serial serial(5000, wall(0));
  CHECK(serial.current() == 4999);
  CHECK_FALSE(serial.step(at(0)));
  CHECK(serial.wanted_reservation() == 6000);
  serial.set_reserved(6000);
  CHECK(serial.step(at(0)));  // what is served may be another zone than the one of the last run
  CHECK(serial.current() == 5000);
}

TEST_CASE("nothing is used that is not reserved, and what waits steps when it is") {
  Serial serial(5000, wall(0));
  serial.set_reserved(5003);
  for (int i = 0; i < 10; ++i) {
    serial.note_change();
    (void)serial.step(at(i * 100));
  }
  CHECK(serial.current() == 5002);
  CHECK_FALSE(serial.next_step().has_value());
  CHECK_FALSE(serial.step(at(1'000'000'000)));  // the clock reserves nothing any more
  serial.set_reserved(*serial.wanted_reservation());
  CHECK(serial.step(at(2000)));
  CHECK(serial.current() == 5003);
}

TEST_CASE("without a disk the serial never overtakes Unix time: any later start begins beyond it") {
  for (const std::uint32_t begin : {5U, 1'700'000'000U, 0xfffffffdU}) {
    Serial serial(std::nullopt, wall(begin));
    CAPTURE(begin);
    CHECK(serial.current() == begin + 1);
    for (int ms = 0; ms < 20000; ms += 50) {
      serial.note_change();
      const auto due = serial.next_step();
      CHECK(serial.step(at(ms)) == (*due <= at(ms)));
      const std::uint32_t unix_time = begin + static_cast<std::uint32_t>(ms / 1000);
      CHECK_FALSE(dnsd::is_after(serial.current(), ms < 1000 ? begin + 1 : unix_time));
      const Serial next(std::nullopt, {at(0), base::WallTime(std::chrono::seconds(unix_time))});
      CHECK_FALSE(dnsd::is_after(serial.current(), next.current()));
    }
    CHECK(serial.current() == begin + 19);  // and it is not held back either
    // Quiet for an hour: then as fast as with a disk.
    int steps = 0;
    for (int ms = 3'600'000; ms < 3'610'000; ms += 100) {
      serial.note_change();
      steps += serial.step(at(ms)) ? 1 : 0;
    }
    CHECK(steps == 100);
  }
}

TEST_CASE("a run without a disk between two with one: each begins beyond the one before") {
  Serial first(std::nullopt, wall(1000));
  const std::uint32_t disk = run(first, 20, 0);
  Serial second(std::nullopt, wall(5000));  // cannot read what the first one reserved
  CHECK(dnsd::is_after(second.current(), first.current()));
  second.note_change();
  REQUIRE(second.step(at(60'000)));
  const Serial third(disk, wall(5061));
  CHECK(dnsd::is_after(third.current(), second.current()));
}

TEST_CASE("a reservation that can be read only later is skipped, and never back") {
  Serial serial(std::nullopt, wall(1000));
  serial.skip_reserved(1000);
  CHECK(serial.current() == 1001);
  serial.skip_reserved(3000);
  CHECK(serial.current() == 2999);
  CHECK_FALSE(serial.step(at(0)));
  CHECK(serial.wanted_reservation() == 4000);
  serial.set_reserved(4000);
  CHECK(serial.step(at(0)));
  CHECK(serial.current() == 3000);
}

TEST_CASE("half of the block is left when the next one is asked for") {
  Serial serial(5000, wall(0));
  serial.set_reserved(*serial.wanted_reservation());
  REQUIRE(serial.step(at(-100)));
  int steps = 1;
  while (!serial.wanted_reservation()) {
    serial.note_change();
    REQUIRE(serial.step(at(100 * steps++)));
  }
  CHECK(steps == 500);
  CHECK(serial.wanted_reservation() == 6500);
}

TEST_CASE("forward only: crashes, clean stops, clocks set back, the end of the numbers") {
  const struct {
    std::string name;
    std::uint32_t start;
    int steps;
  } rows[] = {
      {"ordinary", 1'700'000'000, 2500},
      {"over 2^31", 0x80000000U - 1200, 2500},
      {"over 2^32", 0xffffffffU - 1200, 2500},
      {"from 0", 0, 10},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    Serial first(row.start, wall(-3));
    const std::uint32_t disk = run(first, row.steps, row.start);

    Serial after_crash(disk, wall(-3));  // and the clock went back to 1969
    CHECK(dnsd::is_after(after_crash.current(), first.current()));
    CHECK(after_crash.current() - first.current() <= Serial::block);

    Serial after_stop(first.after_stop(), wall(-3));
    CHECK(after_stop.current() == first.current());
    after_stop.set_reserved(*after_stop.wanted_reservation());
    CHECK(after_stop.step(at(0)));  // what is served may be another zone
    CHECK(after_stop.current() == first.current() + 1);
  }
}

TEST_CASE("RFC 1982 order") {
  CHECK(dnsd::is_after(1, 0));
  CHECK_FALSE(dnsd::is_after(0, 1));
  CHECK_FALSE(dnsd::is_after(7, 7));
  CHECK(dnsd::is_after(0, 0xffffffffU));
  CHECK(dnsd::is_after(0x7fffffffU, 0));
  CHECK_FALSE(dnsd::is_after(0x80000000U, 0));
  CHECK_FALSE(dnsd::is_after(0, 0x80000000U));
}
