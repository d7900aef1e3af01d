#pragma once

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"

namespace base {

/// 32 octets that nobody else may see: wiped when they are destroyed, compared in constant time,
/// and without a text form, so that no log can hold them. Copies are wiped like the first one.
/// \tparam Meaning keeps a preshared key from being passed as a private one.
template <typename Meaning>
class Secret {
 public:
  static constexpr std::size_t size = 32;

  Secret() = default;  ///< all zero
  explicit Secret(std::span<const std::uint8_t, size> octets) {
    std::copy(octets.begin(), octets.end(), octets_.begin());
  }
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  ~Secret() { OPENSSL_cleanse(octets_.data(), octets_.size()); }

  [[nodiscard]] Bytes bytes() const { return octets_; }
  [[nodiscard]] std::span<std::uint8_t, size> span() { return octets_; }

  friend bool operator==(const Secret& a, const Secret& b) {
    return CRYPTO_memcmp(a.octets_.data(), b.octets_.data(), size) == 0;
  }

 private:
  std::array<std::uint8_t, size> octets_{};
};

/// A buffer for data that may hold a secret for a moment, such as the private keys that a device
/// shows when it is read. Of fixed size, so that growing leaves no copy behind; wiped when it is
/// destroyed.
/// \tparam Octet char for text, std::uint8_t for binary protocols.
template <typename Octet>
class WipedBuffer {
 public:
  explicit WipedBuffer(std::size_t size) : octets_(size) {}
  ~WipedBuffer() { wipe(); }
  WipedBuffer(const WipedBuffer&) = delete;
  WipedBuffer& operator=(const WipedBuffer&) = delete;
  WipedBuffer(WipedBuffer&&) noexcept = default;  // the other one is empty then
  WipedBuffer& operator=(WipedBuffer&&) = delete;

  [[nodiscard]] std::span<Octet> span() { return octets_; }
  void wipe() { OPENSSL_cleanse(octets_.data(), octets_.size()); }

 private:
  std::vector<Octet> octets_;
};

}  // namespace base
