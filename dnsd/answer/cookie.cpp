#include "dnsd/answer/cookie.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <memory>
#include <stdexcept>

namespace dnsd {
namespace {

constexpr std::uint8_t cookie_version = 1;  // RFC 9018 §4.1
constexpr std::size_t hash_octets = 8;
constexpr std::size_t hashed_part =
    server_cookie_octets - hash_octets;        // version, reserved, timestamp
constexpr std::int32_t oldest_seconds = 3600;  // RFC 9018 §4.3
constexpr std::int32_t fresh_seconds = 1800;
constexpr std::int32_t ahead_seconds = 300;

struct MacDeleter {
  void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
};
struct MacContextDeleter {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

using MacContext = std::unique_ptr<EVP_MAC_CTX, MacContextDeleter>;

MacContext make_siphash_context() {
  static const std::unique_ptr<EVP_MAC, MacDeleter> algorithm(
      EVP_MAC_fetch(nullptr, "SIPHASH", nullptr));
  MacContext context(algorithm ? EVP_MAC_CTX_new(algorithm.get()) : nullptr);
  std::size_t size = hash_octets;
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size), OSSL_PARAM_construct_end()};
  if (!context || EVP_MAC_CTX_set_params(context.get(), parameters.data()) != 1)
    throw std::runtime_error("OpenSSL offers no SipHash of 8 octets");
  return context;
}

/// One context per thread, with its parameters: fetching the algorithm costs more than using it,
/// and so do parameters that are looked for by name.
EVP_MAC_CTX* siphash_context() {
  thread_local const MacContext context = make_siphash_context();
  return context.get();
}

/// RFC 9018 §4.4: SipHash-2-4 of client cookie, version, reserved, timestamp and client address.
std::array<std::uint8_t, hash_octets> hash(const CookieSecret& secret, base::Bytes client_cookie,
                                           base::Bytes head, const base::IpAddress& client) {
  std::array<std::uint8_t, hash_octets> result{};
  EVP_MAC_CTX* const context = siphash_context();
  std::size_t size = 0;
  const base::Bytes address = client.bytes();
  const bool done = EVP_MAC_init(context, secret.data(), secret.size(), nullptr) == 1 &&
                    EVP_MAC_update(context, client_cookie.data(), client_cookie.size()) == 1 &&
                    EVP_MAC_update(context, head.data(), head.size()) == 1 &&
                    EVP_MAC_update(context, address.data(), address.size()) == 1 &&
                    EVP_MAC_final(context, result.data(), &size, result.size()) == 1 &&
                    size == result.size();
  if (!done) throw std::runtime_error("SipHash failed");
  return result;
}

}  // namespace

CookieJar::CookieJar(const CookieSecret& current, std::optional<CookieSecret> previous)
    : current_(current), previous_(previous) {}

CookieJar::~CookieJar() {
  OPENSSL_cleanse(current_.data(), current_.size());
  if (previous_) OPENSSL_cleanse(previous_->data(), previous_->size());
}

CookieSecret CookieJar::draw_secret() {
  CookieSecret secret{};
  if (RAND_bytes(secret.data(), static_cast<int>(secret.size())) != 1)
    throw std::runtime_error("no random octets");
  return secret;
}

ServerCookie CookieJar::make(base::Bytes client_cookie, const base::IpAddress& client,
                             base::WallTime now) const {
  ServerCookie cookie{};
  base::ByteWriter writer(cookie);
  writer.u32(std::uint32_t{cookie_version} << 24U);
  writer.u32(static_cast<std::uint32_t>(now.time_since_epoch().count()));
  writer.bytes(hash(current_, client_cookie, base::Bytes(cookie).first(hashed_part), client));
  return cookie;
}

CookieState CookieJar::check(base::Bytes client_cookie, base::Bytes server_cookie,
                             const base::IpAddress& client, base::WallTime now) const {
  if (server_cookie.size() != server_cookie_octets) return CookieState::invalid;
  base::ByteReader reader(server_cookie);
  if (reader.u8() != cookie_version) return CookieState::invalid;
  reader.skip(3);
  // RFC 9018 §4.3: serial number arithmetic (RFC 1982).
  const auto age = static_cast<std::int32_t>(
      static_cast<std::uint32_t>(now.time_since_epoch().count()) - reader.u32());
  if (age > oldest_seconds || age < -ahead_seconds) return CookieState::invalid;
  const auto matches = [&](const CookieSecret& secret) {
    const auto expected = hash(secret, client_cookie, server_cookie.first(hashed_part), client);
    return CRYPTO_memcmp(expected.data(), server_cookie.data() + hashed_part, hash_octets) == 0;
  };
  if (matches(current_)) return age <= fresh_seconds ? CookieState::fresh : CookieState::aging;
  return previous_ && matches(*previous_) ? CookieState::aging : CookieState::invalid;
}

}  // namespace dnsd
