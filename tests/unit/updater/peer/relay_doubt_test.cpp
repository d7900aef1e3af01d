#include "updater/peer/relay_doubt.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <vector>

#include "tests/unit/updater/samples.hpp"

using namespace samples;

namespace {

using updater::RelayDoubt;
using updater::SessionHealth;
using Verdict = RelayDoubt::Verdict;

/// Readings of one peer every 50 ms, and what the doubt says to each.
class DoubtRig {
 public:
  struct Finding {
    double at;
    Verdict verdict;
  };

  explicit DoubtRig(std::chrono::microseconds round_trip = 20ms) : round_trip_(round_trip) {
    peer_.latest_handshake = handshake_at(0);
  }

  /// \param traffic octets that came and went since the last reading.
  std::vector<Finding> run(
      double from, double until,
      const std::function<std::pair<std::uint64_t, std::uint64_t>(double)>& traffic) {
    std::vector<Finding> findings;
    for (const double now : times(from, until, 0.05)) {
      const auto [received, sent] = traffic(now);
      peer_.rx_bytes += received;
      peer_.tx_bytes += sent;
      health_.observe(at(now), peer_);
      const auto verdict = doubt_.step({at(now).steady, health_, round_trip_, can_ask});
      if (verdict != Verdict::none) findings.push_back({now, verdict});
    }
    return findings;
  }
  [[nodiscard]] std::chrono::milliseconds pause(double now) const {
    return doubt_.pause(at(now).steady, health_);
  }

  bool can_ask = true;

 private:
  std::chrono::microseconds round_trip_;
  wg::DevicePeer peer_;
  SessionHealth health_{at(0), peer_};
  RelayDoubt doubt_;
};

/// A packet each way every `gap` seconds; none comes from `end` on.
auto exchange(double gap, double end, std::uint64_t octets = 128) {
  return [gap, end, octets,
          next = 0.0](double now) mutable -> std::pair<std::uint64_t, std::uint64_t> {
    if (now + 1e-6 < next) return {0, 0};
    next = now + gap;
    return {now < end ? octets : 0, octets};
  };
}

double first_of(const std::vector<DoubtRig::Finding>& findings, Verdict verdict) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [&](const auto& one) { return one.verdict == verdict; });
  return found == findings.end() ? 1e9 : found->at;
}

long count_of(const std::vector<DoubtRig::Finding>& findings, Verdict verdict) {
  return std::count_if(findings.begin(), findings.end(),
                       [&](const auto& one) { return one.verdict == verdict; });
}

}  // namespace

TEST_CASE(
    "a flow that stops is asked about after 0.4 s, and gone after 0.75 s and two round trips") {
  for (const auto round_trip : {20ms, 100ms, 400ms}) {
    CAPTURE(round_trip.count());
    const double r = std::chrono::duration<double>(round_trip).count();
    DoubtRig rig(round_trip);
    auto findings = rig.run(0, 9.99, exchange(0.2, 10));
    CHECK(findings.empty());
    // The last packet came at 9.8 or 9.85; ours stop, too.
    findings = rig.run(10, 14, exchange(100, 0));
    CHECK(first_of(findings, Verdict::ask) >= 10.19);
    CHECK(first_of(findings, Verdict::ask) <= 10.31);
    CHECK(first_of(findings, Verdict::gone) >= 9.79 + 0.75 + 2 * r);
    CHECK(first_of(findings, Verdict::gone) <= 10.0 + 0.8 + 2 * r);
    CHECK(count_of(findings, Verdict::ask) >= 2);
    // As soon as one is asked, two are, and the verdict is told once for the silence.
    CHECK(findings[1].at - findings[0].at >= 0.14);
    CHECK(findings[1].at - findings[0].at <= 0.21);
  }
}

TEST_CASE("a flow of small packets is one, and single ones are none") {
  DoubtRig rig;
  CHECK(rig.run(0, 9.99, exchange(0.2, 10, 64)).empty());
  const auto findings = rig.run(10, 12, exchange(100, 0));
  CHECK(first_of(findings, Verdict::ask) <= 10.31);
  CHECK(first_of(findings, Verdict::gone) <= 10.85);
  DoubtRig rare;
  CHECK(rare.run(0, 9.99, exchange(0.8, 10, 64)).empty());
  const auto nothing = [](double) { return std::pair<std::uint64_t, std::uint64_t>{0, 0}; };
  CHECK(rare.run(10, 12, nothing).empty());
}

TEST_CASE("data that is unanswered in the middle of a flow counts from the flow's last packet") {
  DoubtRig rig;
  (void)rig.run(0, 9.99, exchange(0.2, 10));
  const auto findings = rig.run(10, 12, exchange(0.2, 0));
  CHECK(first_of(findings, Verdict::gone) >= 10.5);
  CHECK(first_of(findings, Verdict::gone) <= 10.7);
}

TEST_CASE("data that is unanswered is asked about a round trip and 0.25 s later") {
  for (const auto round_trip : {20ms, 400ms}) {
    CAPTURE(round_trip.count());
    const double r = std::chrono::duration<double>(round_trip).count();
    DoubtRig rig(round_trip);
    (void)rig.run(0, 1, exchange(100, 1));
    const auto findings = rig.run(20, 24, [](double now) {
      return std::pair<std::uint64_t, std::uint64_t>{0, now < 20.01 ? 128 : 0};
    });
    CHECK(first_of(findings, Verdict::ask) >= 20.25 + r - 0.001);
    CHECK(first_of(findings, Verdict::ask) <= 20.31 + r);
    CHECK(first_of(findings, Verdict::gone) >= 20.75 + 2 * r - 0.001);
    CHECK(first_of(findings, Verdict::gone) <= 20.65 + 0.3 + 3 * r);
  }
}

TEST_CASE("whoever answers the request is not gone, and is not asked at once again") {
  DoubtRig rig;
  (void)rig.run(0, 9.99, exchange(0.2, 10));
  std::size_t asked = 0;
  double reply_at = 1e9;
  // A flow of ours alone, whose requests are answered 20 ms later.
  std::vector<double> asks;
  for (const double now : times(10, 20, 0.05)) {
    const auto findings = rig.run(now, now + 0.04, [&](double) {
      const bool replies = now >= reply_at;
      if (replies) reply_at = 1e9;
      return std::pair<std::uint64_t, std::uint64_t>{replies ? 64 : 0, 1000};
    });
    CHECK(count_of(findings, Verdict::gone) == 0);
    if (count_of(findings, Verdict::ask) == 0) continue;
    ++asked;
    asks.push_back(now);
    reply_at = now + 0.02;
  }
  CHECK(asked >= 7);
  CHECK(asked <= 10);
}

TEST_CASE("keepalives and pauses of a slow flow are no silence") {
  DoubtRig idle;
  const auto keepalives = [next = 0.0](double now) mutable {
    if (now < next) return std::pair<std::uint64_t, std::uint64_t>{0, 0};
    next = now + 25;
    return std::pair<std::uint64_t, std::uint64_t>{32, 32};
  };
  CHECK(idle.run(0, 100, keepalives).empty());
  CHECK(idle.pause(100) == 1s);

  DoubtRig slow;  // a packet in 0.9 s: its gaps are usual
  CHECK(count_of(slow.run(0, 60, exchange(0.9, 60)), Verdict::gone) == 0);

  DoubtRig rare;  // no flow: a packet in 3 s, answered
  CHECK(rare.run(0, 60, exchange(3, 60)).empty());
}

TEST_CASE("a peer that cannot be asked is never gone") {
  DoubtRig rig;
  rig.can_ask = false;
  CHECK(rig.run(0, 30, exchange(0.2, 10)).empty());
}

TEST_CASE("readings are frequent while there is traffic, and as rare as ever without") {
  DoubtRig rig;
  (void)rig.run(0, 5, exchange(0.2, 100));
  CHECK(rig.pause(5) == 100ms);
  (void)rig.run(5, 5.6, exchange(0.2, 0));
  CHECK(rig.pause(5.6) == 50ms);
  DoubtRig idle;
  (void)idle.run(0, 1, exchange(100, 100));
  CHECK(idle.pause(3.5) == 1s);
}
