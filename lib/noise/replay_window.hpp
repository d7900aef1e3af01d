#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace noise {

/// Which counters of a session were received, without shifting a bitmap (RFC 6479): a ring of
/// words. A new highest counter clears the words that it skips. 17 words of 64 bits: a packet may
/// be `window` counters late.
class ReplayWindow {
 public:
  /// One word less than the ring: the one that the newest counter is in is only partly in use.
  static constexpr std::uint64_t window = 1024;

  /// Whether the counter is new and not too late. Changes nothing: ask before decrypting.
  [[nodiscard]] bool is_new(std::uint64_t counter) const {
    if (counter >= next_) return true;
    if (next_ - counter > window) return false;
    return (words_[place(counter)] & bit(counter)) == 0;
  }

  /// Marks a counter that is_new() and whose packet is authentic. \return true: no packet of the
  /// session had a higher one.
  bool take(std::uint64_t counter) {
    const bool is_highest = counter >= next_;
    if (is_highest) {
      const std::uint64_t newest_word = next_ == 0 ? 0 : (next_ - 1) / word_bits;
      const std::uint64_t steps = counter / word_bits - newest_word;
      for (std::uint64_t i = 1; i <= steps && i <= words_.size(); ++i)
        words_[(newest_word + i) % words_.size()] = 0;
      next_ = counter + 1;
    }
    words_[place(counter)] |= bit(counter);
    return is_highest;
  }

 private:
  static constexpr std::uint64_t word_bits = 64;

  [[nodiscard]] static std::size_t place(std::uint64_t counter) {
    return (counter / word_bits) % (window / word_bits + 1);
  }
  [[nodiscard]] static std::uint64_t bit(std::uint64_t counter) {
    return std::uint64_t{1} << (counter % word_bits);
  }

  std::uint64_t next_ = 0;  // above the highest so far; counters end below 2^64 - 2^13 (paper §6.1)
  std::array<std::uint64_t, window / word_bits + 1> words_{};
};

}  // namespace noise
