#include <doctest/doctest.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "tests/unit/dnsd/point/point_rules_fixture.hpp"
#include "tests/unit/lib/noise/engine_fixture.hpp"

// A point's rules and its engine, and a peer whose NAT changed its port: when has it proven the new
// one? Packets take half a round trip each way.

namespace {

using std::chrono::milliseconds;
using wg_test::Datagram;
using namespace std::chrono_literals;

class World {
 public:
  explicit World(milliseconds round_trip) : one_way_(round_trip / 2) {}

  /// \param lost how many packets to the moved peer are lost. \return from its first packet's
  /// arrival there until the new port is proven; nullopt: it never was
  std::optional<milliseconds> move(unsigned lost) {
    connect();
    lost_ = lost;
    at_ = wg_test::path_of("203.0.113.10:9");
    REQUIRE(tunnel_.client_sends());
    post();
    std::optional<base::SteadyTime> arrived;
    while (tunnel_.clock.now.steady < start_ + 100s) {
      step();
      if (!arrived && published_ == at_.remote) arrived = tunnel_.clock.now.steady;
      if (arrived && published_ == at_.remote && !on_trial_)
        return std::chrono::duration_cast<milliseconds>(tunnel_.clock.now.steady - *arrived);
      if (arrived && published_ != at_.remote) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  struct Flying {
    base::SteadyTime due;
    bool to_point;
    Datagram datagram;
    noise::Path from;
  };

  void connect() {
    tunnel_.connect(at_);
    hear();
    REQUIRE(published_ == at_.remote);
  }
  /// Sends what either end wants to send.
  void post() {
    const auto due = tunnel_.clock.now.steady + one_way_;
    for (Datagram& datagram : tunnel_.client.take_sent())
      flying_.push_back({due, true, std::move(datagram), at_});
    for (Datagram& datagram : tunnel_.server.take_sent()) {
      if (datagram.path.remote != at_.remote) continue;  // nobody is there any more
      if (lost_ > 0) {
        --lost_;
      } else {
        flying_.push_back({due, false, std::move(datagram), tunnel_.to_server});
      }
    }
  }
  /// What the point's engine reports, and what the rules make of it.
  void hear() {
    auto& now = tunnel_.clock.now;
    for (const auto& event : std::exchange(tunnel_.server.out.events, {}))
      rules_.received(event.peer, event.received, now);
    rules_.tick(now);
    auto result = rules_.take();
    for (const auto& seen : result.seen) {
      published_ = seen.observation.endpoint;
      on_trial_ = seen.observation.is_on_trial;
    }
    for (const auto& ask : result.ask)
      (void)tunnel_.server.engine.initiate(ask.key, ask.path, ask.attempts, now);
  }
  void step() {
    tunnel_.clock.pass(10ms);
    auto& now = tunnel_.clock.now;
    while (!flying_.empty() && flying_.front().due <= now.steady) {
      Flying one = std::move(flying_.front());
      flying_.pop_front();
      (one.to_point ? tunnel_.server : tunnel_.client).receive(one.datagram, one.from, now);
      hear();
      post();
    }
    tunnel_.server.engine.tick(now);
    hear();
    post();
  }

  const milliseconds one_way_;
  wg_test::Tunnel tunnel_;
  noise::Path at_ = wg_test::home;
  unsigned lost_ = 0;
  std::deque<Flying> flying_;
  dnsd::TrialBudget budget_;
  dnsd::PointRules rules_{budget_};
  std::optional<base::Endpoint> published_;
  bool on_trial_ = false;
  const base::SteadyTime start_ = tunnel_.clock.now.steady;
};

TEST_CASE("asked back at 0, 0.5 and 2 s: proven up to a round trip of 2.7 s, soon after a loss") {
  const struct {
    milliseconds round_trip;
    unsigned lost;
    milliseconds proven;
  } rows[] = {
      {20ms, 0, 20ms},     {400ms, 0, 400ms},    // the first one is answered
      {700ms, 0, 1200ms},  {1400ms, 0, 1900ms},  // the second one took its place
      {1800ms, 0, 3800ms}, {2700ms, 0, 4700ms},  // and the third one its
      {100ms, 1, 600ms},   {400ms, 1, 900ms},    // one packet is lost,
      {100ms, 2, 2100ms},  {1200ms, 2, 3200ms},  // or two
  };
  for (const auto& row : rows) {
    CAPTURE(row.round_trip.count());
    CAPTURE(row.lost);
    const auto proven = World(row.round_trip).move(row.lost);
    REQUIRE(proven.has_value());
    CHECK(*proven >= row.proven);
    CHECK(*proven <= row.proven + 30ms);
  }
  CHECK_FALSE(World(100ms).move(3).has_value());
}

}  // namespace
