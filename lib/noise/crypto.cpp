// The primitives of WireGuard on OpenSSL 3, with HChaCha20 written out here: first the algorithms
// and the contexts, which each thread has for itself, then the functions in the order of the
// header. Runs on the caller's thread. The handshake made of them is in handshake.cpp, keyed
// BLAKE2s for mac1 in keyed_blake2s.cpp.

#include "noise/crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <stdexcept>
#include <string>

namespace noise {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string("OpenSSL: no ") + what);
}
void check(bool done, const char* what) {
  if (!done) fail(what);
}

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* handle) const {
    release(handle);
  }
};
template <typename T, auto release>
using Handle = std::unique_ptr<T, Release<release>>;

using Digest = Handle<EVP_MD, EVP_MD_free>;
using MacAlgorithm = Handle<EVP_MAC, EVP_MAC_free>;
using Cipher = Handle<EVP_CIPHER, EVP_CIPHER_free>;
using Key = Handle<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;

/// Fetched once for the process.
struct Algorithms {
  Digest blake2s{EVP_MD_fetch(nullptr, "BLAKE2S-256", nullptr)};
  MacAlgorithm hmac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
  Cipher aead{EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr)};
};
const Algorithms& algorithms() {
  static const Algorithms fetched;
  return fetched;
}

/// Made once per thread: setting one up costs more than using it.
struct Contexts {
  Handle<EVP_MD_CTX, EVP_MD_CTX_free> digest{EVP_MD_CTX_new()};
  Handle<EVP_MAC_CTX, EVP_MAC_CTX_free> hmac{EVP_MAC_CTX_new(algorithms().hmac.get())};
  Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> seal{EVP_CIPHER_CTX_new()};
  Handle<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> open{EVP_CIPHER_CTX_new()};

  Contexts() {
    check(digest && EVP_DigestInit_ex2(digest.get(), algorithms().blake2s.get(), nullptr) == 1,
          "BLAKE2s");
    std::string name = "BLAKE2S-256";
    const std::array<OSSL_PARAM, 2> over_blake2s = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), name.size()),
        OSSL_PARAM_construct_end()};
    check(hmac && EVP_MAC_CTX_set_params(hmac.get(), over_blake2s.data()) == 1, "HMAC");
    const EVP_CIPHER* const aead = algorithms().aead.get();
    check(seal && EVP_EncryptInit_ex2(seal.get(), aead, nullptr, nullptr, nullptr) == 1 && open &&
              EVP_DecryptInit_ex2(open.get(), aead, nullptr, nullptr, nullptr) == 1,
          "ChaCha20-Poly1305");
  }
};
Contexts& contexts() {
  thread_local Contexts made;
  return made;
}

Hash authenticate(EVP_MAC_CTX* context, base::Bytes key, base::Bytes a, base::Bytes b = {}) {
  Hash result{};
  std::size_t written = 0;
  check(EVP_MAC_init(context, key.data(), key.size(), nullptr) == 1 &&
            EVP_MAC_update(context, a.data(), a.size()) == 1 &&
            (b.empty() || EVP_MAC_update(context, b.data(), b.size()) == 1) &&
            EVP_MAC_final(context, result.data(), &written, result.size()) == 1,
        "HMAC");
  return result;
}

using Nonce12 = std::array<std::uint8_t, 12>;

Nonce12 counter_nonce(std::uint64_t counter) {
  Nonce12 nonce{};
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
  return nonce;
}

Nonce12 tail_nonce(const Nonce24& nonce) {
  Nonce12 result{};
  std::copy(nonce.begin() + 16, nonce.end(), result.begin() + 4);
  return result;
}

int to_int(std::size_t size) {
  return static_cast<int>(size);
}

void seal_with(base::Bytes key, const Nonce12& nonce, base::Bytes plain, base::Bytes also,
               base::MutableBytes out) {
  assert(out.size() == plain.size() + tag_octets);
  EVP_CIPHER_CTX* const context = contexts().seal.get();
  int size = 0;
  std::uint8_t nothing = 0;
  check(EVP_EncryptInit_ex2(context, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
            (also.empty() ||
             EVP_EncryptUpdate(context, nullptr, &size, also.data(), to_int(also.size())) == 1) &&
            (plain.empty() || EVP_EncryptUpdate(context, out.data(), &size, plain.data(),
                                                to_int(plain.size())) == 1) &&
            EVP_EncryptFinal_ex(context, &nothing, &size) == 1 &&
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_octets,
                                out.data() + plain.size()) == 1,
        "ChaCha20-Poly1305");
}

bool open_with(base::Bytes key, const Nonce12& nonce, base::Bytes sealed, base::Bytes also,
               base::MutableBytes out) {
  if (sealed.size() < tag_octets) return false;
  assert(out.size() == sealed.size() - tag_octets);
  EVP_CIPHER_CTX* const context = contexts().open.get();
  const base::Bytes body = sealed.first(sealed.size() - tag_octets);
  std::array<std::uint8_t, tag_octets> tag{};
  std::copy(sealed.end() - tag_octets, sealed.end(), tag.begin());
  int size = 0;
  std::uint8_t nothing = 0;
  check(EVP_DecryptInit_ex2(context, nullptr, key.data(), nonce.data(), nullptr) == 1 &&
            (also.empty() ||
             EVP_DecryptUpdate(context, nullptr, &size, also.data(), to_int(also.size())) == 1) &&
            (body.empty() || EVP_DecryptUpdate(context, out.data(), &size, body.data(),
                                               to_int(body.size())) == 1) &&
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_octets, tag.data()) == 1,
        "ChaCha20-Poly1305");
  return EVP_DecryptFinal_ex(context, &nothing, &size) == 1;
}

using ChaChaState = std::array<std::uint32_t, 16>;

/// RFC 8439 §2.1.
void quarter_round(ChaChaState& s, std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
  s[a] += s[b];
  s[d] = std::rotl(s[d] ^ s[a], 16);
  s[c] += s[d];
  s[b] = std::rotl(s[b] ^ s[c], 12);
  s[a] += s[b];
  s[d] = std::rotl(s[d] ^ s[a], 8);
  s[c] += s[d];
  s[b] = std::rotl(s[b] ^ s[c], 7);
}

std::uint32_t load_le32(base::Bytes octets) {
  return std::uint32_t{octets[0]} | (std::uint32_t{octets[1]} << 8U) |
         (std::uint32_t{octets[2]} << 16U) | (std::uint32_t{octets[3]} << 24U);
}
void store_le32(base::MutableBytes octets, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) octets[i] = static_cast<std::uint8_t>(value >> (8 * i));
}

}  // namespace

Hash hash(base::Bytes a, base::Bytes b) {
  Hash result{};
  EVP_MD_CTX* const context = contexts().digest.get();
  check(EVP_DigestInit_ex2(context, nullptr, nullptr) == 1 &&
            EVP_DigestUpdate(context, a.data(), a.size()) == 1 &&
            EVP_DigestUpdate(context, b.data(), b.size()) == 1 &&
            EVP_DigestFinal_ex(context, result.data(), nullptr) == 1,
        "BLAKE2s");
  return result;
}

Hash hmac(base::Bytes key, base::Bytes input) {
  return authenticate(contexts().hmac.get(), key, input);
}

template <std::size_t n>
std::array<SharedKey, n> kdf(const SharedKey& key, base::Bytes input) {
  EVP_MAC_CTX* const context = contexts().hmac.get();
  const SharedKey extracted(authenticate(context, key.bytes(), input));
  std::array<SharedKey, n> result;
  for (std::size_t i = 0; i < n; ++i) {
    const std::array<std::uint8_t, 1> number = {static_cast<std::uint8_t>(i + 1)};
    const base::Bytes before = i == 0 ? base::Bytes() : result[i - 1].bytes();
    result[i] = SharedKey(i == 0 ? authenticate(context, extracted.bytes(), number)
                                 : authenticate(context, extracted.bytes(), before, number));
  }
  return result;
}
template std::array<SharedKey, 1> kdf<1>(const SharedKey& key, base::Bytes input);
template std::array<SharedKey, 2> kdf<2>(const SharedKey& key, base::Bytes input);
template std::array<SharedKey, 3> kdf<3>(const SharedKey& key, base::Bytes input);

void seal(const SharedKey& key, std::uint64_t counter, base::Bytes plain, base::Bytes also,
          base::MutableBytes out) {
  seal_with(key.bytes(), counter_nonce(counter), plain, also, out);
}

bool open(const SharedKey& key, std::uint64_t counter, base::Bytes sealed, base::Bytes also,
          base::MutableBytes out) {
  return open_with(key.bytes(), counter_nonce(counter), sealed, also, out);
}

void seal(const SharedKey& key, const Nonce24& nonce, base::Bytes plain, base::Bytes also,
          base::MutableBytes out) {
  const SharedKey subkey = hchacha20(key, std::span(nonce).first<16>());
  seal_with(subkey.bytes(), tail_nonce(nonce), plain, also, out);
}

bool open(const SharedKey& key, const Nonce24& nonce, base::Bytes sealed, base::Bytes also,
          base::MutableBytes out) {
  const SharedKey subkey = hchacha20(key, std::span(nonce).first<16>());
  return open_with(subkey.bytes(), tail_nonce(nonce), sealed, also, out);
}

SharedKey hchacha20(const SharedKey& key, std::span<const std::uint8_t, 16> nonce) {
  ChaChaState state = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};  // RFC 8439 §2.3
  for (std::size_t i = 0; i < 8; ++i) state[4 + i] = load_le32(key.bytes().subspan(4 * i, 4));
  for (std::size_t i = 0; i < 4; ++i) state[12 + i] = load_le32(nonce.subspan(4 * i, 4));
  for (int round = 0; round < 10; ++round) {
    quarter_round(state, 0, 4, 8, 12);
    quarter_round(state, 1, 5, 9, 13);
    quarter_round(state, 2, 6, 10, 14);
    quarter_round(state, 3, 7, 11, 15);
    quarter_round(state, 0, 5, 10, 15);
    quarter_round(state, 1, 6, 11, 12);
    quarter_round(state, 2, 7, 8, 13);
    quarter_round(state, 3, 4, 9, 14);
  }
  SharedKey result;
  for (std::size_t i = 0; i < 4; ++i) {
    store_le32(result.span().subspan(4 * i, 4), state[i]);
    store_le32(result.span().subspan(16 + 4 * i, 4), state[12 + i]);
  }
  OPENSSL_cleanse(state.data(), sizeof state);
  return result;
}

void fill_random(base::MutableBytes out) {
  check(RAND_bytes(out.data(), to_int(out.size())) == 1, "random octets");
}

class KeyPair::Handle {
 public:
  explicit Handle(const wg::PrivateKey& key)
      : key_(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, key.bytes().data(),
                                          wg::PrivateKey::size)),
        context_(key_ ? EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr) : nullptr) {
    check(context_ && EVP_PKEY_derive_init(context_.get()) == 1, "X25519");
  }

  [[nodiscard]] wg::PublicKey public_key() const {
    base::Octets32 octets{};
    std::size_t size = octets.size();
    check(EVP_PKEY_get_raw_public_key(key_.get(), octets.data(), &size) == 1, "X25519");
    return wg::PublicKey(octets);
  }

  [[nodiscard]] std::optional<SharedKey> agree(const wg::PublicKey& other) const {
    const Key peer(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, other.octets().data(),
                                               other.octets().size()));
    check(peer && EVP_PKEY_derive_set_peer_ex(context_.get(), peer.get(), 0) == 1, "X25519");
    SharedKey result;
    std::size_t size = SharedKey::size;
    // Refuses a result of zeros by itself: a point of small order.
    if (EVP_PKEY_derive(context_.get(), result.span().data(), &size) != 1) return std::nullopt;
    return result;
  }

 private:
  Key key_;
  KeyContext context_;
};

KeyPair::KeyPair(const wg::PrivateKey& key)
    : handle_(std::make_unique<Handle>(key)), public_key_(handle_->public_key()) {}
KeyPair::~KeyPair() = default;
KeyPair::KeyPair(KeyPair&&) noexcept = default;
KeyPair& KeyPair::operator=(KeyPair&&) noexcept = default;

KeyPair KeyPair::draw() {
  wg::PrivateKey key;
  fill_random(key.span());
  return KeyPair(key);
}

std::optional<SharedKey> KeyPair::agree(const wg::PublicKey& other) const {
  return handle_->agree(other);
}

}  // namespace noise
