#include "noise/tai64n.hpp"

#include <doctest/doctest.h>

#include "base/encoding.hpp"

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

TEST_CASE("octets are ordered as time is") {
  const noise::Tai64n time{sys_seconds(seconds(1'800'000'000))};
  CHECK(base::to_hex(time.octets()) == "400000006b49d20a00000000");
  CHECK(noise::Tai64n() < time);
  CHECK(time < time.next());
  CHECK(time.next() < noise::Tai64n(sys_seconds(seconds(1'800'000'001))));
  CHECK(time + seconds(2) == noise::Tai64n(sys_seconds(seconds(1'800'000'002))));
}

TEST_CASE("the last nanosecond of a second is followed by the next second") {
  noise::Tai64n::Octets octets = noise::Tai64n(sys_seconds(seconds(7))).octets();
  octets[8] = 0x3b;  // 999 999 999
  octets[9] = 0x9a;
  octets[10] = 0xc9;
  octets[11] = 0xff;
  CHECK(noise::Tai64n(octets).next() == noise::Tai64n(sys_seconds(seconds(8))));
}

TEST_CASE("how far one lies before another") {
  const noise::Tai64n time{sys_seconds(seconds(1000))};
  CHECK((time + seconds(90)).since(time) == seconds(90));
  CHECK(time.since(time + seconds(90)) == seconds(0));
  noise::Tai64n::Octets octets{};
  octets.fill(0xff);
  CHECK(noise::Tai64n(octets).since(time) > seconds(0));
}

}  // namespace
