#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace base {

/// Borrowed octets. std::uint8_t and not std::byte: OpenSSL, ldns and the socket calls use it, and
/// a reinterpret_cast at each of them would be worse than the arithmetic that std::byte forbids.
using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

/// The octets of a text, borrowed.
[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return {static_cast<const std::uint8_t*>(static_cast<const void*>(text.data())), text.size()};
}
/// Octets as a text, borrowed; any octet may be in it.
[[nodiscard]] inline std::string_view as_text(Bytes octets) {
  return {static_cast<const char*>(static_cast<const void*>(octets.data())), octets.size()};
}

/// A number in network byte order as one of the host, and back.
template <typename Word>
[[nodiscard]] constexpr Word swap_network_order(Word word) {
  if constexpr (std::endian::native == std::endian::big || sizeof word == 1) {
    return word;
  } else if constexpr (sizeof word == 2) {
    return __builtin_bswap16(word);
  } else if constexpr (sizeof word == 4) {
    return __builtin_bswap32(word);
  } else {
    return __builtin_bswap64(word);
  }
}

/// Reads untrusted octets in network byte order. The error is sticky: a read past the end fails,
/// and every later read returns zero or an empty span, so a parser checks ok() once, after the last
/// read.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : rest_(bytes), size_(bytes.size()) {}

  [[nodiscard]] bool ok() const { return ok_; }
  /// Octets read; after an error, the size of the input.
  [[nodiscard]] std::size_t offset() const { return size_ - rest_.size(); }
  [[nodiscard]] std::size_t remaining() const { return rest_.size(); }

  std::uint8_t u8() { return number<std::uint8_t>(); }
  std::uint16_t u16() { return number<std::uint16_t>(); }
  std::uint32_t u32() { return number<std::uint32_t>(); }
  /// The next `count` octets, borrowed from the input; empty after an error.
  Bytes bytes(std::size_t count) {
    if (rest_.size() < count) {
      fail();
      return {};
    }
    const Bytes result = rest_.first(count);
    rest_ = rest_.subspan(count);
    return result;
  }
  void skip(std::size_t count) { (void)bytes(count); }

 private:
  template <typename Word>
  Word number() {
    if (rest_.size() < sizeof(Word)) {
      fail();
      return 0;
    }
    Word word;
    std::memcpy(&word, rest_.data(), sizeof word);
    rest_ = rest_.subspan(sizeof word);
    return swap_network_order(word);
  }
  void fail() {
    rest_ = {};  // nothing fits any more
    ok_ = false;
  }

  Bytes rest_;
  std::size_t size_;
  bool ok_ = true;
};

/// Writes octets in network byte order into a borrowed buffer. The overflow is sticky: once
/// something did not fit, nothing more is written and ok() is false.
class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes buffer) : buffer_(buffer), limit_(buffer.size()) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t room() const { return limit_ - size_; }
  [[nodiscard]] Bytes written() const { return buffer_.first(size_); }

  void u8(std::uint8_t value) { number(value); }
  void u16(std::uint16_t value) { number(value); }
  void u32(std::uint32_t value) { number(value); }
  void bytes(Bytes data) {
    if (room() < data.size()) return fail();
    if (!data.empty()) std::memcpy(buffer_.data() + size_, data.data(), data.size());
    size_ += data.size();
  }
  /// Overwrites two octets that were written before. \param offset + 2 <= size().
  void patch_u16(std::size_t offset, std::uint16_t value) {
    if (size_ < 2 || offset > size_ - 2) return;
    const std::uint16_t word = swap_network_order(value);
    std::memcpy(buffer_.data() + offset, &word, sizeof word);
  }
  /// Takes back everything behind `size`, and the overflow with it. \param size <= size().
  void rewind(std::size_t size) {
    if (size > size_) return;
    size_ = size;
    limit_ = buffer_.size();
    ok_ = true;
  }

 private:
  template <typename Word>
  void number(Word value) {
    if (room() < sizeof value) return fail();
    const Word word = swap_network_order(value);
    std::memcpy(buffer_.data() + size_, &word, sizeof word);
    size_ += sizeof word;
  }
  void fail() {
    limit_ = size_;  // nothing fits any more
    ok_ = false;
  }

  MutableBytes buffer_;
  std::size_t size_ = 0;
  std::size_t limit_;
  bool ok_ = true;
};

}  // namespace base
