#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/wireguard.hpp"
#include "tests/unit/updater/samples.hpp"

// Two models of WireGuard on one cable. Endpoints and kicks are written to them at given times; the
// result is when they have a session. Compare tests/e2e/scenarios/test_model.py, which does the
// same to wireguard-go.
namespace {

using namespace samples;
using model::Events;
using model::Kind;
using model::Time;
using model::WireGuard;

struct Action {
  Time when = 0;
  std::size_t side = 0;
  std::string what;  ///< endpoint, kick, send
};

/// `1.25:0:kick`
std::optional<Action> parse_action(const std::string& text) {
  Action action;
  char what[16] = "";
  if (std::sscanf(text.c_str(), "%lf:%zu:%15s", &action.when, &action.side, what) != 3)
    return std::nullopt;
  action.what = what;
  const bool is_known = action.what == "endpoint" || action.what == "kick" || action.what == "send";
  if (!is_known || action.side > 1 || action.when < 0) return std::nullopt;
  return action;
}

/// The time of the later side's first handshake.
std::optional<Time> play(std::uint32_t seed, Time delay, const std::vector<Action>& actions,
                         Time limit) {
  Events events(seed);
  const std::array<base::Endpoint, 2> places = {endpoint("192.0.2.1:51820"),
                                                endpoint("192.0.2.2:51820")};
  std::array<std::unique_ptr<WireGuard>, 2> tunnels;
  for (std::size_t side = 0; side < 2; ++side) {
    tunnels.at(side) = std::make_unique<WireGuard>(
        events,
        [&events, &places, &tunnels, side, delay](const auto&, const model::Packet& packet) {
          events.after(delay, [&places, &tunnels, side, packet] {
            (void)tunnels.at(1 - side)->receive(places.at(side), packet);
          });
        });
  }
  for (const Action& action : actions) {
    events.at(action.when, [&tunnels, &places, action] {
      WireGuard& tunnel = *tunnels.at(action.side);
      const auto set = [&](std::optional<base::Endpoint> to,
                           std::optional<std::chrono::seconds> keepalive) {
        tunnel.set({tunnel.shown.public_key, to, keepalive});
      };
      if (action.what == "endpoint") set(places.at(1 - action.side), std::nullopt);
      if (action.what == "kick") {
        set(std::nullopt, 0s);
        set(std::nullopt, 25s);
      }
      if (action.what == "send") tunnel.send(Kind::flow);
    });
  }
  while (events.step(limit)) {
    if (tunnels[0]->shown.latest_handshake && tunnels[1]->shown.latest_handshake)
      return events.now();
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Predicts when two WireGuard devices on one cable have a session", "play");
  Time delay = 0;
  Time limit = 120;
  std::uint32_t seeds = 101;
  std::vector<std::string> texts;
  app.add_option("--delay", delay, "One way, seconds");
  app.add_option("--limit", limit, "Seconds")->capture_default_str();
  app.add_option("--seeds", seeds, "The median of this many runs: WireGuard's jitter is random")
      ->capture_default_str();
  app.add_option("action", texts, "SECONDS:SIDE:endpoint|kick|send, side 0 or 1")->required();
  app.footer("Prints the median in seconds, or `never`. Exit status: 0, or 2 for wrong usage.");
  CLI11_PARSE(app, argc, argv);
  std::vector<Action> actions;
  for (const std::string& text : texts) {
    const auto action = parse_action(text);
    if (!action) {
      fmt::print(stderr, "play: \"{}\" is not SECONDS:SIDE:endpoint|kick|send\n", text);
      return 2;
    }
    actions.push_back(*action);
  }
  std::vector<Time> times;
  for (std::uint32_t seed = 0; seed < seeds; ++seed)
    times.push_back(play(seed, delay, actions, limit).value_or(limit));
  std::sort(times.begin(), times.end());
  const Time median = times.at(times.size() / 2);
  if (median >= limit) {
    fmt::print("never\n");
  } else {
    fmt::print("{:.3f}\n", median);
  }
  return 0;
}
