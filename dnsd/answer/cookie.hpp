#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/ip_address.hpp"
#include "dnsd/settings/cookie_secret_file.hpp"

/// DNS cookies (RFC 7873) in the form that all servers of one name share (RFC 9018): a client that
/// echoes one has received a reply at the address that it claims.
namespace dnsd {

inline constexpr std::size_t client_cookie_octets = 8;   // RFC 7873 §4
inline constexpr std::size_t server_cookie_octets = 16;  // RFC 9018 §4
using ServerCookie = std::array<std::uint8_t, server_cookie_octets>;

/// What the server's part of a client's cookie is worth.
enum class CookieState : std::uint8_t {
  invalid,  ///< not ours, not this client's, or too old
  aging,    ///< valid; the client is to be given a new one
  fresh     ///< valid, and returned unchanged
};

/// The secrets that cookies are made and checked with. Immutable, any thread; replaced as a whole
/// at a rollover.
class CookieJar {
 public:
  /// \param previous still accepted, never used for new cookies (RFC 9018 §5).
  explicit CookieJar(const CookieSecret& current,
                     std::optional<CookieSecret> previous = std::nullopt);
  ~CookieJar();
  CookieJar(const CookieJar&) = delete;
  CookieJar& operator=(const CookieJar&) = delete;

  /// A new secret, drawn at random. \throws std::runtime_error: the system has no random octets.
  [[nodiscard]] static CookieSecret draw_secret();

  /// \param client_cookie 8 octets.
  [[nodiscard]] ServerCookie make(base::Bytes client_cookie, const base::IpAddress& client,
                                  base::WallTime now) const;
  /// Valid: we made it for this client within the last hour (the clock of another server may be
  /// five minutes ahead). Fresh: with the current secret, and within half an hour. RFC 9018 §4.3.
  /// \param client_cookie 8 octets. \param server_cookie any length.
  [[nodiscard]] CookieState check(base::Bytes client_cookie, base::Bytes server_cookie,
                                  const base::IpAddress& client, base::WallTime now) const;

 private:
  CookieSecret current_;
  std::optional<CookieSecret> previous_;
};

}  // namespace dnsd
