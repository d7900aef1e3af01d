#include "noise/mac_checker.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <string_view>

namespace noise {
namespace {

constexpr std::string_view mac1_label = "mac1----";    // paper §5.4.4
constexpr std::string_view cookie_label = "cookie--";  // §5.4.7
/// Paper §5.4.7: the secret, and with it every cookie, lives for two minutes.
constexpr std::chrono::seconds cookie_life{120};
/// A cookie is discarded shortly before the side that made it forgets it, as in other
/// implementations.
constexpr std::chrono::seconds cookie_use{115};

Hash labelled_key(std::string_view label, const wg::PublicKey& key) {
  return hash(base::as_bytes(label), key.octets());
}

bool equal(base::Bytes a, const Mac& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), b.size()) == 0;
}

}  // namespace

KeyedBlake2s mac1_of(const wg::PublicKey& receiver) {
  return KeyedBlake2s(labelled_key(mac1_label, receiver));
}

SharedKey cookie_key_of(const wg::PublicKey& receiver) {
  return SharedKey(labelled_key(cookie_label, receiver));
}

MacChecker::MacChecker(const wg::PublicKey& own)
    : mac1_(mac1_of(own)), cookie_key_(cookie_key_of(own)) {}

MacChecker::Verdict MacChecker::check(const Macs& macs, const base::Endpoint& source,
                                      base::SteadyTime now) {
  if (!equal(macs.mac1, mac1_(macs.before_mac1))) return Verdict::wrong;
  return cookies_.is_right(macs, source, now) ? Verdict::mac2 : Verdict::mac1;
}

void MacChecker::write_reply(SessionIndex sender, const Macs& macs, const base::Endpoint& source,
                             base::SteadyTime now, base::MutableBytes out) {
  cookies_.write_reply(cookie_key_, sender, macs, source, now, out);
}

bool CookieMaker::is_right(const Macs& macs, const base::Endpoint& source, base::SteadyTime now) {
  const bool has_mac2 =
      std::any_of(macs.mac2.begin(), macs.mac2.end(), [](auto octet) { return octet != 0; });
  // Nearly all of them have none: no cookie has to be made.
  return has_mac2 && equal(macs.mac2, KeyedBlake2s(cookie_of(source, now))(macs.before_mac2));
}

void CookieMaker::write_reply(const SharedKey& key, SessionIndex sender, const Macs& macs,
                              const base::Endpoint& source, base::SteadyTime now,
                              base::MutableBytes out) {
  Nonce24 nonce{};
  fill_random(nonce);
  std::array<std::uint8_t, mac_octets + tag_octets> sealed{};
  seal(key, nonce, cookie_of(source, now), macs.mac1, sealed);
  write_cookie_reply(sender, nonce, sealed, out);
}

Mac CookieMaker::cookie_of(const base::Endpoint& source, base::SteadyTime now) {
  if (!secret_drawn_ || now - *secret_drawn_ >= cookie_life) {
    fill_random(secret_.span());
    secret_drawn_ = now;
  }
  std::array<std::uint8_t, 18> address{};
  base::ByteWriter writer(address);
  writer.bytes(source.address.bytes());
  writer.u16(base::to_number(source.port));
  return KeyedBlake2s(secret_.bytes())(writer.written());
}

void MacWriter::write(const wg::PublicKey& peer, base::SteadyTime now, base::MutableBytes message) {
  const std::size_t covered = message.size() - 2 * mac_octets;
  last_mac1_ = mac1_of(peer)(message.first(covered));
  std::copy(last_mac1_->begin(), last_mac1_->end(), message.subspan(covered).begin());
  if (!cookie_ || now - cookie_->received >= cookie_use) return;
  const Mac mac2 = KeyedBlake2s(cookie_->value)(message.first(covered + mac_octets));
  std::copy(mac2.begin(), mac2.end(), message.last(mac_octets).begin());
}

bool MacWriter::take(const wg::PublicKey& peer, const CookieReply& reply, base::SteadyTime now) {
  if (!last_mac1_) return false;
  const SharedKey key = cookie_key_of(peer);
  Cookie cookie{.value = {}, .received = now};
  if (!open(key, reply.nonce, reply.sealed_cookie, *last_mac1_, cookie.value)) return false;
  last_mac1_.reset();  // one cookie per message: a second one was not asked for
  cookie_ = cookie;
  return true;
}

}  // namespace noise
