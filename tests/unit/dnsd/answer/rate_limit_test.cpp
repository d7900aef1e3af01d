#include "dnsd/answer/rate_limit.hpp"

#include <doctest/doctest.h>

namespace {

using Kind = dnsd::RateLimiter::Kind;
using Verdict = dnsd::RateLimiter::Verdict;

const dns::Name name = *dns::Name::parse("a.wg.example.org");
const dns::Name other_name = *dns::Name::parse("b.wg.example.org");
const base::IpAddress client = *base::IpAddress::parse("203.0.113.1");

struct Tally {
  int answered = 0;
  int slipped = 0;
  int dropped = 0;
};

Tally ask(dnsd::RateLimiter& limiter, int times, std::uint32_t second,
          const base::IpAddress& from = client, Kind kind = Kind::name,
          dns::NameView about = name) {
  Tally tally;
  for (int i = 0; i < times; ++i) {
    switch (limiter.judge(from, kind, about, second)) {
      case Verdict::answer:
        ++tally.answered;
        break;
      case Verdict::slip:
        ++tally.slipped;
        break;
      case Verdict::drop:
        ++tally.dropped;
        break;
    }
  }
  return tally;
}

}  // namespace

TEST_CASE("a flood gets the limit, truncated replies for a twentieth of it, then silence") {
  dnsd::RateLimiter limiter(100);
  const Tally tally = ask(limiter, 10000, 7);
  CHECK(tally.answered == 100);
  CHECK(tally.slipped == 5);
  CHECK(tally.dropped == 9895);
  CHECK(ask(limiter, 100, 8).answered == 100);
}

TEST_CASE("slip 2: the second reply over the limit is a truncated one") {
  dnsd::RateLimiter limiter(100);
  (void)ask(limiter, 100, 1);
  CHECK(limiter.judge(client, Kind::name, name, 1) == Verdict::drop);
  CHECK(limiter.judge(client, Kind::name, name, 1) == Verdict::slip);
  CHECK(limiter.judge(client, Kind::name, name, 1) == Verdict::drop);
}

TEST_CASE("buckets: networks, names and kinds apart") {
  dnsd::RateLimiter limiter(10);
  const auto address = [](const char* text) { return *base::IpAddress::parse(text); };
  CHECK(ask(limiter, 10, 1).answered == 10);
  CHECK(ask(limiter, 1, 1, address("203.0.113.254")).answered == 0);       // the same /24
  CHECK(ask(limiter, 1, 1, address("::ffff:203.0.113.9")).answered == 0);  // the same, mapped
  CHECK(ask(limiter, 1, 1, address("203.0.112.1")).answered == 1);
  CHECK(ask(limiter, 1, 1, client, Kind::name, *dns::Name::parse("A.WG.example.ORG")).answered ==
        0);
  CHECK(ask(limiter, 1, 1, client, Kind::name, other_name).answered == 1);
  CHECK(ask(limiter, 1, 1, client, Kind::nxdomain).answered == 1);
  CHECK(ask(limiter, 10, 1, client, Kind::error, name).answered == 10);
  CHECK(ask(limiter, 1, 1, client, Kind::error, other_name).answered ==
        0);  // errors: by network alone
  CHECK(ask(limiter, 10, 1, address("2001:db8::1")).answered == 10);
  CHECK(ask(limiter, 1, 1, address("2001:db8:0:ff::1")).answered == 0);  // the same /56
  CHECK(ask(limiter, 1, 1, address("2001:db8:0:100::1")).answered == 1);
}

TEST_CASE("0 is no limit") {
  dnsd::RateLimiter limiter(0);
  CHECK(ask(limiter, 10000, 1).answered == 10000);
}

TEST_CASE("a limit of one still lets a real client through to TCP") {
  dnsd::RateLimiter limiter(1);
  const Tally tally = ask(limiter, 100, 1);
  CHECK(tally.answered == 1);
  CHECK(tally.slipped == 1);
}
