#include "base/hash.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/encoding.hpp"

namespace {

std::vector<std::uint8_t> pattern(std::size_t size) {
  std::vector<std::uint8_t> octets(size);
  for (std::size_t i = 0; i < size; ++i) octets[i] = static_cast<std::uint8_t>(i * 37 + 11);
  return octets;
}

TEST_CASE("equal octets hash alike wherever they lie in memory") {
  for (std::size_t size = 0; size <= 300; ++size) {
    CAPTURE(size);
    const auto octets = pattern(size);
    auto shifted = octets;
    shifted.insert(shifted.begin(), 0xaa);
    CHECK(base::keyed_hash(octets) == base::keyed_hash(base::Bytes(shifted).subspan(1)));
  }
}

TEST_CASE("every single octet counts, up to hash_octets and beyond") {
  for (const std::size_t size : {1U, 15U, 16U, 17U, 31U, 32U, 33U, 90U, 255U, 256U, 300U}) {
    CAPTURE(size);
    std::set<std::size_t> hashes;
    auto octets = pattern(size);
    hashes.insert(base::keyed_hash(octets));
    for (auto& octet : octets) {
      octet ^= 0x01U;
      hashes.insert(base::keyed_hash(octets));
      octet ^= 0x01U;
    }
    CHECK(hashes.size() == size + 1);
  }
}

TEST_CASE("zeros of different lengths hash differently") {
  std::set<std::size_t> hashes;
  for (std::size_t size = 0; size <= base::hash_octets; ++size)
    hashes.insert(base::keyed_hash(std::vector<std::uint8_t>(size)));
  CHECK(hashes.size() == base::hash_octets + 1);
}

TEST_CASE("the low bits of consecutive inputs are spread evenly") {
  std::vector<int> buckets(256);
  for (unsigned i = 0; i < 256 * 64; ++i) {
    const std::array<std::uint8_t, 4> octets = {static_cast<std::uint8_t>(i >> 8U),
                                                static_cast<std::uint8_t>(i), 0, 0};
    ++buckets[base::keyed_hash(octets) & 0xffU];
  }
  for (const int count : buckets) {
    CHECK(count > 16);  // 64 expected, deviation 8: six deviations
    CHECK(count < 112);
  }
}

TEST_CASE("the lower-case hash changes A to Z and nothing else, at every place") {
  for (unsigned value = 0; value < 256; ++value) {
    for (const std::size_t size : {1U, 9U, 16U, 29U}) {
      for (std::size_t place = 0; place < size; ++place) {
        std::vector<std::uint8_t> octets(size, 'a');
        octets[place] = static_cast<std::uint8_t>(value);
        auto lowered = octets;
        lowered[place] = base::to_lower(lowered[place]);
        CAPTURE(value);
        CAPTURE(place);
        REQUIRE(base::keyed_hash_lower(octets) == base::keyed_hash(lowered));
      }
    }
  }
}

}  // namespace
