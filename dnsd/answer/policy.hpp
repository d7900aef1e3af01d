#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.hpp"
#include "dnsd/answer/cookie.hpp"
#include "dnsd/answer/rate_limit.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/settings/cookie_secret_file.hpp"

namespace dnsd {

/// What decides how questions are answered, apart from the zone. Immutable but for the counts of
/// the rate limiter; replaced as a whole at reload.
struct Policy {
  std::shared_ptr<const CookieJar> cookies;  ///< never null
  bool cookies_are_from_file = false;
  std::shared_ptr<RateLimiter> rate_limiter;    ///< never null; kept while its limit is the same
  std::vector<base::Prefix> rate_limit_exempt;  ///< besides loopback, which always is
  std::string server_id;                        ///< NSID and CHAOS id.server; empty: not disclosed
  std::string version;                          ///< CHAOS version.bind; empty: not disclosed
};

/// The policy that the configuration asks for. Opens no file. \param secrets what the
/// configuration's cookie-secret-file holds; none: a secret is drawn. \param previous what is in
/// force, null at start: the rate limiter keeps its counts when its limit is the same, and a secret
/// that was drawn stays.
[[nodiscard]] std::shared_ptr<const Policy> make_policy(const Config& config,
                                                        const std::optional<CookieSecrets>& secrets,
                                                        const Policy* previous);

}  // namespace dnsd
