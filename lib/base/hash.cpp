#include "base/hash.hpp"

#include "base/encoding.hpp"
#include "base/uint128.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace base {
namespace {

struct Secret {
  std::array<std::uint64_t, hash_octets / 8> words{};
  std::array<std::uint64_t, 2> finish{};
};

/// Inside a function, so that hashing during another file's static initialisation finds it filled.
const Secret& secret() {
  static const Secret drawn = [] {
    Secret result;
    if (getentropy(result.words.data(), sizeof result.words) != 0 ||
        getentropy(result.finish.data(), sizeof result.finish) != 0)
      std::abort();  // Linux before 3.17: without a secret the tables could be attacked
    return result;
  }();
  return drawn;
}

std::uint64_t keep(std::uint64_t word) {
  return word;
}

/// Tables take the low bits, or a remainder: every bit of the sum must reach them.
std::uint64_t mix(Uint128 sum, const Secret& key) {
  const Uint128 product =
      Uint128{static_cast<std::uint64_t>(sum) ^ key.finish[0]} * (high_word(sum) ^ key.finish[1]);
  return static_cast<std::uint64_t>(product) ^ high_word(product);
}

template <std::uint64_t (*transform)(std::uint64_t)>
std::size_t hash(Bytes bytes) {
  const Secret& key = secret();
  Uint128 sum = bytes.size();  // the padding below makes "a" and "a\0" alike; their length does not
  std::size_t index = 0;
  const auto add = [&](const std::uint8_t* block) {
    std::array<std::uint64_t, 2> words{};
    std::memcpy(words.data(), block, sizeof words);
    const std::uint64_t a = transform(words[0]) + key.words[index];
    const std::uint64_t b = transform(words[1]) + key.words[index + 1];
    sum += Uint128{a} * b;
    index += 2;
    if (index < key.words.size()) return;
    sum = mix(sum, key);  // words are reused: without this, swapped blocks would hash alike
    index = 0;
  };
  if (bytes.size() < 16) {
    std::array<std::uint8_t, 16> padded{};
    std::copy(bytes.begin(), bytes.end(), padded.begin());
    add(padded.data());
  } else {
    const Bytes last = bytes.last(16);  // overlaps the block before: cheaper than padding
    for (; bytes.size() > 16; bytes = bytes.subspan(16)) add(bytes.data());
    add(last.data());
  }
  return static_cast<std::size_t>(mix(sum, key));
}

}  // namespace

std::size_t keyed_hash(Bytes bytes) noexcept {
  return hash<keep>(bytes);
}

std::size_t keyed_hash_lower(Bytes bytes) noexcept {
  return hash<to_lower>(bytes);
}

}  // namespace base
