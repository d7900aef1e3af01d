#include "dnsd/answer/policy.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <vector>

namespace {

constexpr base::WallTime now{std::chrono::seconds(1700000000)};
const std::vector<std::uint8_t> client_cookie(dnsd::client_cookie_octets, 7);
const base::IpAddress client = *base::IpAddress::parse("203.0.113.99");

/// How `judge` rates a cookie that `maker` made.
dnsd::CookieState check(const dnsd::Policy& judge, const dnsd::Policy& maker) {
  const auto cookie = maker.cookies->make(client_cookie, client, now);
  return judge.cookies->check(client_cookie, cookie, client, now);
}

}  // namespace

TEST_CASE("a reload keeps counting and keeps the cookies, unless that is what changed") {
  dnsd::Config config;
  const auto first = dnsd::make_policy(config, std::nullopt, nullptr);
  const auto same = dnsd::make_policy(config, std::nullopt, first.get());
  CHECK(same->rate_limiter == first->rate_limiter);
  CHECK(same->cookies == first->cookies);
  config.rate_limit = 5;
  const auto limited = dnsd::make_policy(config, std::nullopt, first.get());
  CHECK(limited->rate_limiter != first->rate_limiter);
  CHECK(limited->rate_limiter->limit() == 5);
  CHECK(limited->cookies == first->cookies);
}

TEST_CASE("the secrets of the file make the cookies, and the previous one is accepted") {
  const dnsd::Config config;
  const dnsd::CookieSecret one = {1};
  const dnsd::CookieSecret two = {2};
  const auto before = dnsd::make_policy(config, dnsd::CookieSecrets{one, {}}, nullptr);
  const auto other_server = dnsd::make_policy(config, dnsd::CookieSecrets{one, {}}, nullptr);
  CHECK(before->cookies_are_from_file);
  CHECK(check(*other_server, *before) == dnsd::CookieState::fresh);
  const auto after = dnsd::make_policy(config, dnsd::CookieSecrets{two, one}, before.get());
  CHECK(check(*after, *before) == dnsd::CookieState::aging);
  CHECK(check(*before, *after) == dnsd::CookieState::invalid);
}

TEST_CASE("a secret of the file is not kept when the file is no longer named") {
  const dnsd::Config config;
  const auto from_file = dnsd::make_policy(config, dnsd::CookieSecrets{{1}, {}}, nullptr);
  const auto drawn = dnsd::make_policy(config, std::nullopt, from_file.get());
  CHECK_FALSE(drawn->cookies_are_from_file);
  CHECK(check(*drawn, *from_file) == dnsd::CookieState::invalid);
  // The other way round: the file's secret is used even if another one was drawn.
  const auto again = dnsd::make_policy(config, dnsd::CookieSecrets{{1}, {}}, drawn.get());
  CHECK(check(*again, *from_file) == dnsd::CookieState::fresh);
}

TEST_CASE("what the responder reads comes from the configuration") {
  dnsd::Config config;
  config.rate_limit_exempt = {*base::Prefix::parse("198.51.100.0/24")};
  config.server_id = "ns1";
  config.server_version = "";
  const auto policy = dnsd::make_policy(config, std::nullopt, nullptr);
  CHECK(policy->rate_limit_exempt == config.rate_limit_exempt);
  CHECK(policy->server_id == "ns1");
  CHECK(policy->version.empty());
  CHECK(policy->rate_limiter->limit() == config.rate_limit);
}
