#pragma once

#include <openssl/crypto.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/expected.hpp"
#include "dnsd/settings/config.hpp"

/// The secrets of the DNS cookies, as the operator gives them to all servers of one zone.
namespace dnsd {

using CookieSecret = std::array<std::uint8_t, 16>;

/// Wiped when it is destroyed.
struct CookieSecrets {
  CookieSecret current{};
  std::optional<CookieSecret> previous = {};  ///< still accepted, never used for new cookies

  ~CookieSecrets() {
    OPENSSL_cleanse(current.data(), current.size());
    if (previous) OPENSSL_cleanse(previous->data(), previous->size());
  }
};

/// Reads `cookie-secret-file`. \return nullopt: the configuration names none.
/// \throws ConfigError that names the file, and the line that is wrong; never the secret.
[[nodiscard]] std::optional<CookieSecrets> load_cookie_secrets(const Config& config);

/// The text of such a file: one or two lines of 32 hex digits, the first makes new cookies, the
/// second is still accepted. Empty lines and lines that begin with '#' are skipped. \error what is
/// wrong, with the line; never the secret.
[[nodiscard]] base::Expected<CookieSecrets, std::string> parse_cookie_secrets(
    std::string_view text);

}  // namespace dnsd
