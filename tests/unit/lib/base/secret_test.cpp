#include "base/secret.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <type_traits>
#include <utility>

namespace {

using Apple = base::Secret<struct AppleMeaning>;
using Pear = base::Secret<struct PearMeaning>;

TEST_CASE("a secret of one meaning is not taken for one of another, nor for text") {
  static_assert(!std::is_convertible_v<Apple, Pear>);
  static_assert(!std::is_constructible_v<Apple, Pear>);
  static_assert(!std::is_convertible_v<Apple, std::string>);
  static_assert(!std::is_convertible_v<std::array<std::uint8_t, 32>, Apple>);
  std::array<std::uint8_t, 32> octets{};
  CHECK(Apple(octets) == Apple());
  octets[31] = 1;
  CHECK_FALSE(Apple(octets) == Apple());
}

TEST_CASE("a buffer can be wiped, keeps its size, and leaves nothing behind when it is moved") {
  static_assert(!std::is_copy_constructible_v<base::WipedBuffer<char>>);
  base::WipedBuffer<char> buffer(4);
  std::ranges::fill(buffer.span(), 'x');
  buffer.wipe();
  CHECK(buffer.span().size() == 4);
  CHECK(std::ranges::count(buffer.span(), '\0') == 4);
  const char* const place = buffer.span().data();
  base::WipedBuffer<char> moved = std::move(buffer);
  CHECK(moved.span().data() == place);
}

}  // namespace
