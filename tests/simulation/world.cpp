#include "tests/simulation/world.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "tests/unit/updater/samples.hpp"

namespace model {
namespace {

using namespace samples;

const auto hub = key(0x01);
constexpr std::array<const char*, 2> names = {"alice", "bob"};
constexpr std::array<const char*, 2> tunnel_addresses = {"10.77.0.2", "10.77.0.3"};
const updater::Settings settings{{hub}, 25s, false};
constexpr Time hub_keepalive = 25;
/// The interval at which wg-dnsd reads its device (dnsd/settings/config.hpp).
constexpr Time hub_poll = 0.5;
/// The delay until a change of addresses is reported (updater/host/local_watch.cpp).
constexpr Time settle_time = 0.1;
/// The time after which glibc asks again.
constexpr Time resolver_retry = 5;

}  // namespace

World::World(std::uint32_t seed, Conditions conditions) : conditions_(conditions), events_(seed) {
  for (std::size_t i = 0; i < 2; ++i) {
    Side& side = sides_[i];
    // The seed decides which key is the smaller one.
    const bool is_smaller = (seed % 2 == 0) == (i == 0);
    side.device.name = "wg0";
    side.device.public_key = key(is_smaller ? 0x20 : 0x90);
    side.nat = std::make_unique<Nat>(conditions_.nats[i],
                                     endpoint(i == 0 ? "203.0.113.1:40001" : "203.0.113.2:40001"));
    side.tunnel = std::make_unique<WireGuard>(
        events_, [this, i](const auto& to, const auto& packet) { transfer(i, to, packet); });
    wg::DevicePeer& other = side.tunnel->shown;
    other.public_key = key(is_smaller ? 0x90 : 0x20);
    other.allowed_ips = {prefix(std::string(tunnel_addresses[1 - i]) + "/32")};
    if (conditions_.keepalive_preset[i]) side.tunnel->set({other.public_key, std::nullopt, 25s});
    wg::DevicePeer host;
    host.public_key = hub;
    host.endpoint = endpoint("198.51.100.1:51820");
    host.persistent_keepalive = 25s;
    side.device.peers = {other, host};
    // The first handshake with the host is repeated until it succeeds.
    events_.at(events_.uniform(0, 5), [this, i] {
      tell_hub(i);
      events_.after(hub_keepalive, [this, i] { keep_telling_hub(i); });
    });
  }
  make_traffic();
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
    sides_[side].machine = std::make_unique<updater::Machine>(settings, updater::Memory(), seed);
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
    if (loses_source) sides_[side].tunnel->lose_source();
    note(side, loses_source ? "the address that it used is gone" : "its own addresses change");
  });
  events_.at(when + settle_time, [this, side, loses_source] {
    if (!sides_[side].machine) return;
    std::set<base::IpAddress> source_changed;
    const auto& to = sides_[side].tunnel->shown.endpoint;
    if (loses_source && to) source_changed.insert(to->address);
    sides_[side].machine->change_local(at(now()), source_changed);
    poll(side);
  });
}

bool World::passes(std::size_t from) const {
  const Side& side = sides_[from];
  const Side& other = sides_[1 - from];
  const auto& to = side.tunnel->shown.endpoint;
  if (!to || side.tunnel->is_mute() || !other.tunnel->understands(*side.tunnel)) return false;
  return other.nat->accepts(side.nat->source_for(*to, now()), *to, now());
}

bool World::is_direct() const {
  return passes(0) && passes(1);
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

std::optional<Time> World::run_until_reply(Time limit) {
  last_reply_.reset();
  while (events_.step(limit)) {
    if (last_reply_) return last_reply_;
  }
  return std::nullopt;
}

/// One turn of the updater: read, plan, write, look up.
void World::poll(std::size_t i) {
  watch_path();
  Side& side = sides_[i];
  side.device.peers[0] = side.tunnel->shown;
  side.device.peers[1].rx_bytes += 32;
  side.device.peers[1].latest_handshake = handshake_at(now());
  const std::vector<base::InterfaceAddress> host = {own("192.168.1.5"),
                                                    own(tunnel_addresses[i], "wg0")};
  const updater::Plan plan = side.machine->step(at(now()), side.device, host);
  for (const updater::Note& line : plan.notes) note(i, to_string(line, settings));
  for (const updater::Change& change : plan.changes) write(i, change);
  for (std::size_t count = 0; count < plan.probes.size(); ++count) {
    note(i, "echo request");
    side.probed = now();
    side.tunnel->send(Kind::echo);
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
  if (change.peer == hub) {
    if (!events_.chance(conditions_.loss)) tell_hub(i);
    return;
  }
  WireGuard& tunnel = *sides_[i].tunnel;
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

void World::look_up(std::size_t i, const updater::LookupRequest& request) {
  ++lookups_;
  Time delay = events_.uniform(0.005, 0.08);
  if (events_.chance(conditions_.loss)) delay += resolver_retry;
  events_.after(delay, [this, i, request] {
    Side& side = sides_[i];
    const bool is_own = request.peer == side.device.public_key;
    const auto& published = sides_[is_own ? i : 1 - i].published;
    updater::LookupResult result{request.peer, base::Unexpected(updater::LookupError::no_endpoint),
                                 updater::PublishedText()};
    result.text->mapping = sides_[is_own ? i : 1 - i].nat->kind() == NatKind::symmetric
                               ? schema::NatMapping::address_and_port_dependent
                               : schema::NatMapping::endpoint_independent;
    if (published) result.endpoints = updater::PublishedEndpoints{{*published}, dns::Ttl{1}};
    for (const updater::Note& line : side.machine->learn(at(now()), result))
      note(i, to_string(line, settings));
    poll(i);
  });
}

/// A packet reaches the host. After the next reading DNS has its source.
void World::tell_hub(std::size_t i) {
  Side& side = sides_[i];
  const base::Endpoint seen = side.nat->send(*side.device.peers[1].endpoint, now());
  events_.after(conditions_.delays[i] + events_.uniform(0, hub_poll),
                [this, i, seen] { sides_[i].published = seen; });
}

void World::keep_telling_hub(std::size_t i) {
  if (!events_.chance(conditions_.loss)) tell_hub(i);
  events_.after(hub_keepalive, [this, i] { keep_telling_hub(i); });
}

void World::transfer(std::size_t from, const base::Endpoint& to, const Packet& packet) {
  const base::Endpoint source = sides_[from].nat->send(to, now());
  if (packet.kind == Kind::initiation) note(from, "initiation to " + to.to_string());
  if (events_.chance(conditions_.loss)) return;
  events_.after(conditions_.delays.at(from), [this, from, source, to, packet] {
    Side& other = sides_[1 - from];
    if (!other.nat->receive(source, to, now())) return;
    if (other.tunnel->receive(source, packet)) {
      if (packet.kind != Kind::initiation) other.heard = now();
      arrive(1 - from, packet);
    }
    watch_path();
  });
}

void World::arrive(std::size_t i, const Packet& packet) {
  Side& side = sides_[i];
  if (packet.kind == Kind::request) side.tunnel->send(Kind::reply);
  if (packet.kind == Kind::echo) side.tunnel->send(Kind::echo_reply);
  if (packet.kind == Kind::reply && i == 0) last_reply_ = now();
  if (packet.kind == Kind::response) note(i, "response");
  if (packet.kind == Kind::echo_reply && side.machine) {
    const auto microseconds = static_cast<std::int64_t>((now() - side.probed) * 1e6);
    side.machine->learn_round_trip(side.tunnel->shown.public_key,
                                   std::chrono::microseconds(microseconds));
  }
}

void World::note(std::size_t side, const std::string& text) {
  log_.push_back(fmt::format("{:8.3f} {:5} {}", now(), names.at(side), text));
}

}  // namespace model
