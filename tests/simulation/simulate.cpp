#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <vector>

#include "tests/simulation/schedule.hpp"

namespace {

using model::Group;
using model::Outcome;
using model::Schedule;
using model::Time;

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
  fmt::print("{:20} {:6} schedules", name, figures.times.size() + figures.never);
  if (!figures.times.empty())
    fmt::print("  median {:6.2f} s  90 % {:6.2f} s  99 % {:6.2f} s  worst {:6.2f} s",
               quantile(figures.times, 0.5), quantile(figures.times, 0.9),
               quantile(figures.times, 0.99), figures.times.back());
  if (figures.never > 0) fmt::print("  never {}", figures.never);
  fmt::print("\n");
}

/// One line for each step of the cumulative distribution, at most 200 a group.
void write_data(std::FILE* file, const std::map<std::string, Figures>& groups) {
  fmt::print(file, "group,part,seconds\n");
  for (const auto& [name, figures] : groups) {
    const auto total = static_cast<double>(figures.times.size() + figures.never);
    constexpr int steps = 200;
    for (int step = 0; step <= steps && !figures.times.empty(); ++step) {
      const double part = static_cast<double>(step) / steps;
      fmt::print(file, "{},{:.4f},{:.3f}\n", name,
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

void print_log(const Outcome& outcome) {
  for (const std::string& line : outcome.log) fmt::print("{}\n", line);
}

int run(std::uint32_t first, std::uint32_t count, const std::string& data_file, bool verbose) {
  std::map<std::string, Figures> groups;
  unsigned failures = 0;
  std::size_t writes_under_loss = 0;
  for (std::uint32_t seed = first; seed < first + count; ++seed) {
    const Schedule schedule = model::make_schedule(seed);
    const Outcome outcome = model::run(schedule);
    Figures& figures = groups[std::string(to_string(schedule.group))];
    if (outcome.direct_after) {
      figures.times.push_back(*outcome.direct_after);
    } else {
      ++figures.never;
    }
    if (schedule.rebinds && outcome.direct_after) {
      Figures& repairs = groups[repair_group(schedule)];
      if (outcome.repaired_after) {
        repairs.times.push_back(*outcome.repaired_after);
      } else {
        ++repairs.never;
      }
    }
    if (schedule.loses_source && outcome.heard_after)
      groups["readdressed"].times.push_back(*outcome.heard_after);
    const bool is_late = is_cone_pair(schedule) && outcome.direct_after.value_or(1e9) > 60;
    const bool is_stuck = schedule.group != Group::hopeless && !outcome.direct_after;
    if (is_late || is_stuck) fmt::print("seed {}: not direct within 60 s\n", seed);
    const bool is_lossy = schedule.conditions.loss > 0;
    for (const std::string& write : outcome.writes_to_live_peers)
      fmt::print("seed {}: written to a live peer{}: {}\n", seed,
                 is_lossy ? ", packets having been lost" : "", write);
    if (is_late || is_stuck || (!is_lossy && !outcome.writes_to_live_peers.empty())) ++failures;
    if (is_lossy) writes_under_loss += outcome.writes_to_live_peers.size();
    if (verbose) print_log(outcome);
  }
  for (auto& [name, figures] : groups) print(name, figures);
  if (!data_file.empty()) {
    std::FILE* file = std::fopen(data_file.c_str(), "w");
    if (file == nullptr) return 2;
    write_data(file, groups);
    std::fclose(file);
  }
  fmt::print("writes to live peers after losses that looked like silence: {}\n", writes_under_loss);
  fmt::print("{} schedules, {} failed\n", count, failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Two updaters' state machines in a model of WireGuard and NATs, over many schedules",
               "simulate");
  std::uint32_t first = 0;
  std::uint32_t count = 10000;
  std::string data_file;
  bool verbose = false;
  app.add_option("--first", first, "Seed of the first schedule")->capture_default_str();
  app.add_option("--count", count, "How many schedules")->capture_default_str();
  app.add_option("--data", data_file, "Write the distributions there, as CSV");
  app.add_flag("--verbose", verbose, "Tell the story of each schedule");
  app.footer("Exit status: 0 every schedule went as it must, 1 some did not, 2 wrong usage.");
  CLI11_PARSE(app, argc, argv);
  return run(first, count, data_file, verbose);
}
