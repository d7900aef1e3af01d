#include "dnsd/settings/cookie_secret_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <system_error>

#include "base/read_file.hpp"

namespace dnsd {

std::optional<CookieSecrets> load_cookie_secrets(const Config& config) {
  if (!config.cookie_secret_file) return std::nullopt;
  const std::string& path = *config.cookie_secret_file;
  auto text = base::read_file(path);
  if (!text)
    throw ConfigError(
        fmt::format("cookie-secret-file {}: {}", path, base::explain_read_error(text.error())));
  const auto secrets = parse_cookie_secrets(*text);
  OPENSSL_cleanse(text->data(), text->size());
  if (!secrets) throw ConfigError(fmt::format("cookie-secret-file {}: {}", path, secrets.error()));
  return *secrets;
}

base::Expected<CookieSecrets, std::string> parse_cookie_secrets(std::string_view text) {
  if (const auto fault = base::find_encoding_fault(text); !fault.empty())
    return base::Unexpected(std::string(fault));
  CookieSecrets secrets;
  std::size_t count = 0;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!word.empty() && (word.back() == ' ' || word.back() == '\r' || word.back() == '\t'))
      word.remove_suffix(1);
    if (word.empty() || word.front() == '#') continue;
    if (count == 2) return base::Unexpected(fmt::format("line {}: more than two secrets", line));
    CookieSecret& secret = count++ == 0 ? secrets.current : secrets.previous.emplace();
    bool valid = word.size() == 2 * secret.size();
    for (std::size_t i = 0; valid && i < secret.size(); ++i) {
      const char* const first = word.data() + 2 * i;
      const auto [stop, ec] = std::from_chars(first, first + 2, secret[i], 16);
      valid = ec == std::errc() && stop == first + 2;
    }
    if (!valid) return base::Unexpected(fmt::format("line {}: a secret is 32 hex digits", line));
  }
  if (count == 0)
    return base::Unexpected(
        std::string("no secret; write 32 hex digits, for example from `openssl rand -hex 16`"));
  return secrets;
}

}  // namespace dnsd
