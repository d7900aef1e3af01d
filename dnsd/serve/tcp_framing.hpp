#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"

namespace dnsd {

/// Finds the messages in the stream of one TCP connection: each is preceded by its length in two
/// octets (RFC 1035 §4.2.2, RFC 7766 §8), and octets arrive in pieces of any size. Holds what has
/// not been taken yet. Its memory grows with the octets received, never with an announced length.
/// Pure.
class TcpFraming {
 public:
  /// Adds what was received.
  void append(base::Bytes received) {
    buffer_.insert(buffer_.end(), received.begin(), received.end());
  }

  /// The next whole message, 0–65535 octets, borrowed until the next call of append() or compact().
  /// \return nullopt: none is whole yet.
  [[nodiscard]] std::optional<base::Bytes> next() {
    if (waiting() < 2) return std::nullopt;
    const std::size_t length = (std::size_t{buffer_[taken_]} << 8U) | buffer_[taken_ + 1];
    if (waiting() - 2 < length) return std::nullopt;
    const base::Bytes message = base::Bytes(buffer_).subspan(taken_ + 2, length);
    taken_ += 2 + length;
    return message;
  }

  /// Frees the memory of the messages that were taken.
  void compact() {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(taken_));
    taken_ = 0;
    if (buffer_.empty()) buffer_.shrink_to_fit();
  }

  /// Octets that were received and not taken.
  [[nodiscard]] std::size_t waiting() const { return buffer_.size() - taken_; }

 private:
  std::vector<std::uint8_t> buffer_;
  std::size_t taken_ = 0;  // octets at the start of buffer_
};

}  // namespace dnsd
