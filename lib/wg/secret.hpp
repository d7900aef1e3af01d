#pragma once

#include <openssl/crypto.h>

#include <cstddef>
#include <span>
#include <vector>

namespace wg {

/// Room for what may be a secret for a moment (whoever reads a device is shown its private keys):
/// of fixed size, so that growing leaves no copy behind, and wiped when it goes.
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

}  // namespace wg
