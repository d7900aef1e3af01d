#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/bytes.hpp"
#include "noise/keyed_blake2s.hpp"
#include "wg/public_key.hpp"
#include "wg/secret_keys.hpp"

/// The primitives that WireGuard is made of (paper §5.4, table of functions), on OpenSSL 3:
/// algorithms are fetched once, contexts kept per thread. Any thread may call. Throws
/// std::runtime_error when OpenSSL lacks an algorithm or memory; input never makes it throw.
namespace noise {

using Hash = std::array<std::uint8_t, 32>;
/// What two parties agreed on, or what was derived from it: DH results, chaining and cipher keys.
using SharedKey = base::Secret<struct SharedKeyMeaning>;

inline constexpr std::size_t tag_octets = 16;  ///< what Poly1305 adds
using Nonce24 = std::array<std::uint8_t, 24>;

/// Hash(a ‖ b): BLAKE2s-256.
[[nodiscard]] Hash hash(base::Bytes a, base::Bytes b = {});
/// Hmac(key, input): HMAC over BLAKE2s-256.
[[nodiscard]] Hash hmac(base::Bytes key, base::Bytes input);
/// Kdf_n(key, input), n = 1 to 3: HKDF (RFC 5869) with an empty info.
template <std::size_t n>
[[nodiscard]] std::array<SharedKey, n> kdf(const SharedKey& key, base::Bytes input);

/// Aead(key, counter, plain, also): ChaCha20-Poly1305 (RFC 8439), nonce 0⁴ ‖ counter.
/// \param out exactly plain.size() + tag_octets; may begin where `plain` does.
void seal(const SharedKey& key, std::uint64_t counter, base::Bytes plain, base::Bytes also,
          base::MutableBytes out);
/// \param out exactly sealed.size() - tag_octets; may begin where `sealed` does.
/// \return false: not made with this key, counter and `also`; `out` is worthless.
[[nodiscard]] bool open(const SharedKey& key, std::uint64_t counter, base::Bytes sealed,
                        base::Bytes also, base::MutableBytes out);

/// Xaead: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha §2), HChaCha20 before the above.
void seal(const SharedKey& key, const Nonce24& nonce, base::Bytes plain, base::Bytes also,
          base::MutableBytes out);
[[nodiscard]] bool open(const SharedKey& key, const Nonce24& nonce, base::Bytes sealed,
                        base::Bytes also, base::MutableBytes out);
/// HChaCha20 (draft-irtf-cfrg-xchacha §2.2). \param nonce 16 octets.
[[nodiscard]] SharedKey hchacha20(const SharedKey& key, std::span<const std::uint8_t, 16> nonce);

void fill_random(base::MutableBytes out);

/// A Curve25519 key pair that is ready for use. One thread at a time.
class KeyPair {
 public:
  explicit KeyPair(const wg::PrivateKey& key);
  ~KeyPair();
  KeyPair(KeyPair&&) noexcept;
  KeyPair& operator=(KeyPair&&) noexcept;
  /// A new one, at random.
  [[nodiscard]] static KeyPair draw();

  [[nodiscard]] const wg::PublicKey& public_key() const { return public_key_; }
  /// Dh(this, other). \return nullopt: `other` is of small order: the result would be zero for any
  /// private key.
  [[nodiscard]] std::optional<SharedKey> agree(const wg::PublicKey& other) const;

 private:
  class Handle;
  std::unique_ptr<Handle> handle_;
  wg::PublicKey public_key_;
};

}  // namespace noise
