#pragma once

#include <array>
#include <optional>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "noise/crypto.hpp"
#include "noise/message.hpp"

/// The two authenticators of handshake messages, which keep strangers from making us work, and the
/// cookies they are made with (paper §5.3, §5.4.4, §5.4.7). No clock: `now` is a parameter.
namespace noise {

/// What mac1 of the messages for this key is made with: whoever knows the key can check it.
[[nodiscard]] KeyedBlake2s mac1_of(const wg::PublicKey& receiver);
/// What cookies in the name of this key are encrypted with: whoever knows it can hand them out.
[[nodiscard]] SharedKey cookie_key_of(const wg::PublicKey& receiver);

/// Makes and checks cookies, with a secret that nobody else has and that changes every two minutes.
class CookieMaker {
 public:
  /// Whether mac2 is there, and made with our cookie for this source.
  [[nodiscard]] bool is_right(const Macs& macs, const base::Endpoint& source, base::SteadyTime now);
  /// Writes a cookie for the sender of `macs` at `source`. \param key cookie_key_of() the key that
  /// the message is for \param sender the message's own index \param out 64 octets
  void write_reply(const SharedKey& key, SessionIndex sender, const Macs& macs,
                   const base::Endpoint& source, base::SteadyTime now, base::MutableBytes out);

 private:
  [[nodiscard]] Mac cookie_of(const base::Endpoint& source, base::SteadyTime now);

  SharedKey secret_;
  std::optional<base::SteadyTime> secret_drawn_;
};

/// The receiver's side: what arrives for one of our keys.
class MacChecker {
 public:
  enum class Verdict : std::uint8_t {
    wrong,  ///< mac1 is wrong: the sender does not know our public key
    mac1,   ///< the sender knows the key; its address is unproven
    mac2,   ///< the sender received our cookie at its address
  };

  explicit MacChecker(const wg::PublicKey& own);

  [[nodiscard]] Verdict check(const Macs& macs, const base::Endpoint& source, base::SteadyTime now);
  /// Writes a cookie for the sender of `macs` at `source`. \param sender the message's own index.
  /// \param out 64 octets
  void write_reply(SessionIndex sender, const Macs& macs, const base::Endpoint& source,
                   base::SteadyTime now, base::MutableBytes out);

 private:
  KeyedBlake2s mac1_;
  SharedKey cookie_key_;
  CookieMaker cookies_;
};

/// The sender's side: fills in both macs, and remembers the cookie of one peer.
class MacWriter {
 public:
  /// Writes mac1, and mac2 when a young cookie is there. \param message an initiation or response
  /// with room for both at its end
  void write(const wg::PublicKey& peer, base::SteadyTime now, base::MutableBytes message);
  /// \return false: not an answer to the last message written.
  bool take(const wg::PublicKey& peer, const CookieReply& reply, base::SteadyTime now);

 private:
  struct Cookie {
    Mac value{};
    base::SteadyTime received;
  };
  std::optional<Mac> last_mac1_;
  std::optional<Cookie> cookie_;
};

}  // namespace noise
