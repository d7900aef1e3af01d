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
base::WallTime wall(std::int64_t second) {
  return base::WallTime(std::chrono::seconds(second));
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
  Serial serial(std::nullopt, wall(1'700'000'000));
  serial.set_reserved(*serial.wanted_reservation());
  CHECK(serial.current() == 1'700'000'000);
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

TEST_CASE("nothing is used that is not reserved") {
  Serial serial(5000, wall(0));
  serial.note_change();
  CHECK_FALSE(serial.step(at(0)));
  CHECK(serial.wanted_reservation() == 6000);
  serial.set_reserved(6000);
  CHECK(serial.step(at(0)));
  CHECK(serial.current() == 5001);
}

TEST_CASE("half of the block is left when the next one is asked for") {
  Serial serial(5000, wall(0));
  serial.set_reserved(*serial.wanted_reservation());
  int steps = 0;
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
    Serial first(row.start, wall(1'700'000'000));
    const std::uint32_t disk = run(first, row.steps, row.start);

    const Serial after_crash(disk, wall(5));  // and the clock went back to 1970
    CHECK(dnsd::is_after(after_crash.current(), first.current()));
    CHECK(after_crash.current() - first.current() <= Serial::block);

    const Serial after_stop(first.after_stop(), wall(5));
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
