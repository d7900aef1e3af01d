#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/point/point_rules.hpp"

/// The rules of a built-in point under a clock that the test moves.
namespace point_test {

using dnsd::PointRules;
using dnsd::TrialBudget;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = noise::Received::Kind;
using Notice = PointRules::Notice;

inline wg::PublicKey key_of(std::uint8_t first) {
  base::Octets32 octets{};
  octets[0] = first;
  return wg::PublicKey(octets);
}
inline const wg::PublicKey alice = key_of(1);
inline const wg::PublicKey bob = key_of(2);

inline base::Endpoint at(const std::string& text) {
  return *base::Endpoint::parse(text);
}
inline const std::string home = "203.0.113.10:4711";
inline const std::string moved = "203.0.113.20:4712";
inline const std::string victim = "198.51.100.66:53";

/// The rules, their time, and a short form of what they reported.
class Fixture {
 public:
  /// \param shared another point's budget
  explicit Fixture(std::shared_ptr<TrialBudget> shared = std::make_shared<TrialBudget>())
      : budget(std::move(shared)) {}

  void pass(milliseconds by) {
    // Steps from one deadline to the next.
    const auto end = now.steady + by;
    for (;;) {
      const auto due = rules.next_deadline();
      if (!due || *due > end) break;
      set(std::max(*due, now.steady));
      rules.tick(now);
    }
    set(end);
    rules.tick(now);
    gather();
  }
  void packet(const std::string& from, bool is_proven, bool is_newest = true,
              const wg::PublicKey& key = alice, Kind kind = Kind::keepalive) {
    rules.received(key, {kind, {at(from), {}}, is_newest, is_proven}, now);
    gather();
  }
  void unknown(const std::string& from) {
    rules.unknown_session({at(from), {}}, now);
    gather();
  }
  void restore(const std::string& place, const wg::PublicKey& key = alice) {
    rules.restore({key, dnsd::SavedPeer::Sighting{at(place), now.wall, now.wall}, {}}, {}, now);
  }

  std::string published() const {
    return seen.empty() ? "" : seen.back().observation.endpoint.to_string();
  }
  std::size_t count_asked(const std::string& place) const {
    std::size_t count = 0;
    for (const auto& ask : asked) count += ask.path.remote == at(place) ? 1U : 0U;
    return count;
  }

  std::shared_ptr<TrialBudget> budget;
  PointRules rules{*budget};
  base::Now now{base::SteadyTime{} + std::chrono::hours(1), base::WallTime{seconds(1'800'000'000)}};
  std::vector<PointRules::Seen> seen;
  std::vector<PointRules::Ask> asked;
  std::vector<Notice> notices;
  std::vector<PointRules::Confirmed> confirmed;

 private:
  void set(base::SteadyTime time) {
    const auto gone = time - start_;
    now = {time,
           base::WallTime{seconds(1'800'000'000)} + std::chrono::duration_cast<seconds>(gone)};
  }
  void gather() {
    auto result = rules.take();
    seen.insert(seen.end(), result.seen.begin(), result.seen.end());
    asked.insert(asked.end(), result.ask.begin(), result.ask.end());
    confirmed.insert(confirmed.end(), result.confirmed.begin(), result.confirmed.end());
    notices.insert(notices.end(), result.notices.begin(), result.notices.end());
  }
  const base::SteadyTime start_ = now.steady;
};

}  // namespace point_test
