#include "noise/departed_marks.hpp"

#include <doctest/doctest.h>

namespace {

using noise::DepartedMarks;
using noise::Tai64n;
using std::chrono::seconds;

wg::PublicKey numbered_key(std::size_t number) {
  base::Octets32 octets{};
  for (auto& octet : octets) {
    octet = static_cast<std::uint8_t>(number);
    number >>= 8U;
  }
  return wg::PublicKey(octets);
}
Tai64n mark_at(std::size_t second) {
  return Tai64n(base::WallTime(seconds(1'800'000'000 + second)));
}

TEST_CASE("a mark is kept for a day, and given back once") {
  DepartedMarks marks;
  const base::SteadyTime start{std::chrono::hours(1000)};
  marks.add(numbered_key(1), mark_at(1), start);
  marks.add(numbered_key(2), mark_at(2), start + seconds(1));
  marks.drop_old(start + DepartedMarks::kept_for - seconds(1));
  CHECK(marks.size() == 2);
  marks.drop_old(start + DepartedMarks::kept_for);
  CHECK_FALSE(marks.take(numbered_key(1)).has_value());
  CHECK(marks.take(numbered_key(2)) == mark_at(2));
  CHECK_FALSE(marks.take(numbered_key(2)).has_value());
}

TEST_CASE("removed and added again and again: one mark, kept from the last time on") {
  DepartedMarks marks;
  const base::SteadyTime start{std::chrono::hours(1000)};
  for (std::size_t i = 0; i < 10; ++i) marks.add(numbered_key(1), mark_at(i), start + seconds(i));
  CHECK(marks.size() == 1);
  marks.drop_old(start + seconds(8) + DepartedMarks::kept_for);
  CHECK(marks.take(numbered_key(1)) == mark_at(9));
}

TEST_CASE("bounded: the one that left first is forgotten") {
  DepartedMarks marks;
  const base::SteadyTime start{std::chrono::hours(1000)};
  for (std::size_t i = 0; i <= DepartedMarks::most; ++i)
    marks.add(numbered_key(i), mark_at(i), start + seconds(i));
  CHECK(marks.size() == DepartedMarks::most);
  CHECK_FALSE(marks.take(numbered_key(0)).has_value());
  CHECK(marks.take(numbered_key(1)).has_value());
}

}  // namespace
