#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/wireguard.hpp"
#include "tests/simulation/world.hpp"
#include "tests/unit/updater/samples.hpp"

// Two models of WireGuard, on one cable, or behind NATs with a relay between them. Endpoints and
// kicks are written to them at given times; the result is when they have a session. Compare
// tests/e2e/scenarios/test_model.py and test_relay_model.py, which do the same to wireguard-go.
namespace {

using namespace samples;
using model::Events;
using model::Kind;
using model::Time;
using model::WireGuard;

struct Action {
  Time when = 0;
  std::size_t side = 0;
  std::string what;  ///< one of `words`
};

/// To set the peer's endpoint, to toggle its keepalive, to send data; with a relay also: to toggle
/// the hub's keepalive, and the NAT forgets its mappings.
constexpr std::array<std::string_view, 5> words = {"endpoint", "kick", "send", "kick-hub",
                                                   "rebind"};

/// `1.25:0:kick`
std::optional<Action> parse_action(const std::string& text) {
  Action action;
  char what[16] = "";
  if (std::sscanf(text.c_str(), "%lf:%zu:%15s", &action.when, &action.side, what) != 3)
    return std::nullopt;
  action.what = what;
  const bool is_known = std::find(words.begin(), words.end(), action.what) != words.end();
  if (!is_known || action.side > 1 || action.when < 0) return std::nullopt;
  return action;
}

void perform(WireGuard& tunnel, std::string_view what, const base::Endpoint& place) {
  const auto set = [&](std::optional<base::Endpoint> to,
                       std::optional<std::chrono::seconds> keepalive) {
    tunnel.set({tunnel.shown.public_key, to, keepalive});
  };
  if (what == "endpoint") set(place, std::nullopt);
  if (what == "kick") {
    set(std::nullopt, 0s);
    set(std::nullopt, 25s);
  }
  if (what == "send") tunnel.send(Kind::flow);
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
      perform(*tunnels.at(action.side), action.what, places.at(1 - action.side));
    });
  }
  while (events.step(limit)) {
    if (tunnels[0]->shown.latest_handshake && tunnels[1]->shown.latest_handshake)
      return events.now();
  }
  return std::nullopt;
}

/// The same through a relay that knows both.
std::optional<Time> play_relayed(std::uint32_t seed, Time delay,
                                 const std::array<model::NatKind, 2>& nats,
                                 const std::vector<Action>& actions, Time limit) {
  constexpr Time start = 12;  // by then the hub has seen both
  model::Conditions conditions;
  conditions.nats = nats;
  conditions.delays = {delay, delay};
  conditions.hub_delays = {delay / 2, delay / 2};
  conditions.relays = true;
  model::World world(seed, conditions);
  for (const Action& action : actions) {
    if (action.what == "rebind") {
      world.rebind(action.side, start + action.when);
      continue;
    }
    world.schedule(start + action.when, [&world, action] {
      if (action.what == "kick-hub")
        perform(world.hub_tunnel(action.side), "kick", {});
      else
        perform(world.tunnel(action.side), action.what, world.hub().place());
    });
  }
  const auto done = world.run_until_handshakes(start + limit);
  return done ? std::optional(*done - start) : std::nullopt;
}

/// `cone,symmetric`
std::optional<std::array<model::NatKind, 2>> parse_nats(const std::string& text) {
  std::array<model::NatKind, 2> nats{};
  const std::size_t comma = text.find(',');
  if (comma == std::string::npos) return std::nullopt;
  const std::array<std::string, 2> names = {text.substr(0, comma), text.substr(comma + 1)};
  for (std::size_t side = 0; side < 2; ++side) {
    const auto kind = model::parse_nat_kind(names.at(side));
    if (!kind) return std::nullopt;
    nats.at(side) = *kind;
  }
  return nats;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Predicts when two WireGuard devices have a session", "play");
  Time delay = 0;
  Time limit = 120;
  std::uint32_t seeds = 101;
  std::vector<std::string> texts;
  std::string nats_text;
  app.add_option("--delay", delay, "One way, seconds");
  app.add_option(
      "--relayed", nats_text,
      "KIND,KIND: the NATs of both, and a relay half way between them; otherwise a cable");
  app.add_option("--limit", limit, "Seconds")->capture_default_str();
  app.add_option("--seeds", seeds, "The median of this many runs: WireGuard's jitter is random")
      ->capture_default_str();
  app.add_option("action", texts, "SECONDS:SIDE:endpoint|kick|send|kick-hub|rebind, side 0 or 1")
      ->required();
  app.footer("Prints the median in seconds, or `never`. Exit status: 0, or 2 for wrong usage.");
  CLI11_PARSE(app, argc, argv);
  const auto nats = parse_nats(nats_text);
  if (!nats && !nats_text.empty()) {
    fmt::print(stderr, "play: \"{}\" is not KIND,KIND\n", nats_text);
    return 2;
  }
  std::vector<Action> actions;
  for (const std::string& text : texts) {
    const auto action = parse_action(text);
    if (!action) {
      fmt::print(stderr, "play: \"{}\" is not SECONDS:SIDE:WHAT\n", text);
      return 2;
    }
    actions.push_back(*action);
  }
  std::vector<Time> times;
  for (std::uint32_t seed = 0; seed < seeds; ++seed)
    times.push_back((nats ? play_relayed(seed, delay, *nats, actions, limit)
                          : play(seed, delay, actions, limit))
                        .value_or(limit));
  std::sort(times.begin(), times.end());
  const Time median = times.at(times.size() / 2);
  if (median >= limit) {
    fmt::print("never\n");
  } else {
    fmt::print("{:.3f}\n", median);
  }
  return 0;
}
