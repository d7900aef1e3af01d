#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/updater/rig.hpp"

/// One machine whose hub passes packets on to bob.
namespace relay_rig {

using namespace one_machine;

using updater::RelayUse;

inline updater::Settings settings_with(RelayUse use) {
  updater::Settings settings{{hub}, 25s, false};
  settings.relay = use;
  return settings;
}

/// Bob is published, and the hub passes packets on to him.
inline void publish(Rig& rig, double seconds, const std::vector<std::string>& texts = {bob_home},
                    const std::vector<wg::PublicKey>& relays = {hub},
                    std::optional<schema::NatMapping> mapping = {}) {
  updater::PublishedEndpoints published{{}, dns::Ttl{1}};
  for (const std::string& text : texts) published.endpoints.push_back(endpoint(text));
  (void)rig.machine().learn(at(seconds),
                            {bob, published, updater::PublishedText{false, mapping, relays}});
}

inline void publish_own(Rig& rig, double seconds, std::optional<schema::NatMapping> mapping) {
  const updater::PublishedEndpoints published{{endpoint("198.51.100.9:4000")}, dns::Ttl{1}};
  (void)rig.machine().learn(
      at(seconds), {*rig.device().public_key, published, updater::PublishedText{false, mapping}});
}

/// A session through the hub that has just come up; the first pulse of its first round is over.
inline void connect_relayed(Rig& rig) {
  rig.step(0);
  publish(rig, 0.1);
  rig.step(0.1);
  rig.handshake(0.4);
  rig.step(0.4);
  rig.step(0.404);
  rig.machine().learn_round_trip(bob, 20ms);
}

inline updater::PeerReport report_of(Rig& rig, double seconds) {
  return rig.machine().describe(at(seconds), rig.device()).peers.at(0);
}

/// Steps at the machine's own pace; what `happen` does at each step is up to it.
struct RelayCourse {
  std::vector<std::pair<double, std::string>> about_bob;
  std::vector<std::pair<double, updater::ViaRequest>> vias;
  std::vector<std::pair<double, updater::PauseRequest>> pauses;
  std::vector<double> probes;
  std::size_t steps = 0;

  [[nodiscard]] std::vector<double> times_of(const std::string& text) const {
    std::vector<double> found;
    for (const auto& [time, line] : about_bob) {
      if (line.find(text) != std::string::npos) found.push_back(time);
    }
    return found;
  }
};
inline RelayCourse observe(
    Rig& rig, double from, double until,
    const std::function<void(double)>& happen = [](double) {}) {
  RelayCourse course;
  double now = from;
  while (now < until) {
    happen(now);
    const Plan plan = rig.step(now);
    ++course.steps;
    for (const auto& line : about_bob(plan.changes)) course.about_bob.emplace_back(now, line);
    for (const auto& via : plan.vias) course.vias.emplace_back(now, via);
    for (const auto& pause : plan.pauses) course.pauses.emplace_back(now, pause);
    for (const auto& probe : plan.probes) {
      if (probe.peer == bob) course.probes.push_back(now);
    }
    now = std::chrono::duration<double>(plan.next - at(0).steady).count() + 0.001;
  }
  return course;
}

/// Bob's pings, or answers to ours, five a second, up to `end`; ours go on.
inline std::function<void(double)> pings(Rig& rig, double end) {
  return [&rig, end, last = std::optional<double>()](double now) mutable {
    if (last && now - *last < 0.2) return;
    last = now;
    rig.at_bob().tx_bytes += 128;
    if (now < end) rig.at_bob().rx_bytes += 128;
  };
}

}  // namespace relay_rig
