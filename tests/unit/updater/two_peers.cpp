#include "two_peers.hpp"

#include <utility>

namespace model {
namespace {

const auto hub = key(0x01);
constexpr Time never = 1e9;
constexpr Time mapping_life = 30;
constexpr Time resolver_delay = 0.03;
constexpr unsigned max_attempts = 18;

std::string tunnel_address(std::size_t side) {
  return side == 0 ? "10.77.0.2" : "10.77.0.3";
}

std::uint64_t octets_of(int kind) {
  constexpr std::array<std::uint64_t, 7> octets = {148, 92, 32, 128, 128, 64, 64};
  return octets.at(static_cast<std::size_t>(kind));
}

}  // namespace

World::World(std::uint32_t seed, Conditions conditions) : conditions_(conditions), random_(seed) {
  for (std::size_t i = 0; i < 2; ++i) {
    Side& side = sides_[i];
    // Which key is the smaller one changes with the seed.
    const bool is_smaller = (seed % 2 == 0) == (i == 0);
    side.device.name = "wg0";
    side.device.public_key = key(is_smaller ? 0x20 : 0x90);
    wg::DevicePeer other;
    other.public_key = key(is_smaller ? 0x90 : 0x20);
    other.allowed_ips = {prefix(tunnel_address(1 - i) + "/32")};
    wg::DevicePeer host;
    host.public_key = hub;
    host.endpoint = endpoint("198.51.100.1:51820");
    host.persistent_keepalive = 25s;
    side.device.peers = {other, host};
    side.mapping = endpoint(i == 0 ? "203.0.113.1:40001" : "203.0.113.2:40001");
    side.published = side.mapping;
    for (Time when = uniform(0, 25); when < 600; when += 25)
      at_time(when, [this, i] { hub_hears(i); });
  }
  if (!conditions_.pings) return;
  for (Time when = uniform(0, 0.2); when < 600; when += 0.2)
    at_time(when, [this] { send_session(0, Kind::request); });
}

void World::start_updater(std::size_t side, Time when) {
  const auto seed = static_cast<std::uint32_t>(random_());
  at_time(when, [this, side, seed] {
    sides_[side].machine = std::make_unique<updater::Machine>(updater::Settings{{hub}, 25s, false},
                                                              updater::Memory(), seed);
    poll(side);
  });
}

void World::rebind(std::size_t side, Time when) {
  at_time(when, [this, side] {
    Side& moved = sides_[side];
    moved.mapping.port =
        base::Port{static_cast<std::uint16_t>(base::to_number(moved.mapping.port) + 1)};
    moved.sent_to.clear();
  });
}

bool World::step(Time limit) {
  if (events_.empty() || events_.top().when > limit) return false;
  const auto run = events_.top().run;
  now_ = events_.top().when;
  events_.pop();
  run();
  return true;
}

std::optional<Time> World::run_until_direct(Time limit) {
  while (step(limit)) {
    if (has_session(sides_[0]) && has_session(sides_[1])) return now_;
  }
  return std::nullopt;
}

std::optional<Time> World::run_until_reply(Time limit) {
  last_reply_.reset();
  while (step(limit)) {
    if (last_reply_) return last_reply_;
  }
  return std::nullopt;
}

void World::run_until(Time limit) {
  while (step(limit)) {
  }
  now_ = limit;
}

/// One turn of the updater: read, plan, write, look up.
void World::poll(std::size_t i) {
  Side& side = sides_[i];
  side.device.peers[1].rx_bytes += 32;
  side.device.peers[1].latest_handshake = handshake_at(now_);
  const std::vector<base::InterfaceAddress> host = {own("192.168.1.5"),
                                                    own(tunnel_address(i), "wg0")};
  const updater::Plan plan = side.machine->step(at(now_), side.device, host);
  for (const updater::Change& change : plan.changes) {
    for (const wg::PeerUpdate& update : change.updates) {
      if (update.public_key != hub) {
        apply(i, update);
      } else if (update.persistent_keepalive && update.persistent_keepalive->count() > 0) {
        at_time(now_ + conditions_.delay, [this, i] { hub_hears(i); });
      }
    }
  }
  for (std::size_t count = 0; count < plan.probes.size(); ++count) {
    side.probed = now_;
    send_session(i, Kind::echo);
  }
  for (const updater::LookupRequest& request : plan.lookups) {
    at_time(now_ + resolver_delay, [this, i, request] {
      const bool is_own = request.peer == sides_[i].device.public_key;
      const base::Endpoint published = sides_[is_own ? i : 1 - i].published;
      (void)sides_[i].machine->learn(
          at(now_), {request.peer, updater::PublishedEndpoints{{published}, dns::Ttl{1}}, false});
      poll(i);
    });
  }
  const Time next = std::chrono::duration<double>(plan.next - at(0).steady).count();
  const Time due = side.next_poll = std::max(next, now_ + 0.001);
  at_time(due, [this, i, due] {
    if (sides_[i].next_poll == due) poll(i);
  });
}

void World::apply(std::size_t i, const wg::PeerUpdate& update) {
  Side& side = sides_[i];
  if (update.endpoint) {
    if (has_session(side) && now_ - side.last_received < 1.5) ++writes_to_live_peers_;
    peer(i).endpoint = update.endpoint;
  }
  if (!update.persistent_keepalive) return;
  const bool turned_on =
      peer(i).persistent_keepalive.count() == 0 && update.persistent_keepalive->count() > 0;
  peer(i).persistent_keepalive = *update.persistent_keepalive;
  if (update.persistent_keepalive->count() == 0) ++side.keepalive_timer;
  if (turned_on) send_session(i, Kind::keepalive);
}

/// wg-dnsd polls its device each second.
void World::hub_hears(std::size_t i) {
  const base::Endpoint seen = sides_[i].mapping;
  at_time(now_ + uniform(0, 1), [this, i, seen] { sides_[i].published = seen; });
}

void World::initiate(std::size_t i, bool is_retry) {
  Side& side = sides_[i];
  if (!is_retry) side.attempts = 0;
  if (now_ - side.last_handshake_sent < 5) return;  // without arming anything
  side.last_handshake_sent = now_;
  side.own_handshake = next_handshake_++;
  send(i, Kind::initiation, *side.own_handshake, 148);
  const std::uint64_t timer = ++side.retry_timer;
  at_time(now_ + uniform(5, 5.333), [this, i, timer] {
    Side& later = sides_[i];
    if (later.retry_timer != timer || ++later.attempts > max_attempts) return;
    initiate(i, true);
  });
}

/// A packet of the session; without one, a handshake is wanted.
void World::send_session(std::size_t i, Kind kind) {
  Side& side = sides_[i];
  if (!has_session(side)) {
    initiate(i, false);
    return;
  }
  send(i, kind, side.session->handshake, octets_of(static_cast<int>(kind)));
  if (side.session->is_initiator && now_ - side.session->begun > 120) initiate(i, false);
}

void World::send(std::size_t i, Kind kind, std::uint64_t handshake, std::uint64_t octets) {
  if (!peer(i).endpoint) return;
  Side& side = sides_[i];
  const base::Endpoint to = *peer(i).endpoint;
  peer(i).tx_bytes += octets;
  side.sent_to[to] = now_;
  arm_keepalive(i);
  if (uniform(0, 1) < conditions_.loss) return;
  const Packet packet{kind, handshake, side.mapping};
  at_time(now_ + conditions_.delay, [this, i, to, packet] {
    Side& other = sides_[1 - i];
    if (other.mapping != to) return;
    const auto opened = other.sent_to.find(packet.from);
    if (opened == other.sent_to.end() || now_ - opened->second > mapping_life) return;
    opened->second = now_;
    receive(1 - i, packet);
  });
}

void World::receive(std::size_t i, const Packet& packet) {
  Side& side = sides_[i];
  switch (packet.kind) {
    case Kind::initiation:
      peer(i).rx_bytes += 148;
      peer(i).endpoint = packet.from;
      side.own_handshake.reset();  // one slot: what we had begun ourselves is gone
      side.unconfirmed = Session{packet.handshake, now_, false};
      side.last_handshake_sent = now_;
      send(i, Kind::response, packet.handshake, 92);
      return;
    case Kind::response:
      if (side.own_handshake != packet.handshake) return;
      peer(i).rx_bytes += 92;
      peer(i).endpoint = packet.from;
      side.own_handshake.reset();
      establish(i, Session{packet.handshake, now_, true});
      send_session(i, Kind::keepalive);
      return;
    default:
      break;
  }
  if (side.unconfirmed && side.unconfirmed->handshake == packet.handshake) {
    establish(i, *side.unconfirmed);
    side.unconfirmed.reset();
  }
  if (!side.session || side.session->handshake != packet.handshake) return;
  peer(i).rx_bytes += octets_of(static_cast<int>(packet.kind));
  peer(i).endpoint = packet.from;
  side.last_received = now_;
  arm_keepalive(i);
  if (packet.kind == Kind::request) send_session(i, Kind::reply);
  if (packet.kind == Kind::reply) last_reply_ = now_;
  if (packet.kind == Kind::echo) send_session(i, Kind::echo_reply);
  if (packet.kind == Kind::echo_reply && side.machine)
    side.machine->learn_round_trip(
        peer(i).public_key,
        std::chrono::microseconds(static_cast<std::int64_t>((now_ - side.probed) * 1e6)));
}

void World::establish(std::size_t i, const Session& session) {
  Side& side = sides_[i];
  side.session = session;
  side.last_received = now_;
  side.attempts = 0;
  ++side.retry_timer;
  peer(i).latest_handshake = handshake_at(now_);
}

void World::arm_keepalive(std::size_t i) {
  const auto interval = peer(i).persistent_keepalive;
  if (interval.count() == 0) return;
  const std::uint64_t timer = ++sides_[i].keepalive_timer;
  at_time(now_ + static_cast<double>(interval.count()), [this, i, timer] {
    if (sides_[i].keepalive_timer == timer) send_session(i, Kind::keepalive);
  });
}

}  // namespace model
