#include "dnsd/answer/policy.hpp"

#include <fmt/format.h>

#include "base/read_file.hpp"

namespace dnsd {
namespace {

std::shared_ptr<const CookieJar> open_cookie_jar(const std::string& path) {
  const auto text = base::read_file(path);
  if (!text)
    throw ConfigError(fmt::format("cookie-secret-file {}: {}", path, text.error().message()));
  const auto secrets = parse_cookie_secrets(*text);
  if (!secrets) throw ConfigError(fmt::format("cookie-secret-file {}: {}", path, secrets.error()));
  return std::make_shared<const CookieJar>(secrets->current, secrets->previous);
}

}  // namespace

std::shared_ptr<const Policy> make_policy(const Config& config, const Policy* previous) {
  Policy policy;
  if (config.cookie_secret_file) {
    policy.cookies = open_cookie_jar(*config.cookie_secret_file);
    policy.cookies_are_from_file = true;
  } else if (previous != nullptr && !previous->cookies_are_from_file) {
    policy.cookies = previous->cookies;
  } else {
    policy.cookies = std::make_shared<const CookieJar>(CookieJar::draw_secret());
  }
  policy.rate_limiter = previous != nullptr && previous->rate_limiter->limit() == config.rate_limit
                            ? previous->rate_limiter
                            : std::make_shared<RateLimiter>(config.rate_limit);
  policy.rate_limit_exempt = config.rate_limit_exempt;
  policy.server_id = config.server_id;
  policy.version = config.server_version;
  return std::make_shared<const Policy>(std::move(policy));
}

}  // namespace dnsd
