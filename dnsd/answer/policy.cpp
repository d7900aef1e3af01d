#include "dnsd/answer/policy.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace dnsd {
namespace {

std::shared_ptr<const CookieJar> open_cookie_jar(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) {
    throw ConfigError(
        fmt::format("cookie-secret-file {}: {}", path, std::generic_category().message(errno)));
  }
  const auto secrets = parse_cookie_secrets(text);
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
