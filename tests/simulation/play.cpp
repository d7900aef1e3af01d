#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "tests/simulation/world.hpp"
#include "tests/unit/updater/samples.hpp"

// Two models of WireGuard, on one cable, or behind NATs with a relay half way between them.
// Endpoints and kicks are written to them at given times; the result is when they have a session,
// or a reply. Compare tests/e2e/scenarios/test_model.py and test_relay_model.py, which do the same
// to wireguard-go.
namespace {

using namespace samples;
using model::Kind;
using model::NatKind;
using model::Time;

struct Action {
  Time when = 0;
  std::size_t side = 0;
  std::string what;  ///< one of `words`
};

/// To set the peer's endpoint, which is the relay's, if there is one; to toggle the peer's
/// keepalive, or the hub's; to ask the other side five times per second from then on; the NAT
/// forgets its mappings; a stranger sends the hub an initiation in the name of this side.
constexpr std::array<std::string_view, 6> words = {"endpoint", "kick",   "kick-hub",
                                                   "ask",      "rebind", "forge"};
constexpr Time between_asks = 0.2;

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

void kick(model::WireGuard& tunnel) {
  tunnel.set({tunnel.shown.public_key, std::nullopt, 0s});
  tunnel.set({tunnel.shown.public_key, std::nullopt, 25s});
}

void perform(model::World& world, const Action& action) {
  auto& tunnel = world.tunnel(action.side);
  if (action.what == "endpoint") {
    const auto to = world.relays() ? world.hub().place() : world.outside(1 - action.side);
    tunnel.set({tunnel.shown.public_key, to, std::nullopt});
  }
  if (action.what == "kick") kick(tunnel);
  if (action.what == "kick-hub") kick(world.hub_tunnel(action.side));
  if (action.what == "ask") tunnel.send(Kind::request);
  if (action.what == "forge") world.forge_initiation(action.side);
}

/// Where one asks: the first reply, or the first one after the last rebinding to what was not under
/// way yet. Otherwise the time of the later side's first handshake.
std::optional<Time> play(std::uint32_t seed, Time delay,
                         const std::optional<std::array<NatKind, 2>>& nats,
                         const std::vector<Action>& actions, Time limit) {
  constexpr Time start = 12;  // by then the hub has seen both
  model::Conditions conditions;
  conditions.nats = nats.value_or(std::array{NatKind::none, NatKind::none});
  conditions.delays = {delay, delay};
  conditions.hub_delays = {delay / 2, delay / 2};
  conditions.relays = nats.has_value();
  model::World world(seed, conditions);
  std::optional<std::size_t> asking;
  Time after = start;
  for (const Action& action : actions) {
    const Time when = start + action.when;
    if (action.what == "rebind") {
      world.rebind(action.side, when);
      after = std::max(after, when + 2 * delay);
    } else if (action.what == "ask") {
      asking = action.side;
      for (Time ask = when; ask < start + limit; ask += between_asks)
        world.schedule(ask, [&world, action] { perform(world, action); });
    } else {
      world.schedule(when, [&world, action] { perform(world, action); });
    }
  }
  world.run_until(after);
  const auto done = asking ? world.run_until_reply(*asking, start + limit)
                           : world.run_until_handshakes(start + limit);
  return done ? std::optional(*done - start) : std::nullopt;
}

/// `cone,symmetric`
std::optional<std::array<NatKind, 2>> parse_nats(const std::string& text) {
  std::array<NatKind, 2> nats{};
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
  CLI::App app("Predicts when two WireGuard devices have a session, or a reply", "play");
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
  app.add_option("action", texts,
                 "SECONDS:SIDE:endpoint|kick|kick-hub|ask|rebind|forge, side 0 or 1")
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
    times.push_back(play(seed, delay, nats, actions, limit).value_or(limit));
  std::sort(times.begin(), times.end());
  const Time median = times.at(times.size() / 2);
  if (median >= limit) {
    fmt::print("never\n");
  } else {
    fmt::print("{:.3f}\n", median);
  }
  return 0;
}
