#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/simulation/schedule.hpp"

namespace {

using model::Group;
using model::Outcome;
using model::Schedule;
using model::Time;
using updater::RelayUse;

struct Options {
  std::uint32_t first = 0;
  std::uint32_t count = 10000;
  std::vector<RelayUse> uses = {RelayUse::never, RelayUse::fallback, RelayUse::first};
  std::string data_file;
  bool verbose = false;
};

/// The figures of one group, and of its repairs.
struct Figures {
  std::vector<Time> times;
  unsigned never = 0;
};

Time quantile(const std::vector<Time>& sorted, double part) {
  const auto index =
      static_cast<std::size_t>(std::llround(part * static_cast<double>(sorted.size() - 1)));
  return sorted.at(index);
}

void print(const std::string& name, Figures& figures) {
  std::sort(figures.times.begin(), figures.times.end());
  fmt::print("{:30} {:6} schedules", name, figures.times.size() + figures.never);
  if (!figures.times.empty())
    fmt::print("  median {:6.2f} s  90 % {:6.2f} s  99 % {:6.2f} s  worst {:6.2f} s",
               quantile(figures.times, 0.5), quantile(figures.times, 0.9),
               quantile(figures.times, 0.99), figures.times.back());
  if (figures.never > 0) fmt::print("  never {}", figures.never);
  fmt::print("\n");
}

constexpr std::string_view all = "all";
/// Seconds that a session may be without a way, where nothing was lost or moved: an undone move.
constexpr Time longest_gap = 3;

/// By group, and by the use of the relay.
using Groups = std::map<std::pair<std::string, RelayUse>, Figures>;

/// One line for each step of the cumulative distribution.
void write_data(std::FILE* file, const Groups& groups) {
  fmt::print(file, "group,relay,part,seconds\n");
  for (const auto& [name, figures] : groups) {
    const auto total = static_cast<double>(figures.times.size() + figures.never);
    constexpr int steps = 100;
    for (int step = 0; step <= steps && !figures.times.empty(); ++step) {
      const double part = static_cast<double>(step) / steps;
      fmt::print(file, "{},{},{:.4f},{:.3f}\n", name.first, to_string(name.second),
                 part * static_cast<double>(figures.times.size()) / total,
                 quantile(figures.times, part));
    }
  }
}

bool is_cone_pair(const Schedule& schedule) {
  const auto& nats = schedule.conditions.nats;
  return nats[0] == model::NatKind::cone && nats[1] == model::NatKind::cone;
}

/// Silence is noticed by traffic; without traffic by a missing keepalive.
std::string repair_group(const Schedule& schedule) {
  switch (schedule.conditions.traffic) {
    case model::Traffic::none:
      return "repair-idle";
    case model::Traffic::pings:
    case model::Traffic::both:
      return schedule.conditions.loss > 0 ? "repair-pings-lossy" : "repair-pings";
    default:
      return "repair-sparse";
  }
}

/// Writes to live direct peers. Several losses in a row look like silence, so these count apart.
struct Writes {
  std::size_t without_loss = 0;
  std::size_t under_loss = 0;
  unsigned affected = 0;  ///< schedules with loss in which there were any
  unsigned lossy = 0;     ///< schedules with loss

  void add(const Schedule& schedule, const Outcome& outcome) {
    const std::size_t found = outcome.writes_to_live_peers.size();
    const bool is_lossy = schedule.conditions.loss > 0;
    (is_lossy ? under_loss : without_loss) += found;
    if (is_lossy) ++lossy;
    if (is_lossy && found > 0) ++affected;
  }
};

void take(Figures& figures, const std::optional<Time>& time) {
  if (time) {
    figures.times.push_back(*time);
  } else {
    ++figures.never;
  }
}

/// What must not happen, in words.
std::vector<std::string> find_faults(const Schedule& schedule, RelayUse use,
                                     const Outcome& outcome) {
  std::vector<std::string> faults;
  const bool must_be_quick = use != RelayUse::never || is_cone_pair(schedule);
  const bool must_succeed = use != RelayUse::never || may_be_direct(schedule);
  if (must_be_quick && must_succeed && outcome.contact_after.value_or(1e9) > 60)
    faults.emplace_back("no contact within 60 s");
  else if (must_succeed && !outcome.contact_after)
    faults.emplace_back("no contact");
  // A pair that is relayed may be without a way for a move that is undone.
  if (use != RelayUse::never && schedule.conditions.loss == 0 && outcome.contact_after &&
      outcome.longest_gap > longest_gap)
    faults.push_back(fmt::format("no way for {:.1f} s", outcome.longest_gap));
  if (use != RelayUse::never && schedule.rebinds && outcome.contact_after &&
      !outcome.repaired_after)
    faults.emplace_back("no contact any more after the rebinding");
  if (schedule.conditions.loss == 0) {
    for (const std::string& write : outcome.writes_to_live_peers)
      faults.push_back("written to a live peer: " + write);
  }
  return faults;
}

int run(const Options& options) {
  Groups groups;
  unsigned failures = 0;
  std::map<RelayUse, Writes> writes;
  for (std::uint32_t seed = options.first; seed < options.first + options.count; ++seed) {
    const Schedule schedule = model::make_schedule(seed);
    for (const RelayUse use : options.uses) {
      const Outcome outcome = model::run(schedule, use);
      for (const std::string_view group : {to_string(schedule.group), all})
        take(groups[{std::string(group), use}], outcome.reply_after);
      if (outcome.contact_after)
        take(groups[{fmt::format("direct-{}", to_string(schedule.group)), use}],
             outcome.direct_after);
      if (schedule.rebinds && outcome.contact_after)
        take(groups[{repair_group(schedule), use}], outcome.repaired_after);
      if (schedule.loses_source && outcome.heard_after)
        take(groups[{"readdressed", use}], outcome.heard_after);
      const auto faults = find_faults(schedule, use, outcome);
      for (const std::string& fault : faults)
        fmt::print("seed {} relay {}: {}\n", seed, to_string(use), fault);
      if (!faults.empty()) ++failures;
      writes[use].add(schedule, outcome);
      for (const std::string& line : options.verbose ? outcome.log : std::vector<std::string>())
        fmt::print("{}\n", line);
    }
  }
  for (auto& [name, figures] : groups)
    print(fmt::format("{}, relay: {}", name.first, to_string(name.second)), figures);
  if (!options.data_file.empty()) {
    std::FILE* file = std::fopen(options.data_file.c_str(), "w");
    if (file == nullptr) return 2;
    write_data(file, groups);
    std::fclose(file);
  }
  for (const auto& [use, found] : writes)
    fmt::print(
        "writes to live direct peers, relay: {}: {}, and {} in {} of {} schedules with loss\n",
        to_string(use), found.without_loss, found.under_loss, found.affected, found.lossy);
  fmt::print("{} schedules, {} runs, {} failed\n", options.count,
             options.count * options.uses.size(), failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Two updaters' state machines in a model of WireGuard and NATs, over many schedules",
               "simulate");
  Options options;
  std::string use;
  app.add_option("--first", options.first, "Seed of the first schedule")->capture_default_str();
  app.add_option("--count", options.count, "How many schedules")->capture_default_str();
  app.add_option("--relay", use, "Only with this one: never, fallback or first");
  app.add_option("--data", options.data_file, "Write the distributions there, as CSV");
  app.add_flag("--verbose", options.verbose, "Tell the story of each schedule");
  app.footer("Exit status: 0 every schedule went as it must, 1 some did not, 2 wrong usage.");
  CLI11_PARSE(app, argc, argv);
  if (!use.empty()) {
    const auto parsed = updater::parse_relay_use(use);
    if (!parsed) {
      fmt::print(stderr, "simulate: --relay \"{}\" is not never, fallback or first\n", use);
      return 2;
    }
    options.uses = {*parsed};
  }
  return run(options);
}
