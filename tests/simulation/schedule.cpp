#include "tests/simulation/schedule.hpp"

#include <algorithm>
#include <cmath>

namespace model {
namespace {

constexpr Time first_start = 30;  ///< by then the host has seen both
constexpr Time contact_limit = 300;
constexpr Time watch_time = 120;
constexpr Time repair_limit = 200;

class Chance {
 public:
  explicit Chance(std::uint32_t seed) : random_(seed) {}
  double uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  bool is(double probability) { return uniform(0, 1) < probability; }
  template <typename T>
  T one_of(std::initializer_list<T> values) {
    const auto index = static_cast<std::size_t>(uniform(0, static_cast<double>(values.size())));
    return *(values.begin() + static_cast<std::ptrdiff_t>(std::min(index, values.size() - 1)));
  }

 private:
  std::mt19937 random_;
};

/// 1 to 250 ms; short ones are as frequent as long ones.
double make_delay(Chance& chance) {
  return std::exp(chance.uniform(std::log(0.001), std::log(0.25)));
}

std::array<NatKind, 2> choose_nats(Group group, Chance& chance) {
  std::array<NatKind, 2> nats = {NatKind::cone, NatKind::cone};
  switch (group) {
    case Group::open:
      nats[0] = chance.one_of({NatKind::firewall, NatKind::none});
      nats[1] = chance.one_of({NatKind::cone, NatKind::firewall, NatKind::none});
      break;
    case Group::roaming:
      nats = {NatKind::none, NatKind::symmetric};
      break;
    case Group::hopeless:
      nats = {NatKind::symmetric, chance.one_of({NatKind::symmetric, NatKind::cone})};
      break;
    case Group::kinds:
      for (NatKind& kind : nats)
        kind = chance.one_of({NatKind::none, NatKind::cone_eif, NatKind::cone_adf, NatKind::cone,
                              NatKind::firewall, NatKind::symmetric, NatKind::accepting,
                              NatKind::double_nat});
      break;
    default:
      break;
  }
  if (chance.is(0.5)) std::swap(nats[0], nats[1]);
  return nats;
}

}  // namespace

std::string_view to_string(Group group) {
  switch (group) {
    case Group::together:
      return "together";
    case Group::later:
      return "later";
    case Group::traffic:
      return "traffic";
    case Group::lossy:
      return "lossy";
    case Group::open:
      return "open";
    case Group::roaming:
      return "roaming";
    case Group::hopeless:
      return "hopeless";
    case Group::kinds:
      return "kinds";
  }
  return "";
}

Schedule make_schedule(std::uint32_t seed) {
  Chance chance(seed ^ 0x9e3779b9U);
  Schedule schedule;
  schedule.seed = seed;
  schedule.group = chance.one_of({Group::together, Group::together, Group::later, Group::later,
                                  Group::traffic, Group::lossy, Group::open, Group::roaming,
                                  Group::hopeless, Group::kinds, Group::kinds});
  Conditions& conditions = schedule.conditions;
  conditions.nats = choose_nats(schedule.group, chance);
  conditions.shares_nat = schedule.group == Group::kinds && chance.is(0.1);
  if (conditions.shares_nat) conditions.nats = {NatKind::cone, NatKind::cone};
  conditions.delays = {make_delay(chance), make_delay(chance)};
  if (chance.is(0.5)) conditions.delays[1] = conditions.delays[0];
  conditions.hub_delays = {make_delay(chance) / 2, make_delay(chance) / 2};
  if (schedule.group == Group::lossy) conditions.loss = chance.uniform(0.005, 0.1);
  const Time spread = schedule.group == Group::together || chance.is(0.5) ? 1 : 120;
  for (Time& start : schedule.starts) start = first_start + chance.uniform(0, spread);

  conditions.traffic = chance.one_of({Traffic::none, Traffic::pings, Traffic::both, Traffic::flow,
                                      Traffic::bursts, Traffic::slow_pings});
  conditions.traffic_begins =
      *std::max_element(schedule.starts.begin(), schedule.starts.end()) + chance.uniform(10, 40);
  if (schedule.group == Group::traffic) {
    conditions.traffic_begins = chance.uniform(0, first_start + spread);
    for (bool& preset : conditions.keepalive_preset) preset = chance.is(0.3);
  }
  if (chance.is(0.4)) schedule.rebinds = chance.is(0.5) ? 0 : 1;
  if (chance.is(0.4)) schedule.readdressed = chance.is(0.5) ? 0 : 1;
  schedule.loses_source = chance.is(0.5);
  return schedule;
}

Outcome run(const Schedule& schedule, updater::RelayUse use) {
  Conditions conditions = schedule.conditions;
  conditions.relays = true;
  conditions.use = use;
  World world(schedule.seed, conditions);
  Outcome outcome;
  for (std::size_t side = 0; side < 2; ++side) world.start_updater(side, schedule.starts.at(side));
  const Time started = *std::max_element(schedule.starts.begin(), schedule.starts.end());
  world.run_until(started);
  const auto contact = world.run_until_connected(started + contact_limit);
  if (contact) {
    outcome.contact_after = *contact - started;
    // The responder is sure last: what the initiator asked is with it now, or on its way.
    outcome.reply_after = *contact - started + world.delay_to_initiator();
    outcome.is_direct = world.is_direct();
    const World::Watched watched = world.watch(*contact + watch_time);
    if (watched.direct_at) outcome.direct_after = *watched.direct_at - *contact;
    outcome.longest_gap = watched.longest_gap;
    if (schedule.rebinds) {
      const Time moment = world.now() + static_cast<Time>(schedule.seed % 97) / 97;
      world.rebind(*schedule.rebinds, moment);
      world.run_until(moment + 0.001);
      const auto repaired = world.run_until_connected(moment + repair_limit);
      if (repaired) outcome.repaired_after = *repaired - moment;
      world.run_until(world.now() + watch_time / 2);
    }
    if (schedule.readdressed && world.is_connected()) {
      const Time moment = world.now() + static_cast<Time>(schedule.seed % 89) / 89;
      world.readdress(*schedule.readdressed, moment, schedule.loses_source);
      world.run_until(moment + 0.001);
      const auto heard = world.run_until_connected(moment + repair_limit);
      outcome.heard_after = heard.value_or(moment + repair_limit) - moment;
      world.run_until(world.now() + watch_time / 2);
    }
  }
  outcome.writes_to_live_peers = world.writes_to_live_peers();
  outcome.log = world.log();
  return outcome;
}

bool may_be_direct(const Schedule& schedule) {
  return schedule.group != Group::hopeless && schedule.group != Group::kinds;
}

}  // namespace model
