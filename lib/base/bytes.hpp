#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace base {

/// Borrowed octets. std::uint8_t and not std::byte: OpenSSL, ldns and the socket calls speak it,
/// and a reinterpret_cast at each of them would be worse than the arithmetic that std::byte
/// forbids.
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

/// Reads untrusted octets in network byte order. The error is sticky: a read past the end fails,
/// and every later read returns zero or an empty span, so a parser checks ok() once, after the last
/// read.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) : bytes_(bytes) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t offset() const { return offset_; }
  [[nodiscard]] std::size_t remaining() const { return ok_ ? bytes_.size() - offset_ : 0; }

  std::uint8_t u8() {
    const Bytes b = bytes(1);
    return b.empty() ? std::uint8_t{0} : b[0];
  }
  std::uint16_t u16() {
    const Bytes b = bytes(2);
    return b.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>((b[0] << 8U) | b[1]);
  }
  std::uint32_t u32() {
    const Bytes b = bytes(4);
    if (b.empty()) return 0;
    return (std::uint32_t{b[0]} << 24U) | (std::uint32_t{b[1]} << 16U) |
           (std::uint32_t{b[2]} << 8U) | b[3];
  }
  /// The next `count` octets, borrowed from the input; empty after an error.
  Bytes bytes(std::size_t count) {
    if (remaining() < count) {
      ok_ = false;
      return {};
    }
    const Bytes result = bytes_.subspan(offset_, count);
    offset_ += count;
    return result;
  }
  void skip(std::size_t count) { (void)bytes(count); }

 private:
  Bytes bytes_;
  std::size_t offset_ = 0;
  bool ok_ = true;
};

/// Writes octets in network byte order into a borrowed buffer. The overflow is sticky: once
/// something did not fit, nothing more is written and ok() is false.
class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes buffer) : buffer_(buffer) {}

  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t room() const { return ok_ ? buffer_.size() - size_ : 0; }
  [[nodiscard]] Bytes written() const { return buffer_.first(size_); }

  void u8(std::uint8_t value) {
    if (reserve(1)) buffer_[size_++] = value;
  }
  void u16(std::uint16_t value) {
    if (!reserve(2)) return;
    buffer_[size_] = static_cast<std::uint8_t>(value >> 8U);
    buffer_[size_ + 1] = static_cast<std::uint8_t>(value);
    size_ += 2;
  }
  void u32(std::uint32_t value) {
    if (room() < 4) ok_ = false;
    u16(static_cast<std::uint16_t>(value >> 16U));
    u16(static_cast<std::uint16_t>(value));
  }
  void bytes(Bytes data) {
    if (!reserve(data.size())) return;
    std::copy(data.begin(), data.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += data.size();
  }
  /// Overwrites two octets that were written before. \param offset + 2 <= size().
  void patch_u16(std::size_t offset, std::uint16_t value) {
    if (size_ < 2 || offset > size_ - 2) return;
    buffer_[offset] = static_cast<std::uint8_t>(value >> 8U);
    buffer_[offset + 1] = static_cast<std::uint8_t>(value);
  }
  /// Takes back everything behind `size`, and the overflow with it. \param size <= size().
  void rewind(std::size_t size) {
    if (size > size_) return;
    size_ = size;
    ok_ = true;
  }

 private:
  bool reserve(std::size_t count) {
    if (!ok_ || buffer_.size() - size_ < count) ok_ = false;
    return ok_;
  }

  MutableBytes buffer_;
  std::size_t size_ = 0;
  bool ok_ = true;
};

}  // namespace base
