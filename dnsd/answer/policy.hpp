#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "dnsd/answer/cookie.hpp"
#include "dnsd/answer/rate_limit.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// How questions are answered, whatever the zone says. Immutable but for the counts of the rate
/// limiter; replaced as a whole at reload.
struct Policy {
  std::shared_ptr<const CookieJar> cookies;  ///< never null
  bool cookies_are_from_file = false;
  std::shared_ptr<RateLimiter>
      rate_limiter;  ///< never null; kept over a reload that does not change the limit
  std::vector<base::Prefix> rate_limit_exempt;  ///< loopback always is
  std::string server_id;                        ///< NSID and CHAOS id.server; empty: not told
  std::string version;                          ///< CHAOS version.bind; empty: not told
};

/// The policy that the configuration asks for. \param previous what is in force: the rate limiter
/// goes on counting when its limit is the same, and without a cookie-secret-file the secret stays.
/// Null at start. \throws ConfigError when the secret file cannot be read.
[[nodiscard]] std::shared_ptr<const Policy> make_policy(const Config& config,
                                                        const Policy* previous);

}  // namespace dnsd
