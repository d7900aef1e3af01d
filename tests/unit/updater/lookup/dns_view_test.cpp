#include "updater/lookup/dns_view.hpp"

#include <doctest/doctest.h>

#include <array>

#include "tests/unit/updater/samples.hpp"

namespace {

using namespace samples;
using updater::DnsView;
using updater::LookupError;
using updater::LookupResult;
using Pace = DnsView::Pace;

const std::string home = "203.0.113.10:51820";
const std::string elsewhere = "203.0.113.77:4711";

LookupResult answer(const std::vector<std::string>& texts, std::uint32_t ttl = 1) {
  updater::PublishedEndpoints published{{}, dns::Ttl{ttl}};
  for (const std::string& text : texts) published.endpoints.push_back(endpoint(text));
  return {key(1), published, std::nullopt};
}

LookupResult failure(LookupError error) {
  return {key(1), base::Unexpected(error), std::nullopt};
}

struct Rig {
  std::minstd_rand random{1};
  DnsView dns{at(0).steady};

  bool learn(double now, const LookupResult& result, Pace pace = Pace::urgent) {
    return dns.learn(at(now), result, pace, random);
  }
  /// The time from an answer at `now` to the next question, seconds.
  double wait_after(double now) {
    return std::chrono::duration<double>(*dns.next() - at(now).steady).count();
  }
};

}  // namespace

TEST_CASE("how a NAT maps is what either view says, and what a view says no more is forgotten") {
  using schema::NatMapping;
  Rig rig;
  const auto say = [&](std::optional<NatMapping> mapping) {
    LookupResult result = answer({home});
    result.text = updater::PublishedText{false, mapping};
    rig.learn(0, result);
  };
  rig.dns.learn_private({false, NatMapping::varies});
  CHECK(rig.dns.mapping() == NatMapping::varies);
  say(std::nullopt);  // the public view leaves the mapping out
  CHECK(rig.dns.mapping() == NatMapping::varies);
  say(NatMapping::address_dependent);
  CHECK(rig.dns.mapping() == NatMapping::address_dependent);
  say(std::nullopt);
  rig.dns.learn_private({});
  CHECK(!rig.dns.mapping());
}

TEST_CASE("one question at a time") {
  Rig rig;
  CHECK(rig.dns.ask_if_due(at(0).steady));
  CHECK(!rig.dns.ask_if_due(at(100).steady));
  CHECK(!rig.dns.next());
  rig.learn(100, answer({home}));
  CHECK(rig.dns.ask_if_due(at(102).steady));
}

TEST_CASE("the first answer is news, another endpoint is a change, a missing one is neither") {
  Rig rig;
  CHECK(rig.learn(0, answer({home})));
  CHECK(!rig.dns.last_change());
  CHECK(rig.learn(5, answer({home, elsewhere})));
  REQUIRE(rig.dns.last_change());
  CHECK(rig.dns.last_change()->endpoint == endpoint(elsewhere));
  CHECK(rig.dns.last_change()->at == at(5).steady);
  rig.dns.forget_change();
  CHECK(!rig.learn(6, answer({elsewhere})));
  CHECK(!rig.dns.last_change());
}

TEST_CASE("a failure keeps what was known, and says why") {
  Rig rig;
  rig.learn(0, answer({home}));
  CHECK(!rig.learn(5, failure(LookupError::timeout)));
  CHECK(rig.dns.endpoints().size() == 1);
  CHECK(rig.dns.error() == LookupError::timeout);
  rig.learn(6, answer({home}));
  CHECK(!rig.dns.error());
}

TEST_CASE("urgent questions become rarer; what happened makes them frequent again") {
  Rig rig;
  double now = 0;
  for (unsigned count = 1; count <= 20; ++count) {
    CAPTURE(count);
    rig.learn(now, failure(LookupError::no_endpoint));
    const double wait = rig.wait_after(now);
    if (count < 6) CHECK((wait >= 0.88 && wait <= 1.32));
    if (count >= 6 && count < 12) CHECK((wait >= 1.76 && wait <= 2.64));
    if (count >= 12) CHECK((wait >= 7.2 && wait <= 10.8));
    now += 20;
  }
  rig.dns.hurry(at(now).steady);
  CHECK(rig.dns.ask_if_due(at(now).steady));
}

TEST_CASE("calm questions, and those about a key that nobody registers, come each minute") {
  Rig calm;
  calm.learn(0, answer({home}), Pace::calm);
  CHECK((calm.wait_after(0) >= 30 && calm.wait_after(0) <= 90));
  Rig unknown;
  for (int i = 0; i < 6; ++i) unknown.learn(i, failure(LookupError::no_such_name));
  CHECK((unknown.wait_after(5) >= 30 && unknown.wait_after(5) <= 90));
}

TEST_CASE("peers that became direct at one instant are asked about evenly from then on") {
  constexpr int fleet = 6000;
  std::array<int, 6> in_each_ten_seconds{};
  std::minstd_rand random{1};
  for (int i = 0; i < fleet; ++i) {
    DnsView dns{at(0).steady};
    dns.learn(at(0), answer({home}), Pace::urgent, random);
    dns.calm_down(at(0).steady, random);
    const double wait = std::chrono::duration<double>(*dns.next() - at(0).steady).count();
    REQUIRE((wait >= 30 && wait < 90));
    ++in_each_ten_seconds.at(static_cast<std::size_t>((wait - 30) / 10));
  }
  for (const int count : in_each_ten_seconds) {
    CAPTURE(count);
    CHECK((count > 0.85 * fleet / 6 && count < 1.15 * fleet / 6));
  }
}

TEST_CASE("the TTL is waited for, also in a hurry, but not an hour") {
  Rig rig;
  rig.learn(0, answer({home}, 30));
  rig.dns.hurry(at(1).steady);
  CHECK(!rig.dns.ask_if_due(at(29).steady));
  CHECK(rig.dns.ask_if_due(at(30).steady));
  rig.learn(30, answer({home}, 3600));
  CHECK(rig.dns.ask_if_due(at(90).steady));
}
