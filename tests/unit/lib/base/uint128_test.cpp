#include "base/uint128.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdint>

#ifdef __SIZEOF_INT128__
namespace {

constexpr std::array<std::uint64_t, 12> words = {
    0,          1,           2,           0x7fffffffU,           0x80000000U,           0xffffffffU,
    1ULL << 32, 3ULL << 62U, 1ULL << 63U, 0xfffffffe00000001ULL, 0x123456789abcdef0ULL, ~0ULL,
};

TEST_CASE("the integer of 32-bit machines multiplies and adds as the compiler's") {
  base::Uint128 wanted = 0;
  base::TwoWords sum = 0;
  for (const std::uint64_t a : words) {
    for (const std::uint64_t b : words) {
      for (const std::uint64_t c : words) {
        CAPTURE(a);
        CAPTURE(b);
        CAPTURE(c);
        wanted += base::Uint128{a} * b * c;
        sum += base::TwoWords{a} * b * c;
        REQUIRE(static_cast<std::uint64_t>(sum) == static_cast<std::uint64_t>(wanted));
        REQUIRE(base::high_word(sum) == base::high_word(wanted));
      }
    }
  }
}

}  // namespace
#endif
