#include "tests/simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/unit/updater/samples.hpp"

namespace model {
namespace {

using namespace samples;

const auto host_key = key(0x01);
constexpr std::array<const char*, 2> names = {"alice", "bob"};
constexpr std::array<const char*, 2> tunnel_addresses = {"10.77.0.2", "10.77.0.3"};
updater::Settings settings_with(updater::RelayUse use) {
  updater::Settings settings{{host_key}, 25s, false};
  settings.relay = use;
  return settings;
}
const auto host_place = endpoint("198.51.100.1:51820");
/// The delay until a change of addresses is reported (updater/host/local_watch.cpp).
constexpr Time settle_time = 0.1;
/// The time after which glibc asks again.
constexpr Time resolver_retry = 5;
/// When an update is sent again, and given up (updater/tunnel/private_client.cpp).
constexpr std::array<Time, 4> update_patience = {0.5, 1, 2, 4};

}  // namespace

World::World(std::uint32_t seed, Conditions conditions)
    : conditions_(conditions),
      settings_(settings_with(conditions.use)),
      events_(seed),
      hub_(events_, host_key, host_place, conditions.relays,
           [this](const auto& to, const auto& packet) { leave_hub(to, packet); }) {
  for (std::size_t i = 0; i < 2; ++i) {
    // The seed decides which key is the smaller one.
    const bool is_smaller = (seed % 2 == 0) == (i == 0);
    sides_[i].device.name = "wg0";
    sides_[i].device.public_key = key(is_smaller ? 0x20 : 0x90);
  }
  for (std::size_t i = 0; i < 2; ++i) join(i);
  // An update names the other side: there is nobody else.
  hub_.on_update([this](const wg::PublicKey& peer, std::uint32_t number) {
    take_update(peer == sides_[0].key() ? 0 : 1, number);
  });
  make_traffic();
}

void World::join(std::size_t i) {
  Side& side = sides_[i];
  const bool is_first = i == 0 || conditions_.shares_nat;
  side.nat = std::make_unique<Nat>(conditions_.nats[i],
                                   endpoint(std::string(is_first ? "203.0.113.1" : "203.0.113.2") +
                                            (i == 0 ? ":40001" : ":41001")));
  const auto make_tunnel = [&](const wg::PublicKey& to, const char* allowed) {
    auto tunnel = std::make_unique<WireGuard>(
        events_, [this, i](const auto& target, const auto& packet) { leave(i, target, packet); });
    tunnel->own_key = side.key();
    tunnel->shown.public_key = to;
    tunnel->shown.allowed_ips = {prefix(allowed)};
    return tunnel;
  };
  const wg::PublicKey other = sides_[1 - i].key();
  side.tunnel = make_tunnel(other, i == 0 ? "10.77.0.3/32" : "10.77.0.2/32");
  if (conditions_.keepalive_preset[i]) side.tunnel->set({other, std::nullopt, 25s});
  side.hub_tunnel = make_tunnel(host_key, "10.77.0.1/32");
  side.device.peers = {side.tunnel->shown, side.hub_tunnel->shown};
  hub_.add_peer(side.key());
  // WireGuard repeats the first handshake with the host until it succeeds.
  events_.at(events_.uniform(0, 5), [&side] { side.hub_tunnel->set({host_key, host_place, 25s}); });
}

void World::make_traffic() {
  const auto send = [this](std::size_t side, Kind kind) { sides_[side].tunnel->send(kind); };
  const auto repeat = [&](std::size_t side, Kind kind, Time interval, Time on, Time period) {
    constexpr Time end = 900;
    const Time first = conditions_.traffic_begins + events_.uniform(0, interval);
    Time when = first;
    while (when < end) {
      const Time phase = when - first;
      if (phase - static_cast<Time>(static_cast<int>(phase / period)) * period < on)
        events_.at(when, [send, side, kind] { send(side, kind); });
      when += interval;
    }
  };
  switch (conditions_.traffic) {
    case Traffic::none:
      break;
    case Traffic::both:
      repeat(1, Kind::request, 0.2, 1, 1);
      [[fallthrough]];
    case Traffic::pings:
      repeat(0, Kind::request, 0.2, 1, 1);
      break;
    case Traffic::flow:
      repeat(0, Kind::flow, 0.1, 1, 1);
      break;
    case Traffic::bursts:
      repeat(0, Kind::request, 0.2, 3, 20);
      break;
    case Traffic::slow_pings:
      repeat(0, Kind::request, 7, 1, 1);
      break;
  }
}

void World::start_updater(std::size_t side, Time when) {
  const auto seed = events_.seed();
  events_.at(when, [this, side, seed] {
    sides_[side].machine = std::make_unique<updater::Machine>(settings_, updater::Memory(), seed);
    poll(side);
  });
}

void World::rebind(std::size_t side, Time when) {
  events_.at(when, [this, side] {
    sides_[side].nat->rebind();
    note(side, "its NAT rebinds");
  });
}

void World::readdress(std::size_t side, Time when, bool loses_source) {
  events_.at(when, [this, side, loses_source] {
    if (loses_source) {
      sides_[side].tunnel->lose_source();
      sides_[side].hub_tunnel->lose_source();
    }
    note(side, loses_source ? "the address that it used is gone" : "its own addresses change");
  });
  events_.at(when + settle_time, [this, side, loses_source] {
    if (!sides_[side].machine) return;
    std::set<base::IpAddress> source_changed;
    for (const auto* tunnel : {&sides_[side].tunnel, &sides_[side].hub_tunnel}) {
      const auto& to = (*tunnel)->shown.endpoint;
      if (loses_source && to) source_changed.insert(to->address);
    }
    sides_[side].machine->change_local(at(now()), source_changed);
    poll(side);
  });
}

void World::forge_initiation(std::size_t side) {
  const auto to_hub = [this, side](const auto&, const Packet& packet) {
    hub_.receive(outside(side), packet);
  };
  WireGuard& stranger = *strangers_.emplace_back(std::make_unique<WireGuard>(events_, to_hub));
  stranger.own_key = key(0x66);  // what is sealed betrays it
  stranger.shown.public_key = sides_[1 - side].key();
  stranger.shown.endpoint = host_place;
  stranger.send(Kind::request);
  stranger.shown.endpoint.reset();  // it does not repeat it
}

base::Endpoint World::outside(std::size_t side) const {
  return sides_.at(side).nat->source_for(host_place, now());
}

bool World::passes(std::size_t from) const {
  const Side& side = sides_[from];
  const Side& other = sides_[1 - from];
  const auto& to = side.tunnel->shown.endpoint;
  if (!to || side.tunnel->is_mute() || !other.tunnel->understands(*side.tunnel)) return false;
  return other.nat->accepts(side.nat->source_for(*to, now()), *to, now());
}

/// Whether what this side sends now reaches the other through the relay.
bool World::is_relayed(std::size_t from) const {
  const Side& side = sides_[from];
  const Side& other = sides_[1 - from];
  const auto index = side.tunnel->sends_under();
  if (!index || side.tunnel->shown.endpoint != host_place || side.tunnel->is_mute() ||
      !other.tunnel->understands(*side.tunnel))
    return false;
  const auto place = hub_.confirmed_place(other.key());
  return place && hub_.passes_on(side.key(), side.nat->source_for(host_place, now()), *index) &&
         other.nat->accepts(host_place, *place, now());
}

bool World::is_direct() const {
  return passes(0) && passes(1);
}

bool World::is_connected() const {
  return (passes(0) || is_relayed(0)) && (passes(1) || is_relayed(1));
}

Time World::delay_from(std::size_t side) const {
  return sides_.at(side).tunnel->shown.endpoint == host_place
             ? conditions_.hub_delays[0] + conditions_.hub_delays[1]
             : conditions_.delays.at(side);
}

void World::watch_path() {
  if (!is_direct()) {
    direct_since_.reset();
  } else if (!direct_since_) {
    direct_since_ = now();
  }
}

std::optional<Time> World::run_until_direct(Time limit) {
  do {
    if (is_direct()) return now();
  } while (events_.step(limit));
  return std::nullopt;
}

std::optional<Time> World::run_until_connected(Time limit) {
  do {
    if (is_connected()) return now();
  } while (events_.step(limit));
  return std::nullopt;
}

World::Watched World::watch(Time limit) {
  Watched watched;
  std::optional<Time> gap_since;
  while (events_.step(limit)) {
    watch_path();
    if (!watched.direct_at && direct_since_ && now() - *direct_since_ >= 1)
      watched.direct_at = direct_since_;
    if (is_connected()) {
      gap_since.reset();
    } else if (!gap_since) {
      gap_since = now();
    }
    if (gap_since) watched.longest_gap = std::max(watched.longest_gap, now() - *gap_since);
  }
  return watched;
}

std::optional<Time> World::run_until_handshakes(Time limit) {
  while (events_.step(limit)) {
    if (sides_[0].tunnel->shown.latest_handshake && sides_[1].tunnel->shown.latest_handshake)
      return now();
  }
  return std::nullopt;
}

std::optional<Time> World::run_until_reply(std::size_t side, Time limit) {
  auto& replied = sides_.at(side).replied;
  replied.reset();
  while (events_.step(limit)) {
    if (replied) return replied;
  }
  return std::nullopt;
}

/// One turn of the updater: read, plan, write, look up.
void World::poll(std::size_t i) {
  watch_path();
  Side& side = sides_[i];
  side.device.peers = {side.tunnel->shown, side.hub_tunnel->shown};
  const std::vector<base::InterfaceAddress> host = {own("192.168.1.5"),
                                                    own(tunnel_addresses[i], "wg0")};
  const updater::Plan plan = side.machine->step(at(now()), side.device, host);
  for (const updater::Note& line : plan.notes) note(i, to_string(line, settings_));
  for (const updater::ViaRequest& via : plan.vias) {
    note(i, fmt::format("via= to {}", via.hub.to_short()));
    send_update(i, events_.next_number(), 0);
  }
  for (const updater::Change& change : plan.changes) write(i, change);
  side.watches = plan.watches;
  for (const updater::PauseRequest& pause : plan.pauses) {
    note(i, fmt::format("asks for a pause of {} ms", pause.time.count()));
    const std::uint32_t number = events_.next_number();
    side.pauses[number] = pause.time;
    send_update(i, number, 0);
  }
  for (const updater::Probe& probe : plan.probes) {
    const bool is_hub = probe.peer == host_key;
    note(i, is_hub ? "echo request to the hub" : "echo request");
    (is_hub ? side.hub_probed : side.probed) = now();
    (is_hub ? side.hub_tunnel : side.tunnel)->send(Kind::echo);
  }
  for (const updater::LookupRequest& request : plan.lookups) look_up(i, request);
  const Time next = std::chrono::duration<double>(plan.next - at(0).steady).count();
  const Time due = side.next_poll = std::max(next, now() + 0.001);
  events_.at(due, [this, i, due] {
    if (sides_[i].next_poll == due) poll(i);
  });
}

void World::write(std::size_t i, const updater::Change& change) {
  note(i, updater::describe(change.updates) + ": " + change.reason);
  if (change.peer == host_key) {
    for (const wg::PeerUpdate& update : change.updates) sides_[i].hub_tunnel->set(update);
    return;
  }
  WireGuard& tunnel = *sides_[i].tunnel;
  ++sides_[i].writes;
  for (const wg::PeerUpdate& update : change.updates) {
    const bool moves = update.endpoint.has_value();
    const bool kicks = update.persistent_keepalive && update.persistent_keepalive->count() == 0 &&
                       tunnel.shown.persistent_keepalive.count() != 0;
    watch_path();
    // A path that has just opened, and has carried nothing yet, cannot be known to be alive.
    const bool is_live =
        direct_since_ && now() - *direct_since_ >= 1 && sides_[i].heard >= *direct_since_;
    if (is_live && (moves || kicks))
      offences_.push_back(fmt::format("{:.2f} {}: {}: {}", now(), names.at(i),
                                      updater::describe(change.updates), change.reason));
    tunnel.set(update);
  }
}

/// Once more where nothing comes back.
void World::send_update(std::size_t i, std::uint32_t number, std::size_t attempt) {
  Side& side = sides_[i];
  if (attempt == 0) side.unanswered.insert(number);
  if (side.unanswered.count(number) == 0) return;
  if (attempt == update_patience.size()) {
    end_update(i, number);
    return;
  }
  side.hub_tunnel->send(Kind::update, number);
  events_.after(update_patience.at(attempt),
                [this, i, number, attempt] { send_update(i, number, attempt + 1); });
}

/// The host decides, again for each message that arrives.
void World::take_update(std::size_t i, std::uint32_t number) {
  Side& side = sides_[i];
  const wg::PublicKey& other = sides_[1 - i].key();
  if (const auto pause = side.pauses.find(number); pause != side.pauses.end()) {
    side.granted[number] = hub_.pause(side.key(), other, pause->second);
    note(i, side.granted[number] ? "the hub makes a pause" : "the hub refuses the pause");
  } else {
    note(i,
         hub_.adopt(side.key(), other) ? "the hub adopts what comes" : "the hub refuses to adopt");
  }
}

/// Its answer came, or none did.
void World::end_update(std::size_t i, std::uint32_t number) {
  Side& side = sides_[i];
  const bool is_answered = side.unanswered.erase(number) != 0;
  if (!is_answered || side.pauses.count(number) == 0) return;
  side.machine->learn_pause(sides_[1 - i].key(), side.granted[number]);
  poll(i);
}

/// The reading, every 1 to 2 ms, that sees where WireGuard took the peer.
void World::glance(std::size_t i) {
  Side& side = sides_[i];
  if (side.watches.empty()) return;
  events_.after(events_.uniform(0.0001, 0.002), [this, i, writes = side.writes] {
    Side& later = sides_[i];
    const auto& at = later.tunnel->shown.endpoint;
    if (later.watches.empty() || later.writes != writes || !at) return;
    const auto& expected = later.watches.front().expected;
    if (std::find(expected.begin(), expected.end(), *at) != expected.end()) return;
    later.machine->see(later.tunnel->shown.public_key, *at);
    poll(i);
  });
}

void World::look_up(std::size_t i, const updater::LookupRequest& request) {
  Time delay = events_.uniform(0.005, 0.08);
  if (events_.chance(conditions_.loss)) delay += resolver_retry;
  events_.after(delay, [this, i, request] {
    Side& side = sides_[i];
    const bool is_own = request.peer == side.device.public_key;
    const auto published = hub_.published(request.peer);
    updater::LookupResult result{request.peer, base::Unexpected(updater::LookupError::no_endpoint),
                                 updater::PublishedText()};
    result.text->mapping = sides_[is_own ? i : 1 - i].nat->kind() == NatKind::symmetric
                               ? schema::NatMapping::address_and_port_dependent
                               : schema::NatMapping::endpoint_independent;
    if (conditions_.relays) result.text->relays = {host_key};
    if (published) result.endpoints = updater::PublishedEndpoints{{*published}, dns::Ttl{1}};
    for (const updater::Note& line : side.machine->learn(at(now()), result))
      note(i, to_string(line, settings_));
    poll(i);
  });
}

/// A packet leaves a device.
void World::leave(std::size_t from, const base::Endpoint& to, const Packet& packet) {
  const base::Endpoint source = sides_[from].nat->send(to, now());
  if (packet.kind == Kind::initiation && packet.to != host_key)
    note(from, "initiation to " + to.to_string());
  if (events_.chance(conditions_.loss)) return;
  if (to == host_place) {
    events_.after(conditions_.hub_delays.at(from), [this, source, packet] {
      hub_.receive(source, packet);
      watch_path();
    });
  } else if (!conditions_.shares_nat) {
    events_.after(conditions_.delays.at(from),
                  [this, from, source, to, packet] { enter(1 - from, source, to, packet); });
  }
}

/// A packet leaves the host.
void World::leave_hub(const base::Endpoint& to, const Packet& packet) {
  if (events_.chance(conditions_.loss)) return;
  for (std::size_t i = 0; i < 2; ++i) {
    events_.after(conditions_.hub_delays.at(i),
                  [this, i, to, packet] { enter(i, host_place, to, packet); });
  }
}

/// A packet comes to the boxes of this side; those of another address let nothing in.
void World::enter(std::size_t i, const base::Endpoint& from, const base::Endpoint& to,
                  const Packet& packet) {
  Side& side = sides_[i];
  if (!side.nat->receive(from, to, now())) return;
  // What is for another key, or from one that is no peer, is not authentic.
  if (packet.to != side.key()) return;
  if (packet.from == host_key) {
    if (side.hub_tunnel->receive(from, packet)) arrive(i, packet);
  } else if (const auto before = side.tunnel->shown.endpoint;
             packet.from == sides_[1 - i].key() && side.tunnel->receive(from, packet)) {
    if (side.tunnel->shown.endpoint != before) glance(i);
    if (packet.kind != Kind::initiation) side.heard = now();
    arrive(i, packet);
  }
  watch_path();
}

/// What is inside reaches this side.
void World::arrive(std::size_t i, const Packet& packet) {
  Side& side = sides_[i];
  if (packet.from == host_key) {
    if (packet.kind == Kind::echo_reply) learn_round_trip(i, host_key, side.hub_probed);
    if (packet.kind == Kind::update_reply) end_update(i, packet.number);
    return;
  }
  if (packet.kind == Kind::request) side.tunnel->send(Kind::reply);
  if (packet.kind == Kind::echo) side.tunnel->send(Kind::echo_reply);
  if (packet.kind == Kind::reply) side.replied = now();
  if (packet.kind == Kind::response) note(i, "response");
  if (packet.kind == Kind::echo_reply)
    learn_round_trip(i, side.tunnel->shown.public_key, side.probed);
}

void World::learn_round_trip(std::size_t i, const wg::PublicKey& peer, Time asked) {
  if (!sides_[i].machine) return;
  const auto microseconds = static_cast<std::int64_t>((now() - asked) * 1e6);
  sides_[i].machine->learn_round_trip(peer, std::chrono::microseconds(microseconds));
}

void World::note(std::size_t side, const std::string& text) {
  log_.push_back(fmt::format("{:8.3f} {:5} {}", now(), names.at(side), text));
}

}  // namespace model
