#include "dnsd/answer/policy.hpp"

namespace dnsd {

std::shared_ptr<const Policy> make_policy(const Config& config,
                                          const std::optional<CookieSecrets>& secrets,
                                          const Policy* previous) {
  Policy policy;
  if (secrets) {
    policy.cookies = std::make_shared<const CookieJar>(secrets->current, secrets->previous);
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
