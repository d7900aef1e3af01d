#include "noise/keyed_blake2s.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <cassert>
#include <cstring>

#include "noise/blake2s_rounds.hpp"

namespace noise {
KeyedBlake2s::KeyedBlake2s(base::Bytes key) : unkeyed_(blake2s::initial) {
  assert(!key.empty() && key.size() <= 32);
  std::copy(key.begin(), key.end(), key_block_.begin());
  // RFC 7693 §2.5: depth and fanout 1, the lengths of key and output.
  unkeyed_[0] ^= 0x01010000U ^ (static_cast<std::uint32_t>(key.size()) << 8U) ^
                 static_cast<std::uint32_t>(std::tuple_size_v<Mac>);
  keyed_ = unkeyed_;
  compress(keyed_, key_block_, block_octets, false);
}

KeyedBlake2s::~KeyedBlake2s() {
  OPENSSL_cleanse(key_block_.data(), key_block_.size());
  OPENSSL_cleanse(keyed_.data(), sizeof keyed_);
}

Mac KeyedBlake2s::operator()(base::Bytes input) const {
  State state = keyed_;
  std::uint64_t octets = block_octets;
  for (; input.size() > block_octets; input = input.subspan(block_octets))
    compress(state, input.first(block_octets), octets += block_octets, false);
  if (input.empty()) {
    state = unkeyed_;
    compress(state, key_block_, block_octets, true);
  } else {
    Block last{};
    std::copy(input.begin(), input.end(), last.begin());
    compress(state, last, octets + input.size(), true);
  }
  Mac result{};
  for (std::uint32_t& word : state) word = blake2s::little_endian(word);
  std::memcpy(result.data(), state.data(), result.size());
  return result;
}

/// RFC 7693 §3.2.
void KeyedBlake2s::compress(State& state, base::Bytes block, std::uint64_t octets_so_far,
                            bool is_last) {
  assert(block.size() == block_octets);
  blake2s::compress(state, blake2s::read_block(block.first<block_octets>()), octets_so_far,
                    is_last);
}

}  // namespace noise
