#include "tests/simulation/hub.hpp"

#include <algorithm>
#include <utility>

#include "tests/unit/updater/samples.hpp"

namespace model {
namespace {

// The constants of noise::Engine.
constexpr Time reject_after = 180;
constexpr Time rekey_after = 120;
constexpr Time rekey_receiving_after = 165;
constexpr Time retry_after = 5;
constexpr Time max_jitter = 0.334;
constexpr Time keepalive_after = 10;
constexpr Time doubt_after = 15;
constexpr int rekey_attempts = 18;

}  // namespace

Hub::Hub(Events& events, const wg::PublicKey& key, const base::Endpoint& place, bool relays,
         Send send)
    : events_(events),
      key_(key),
      place_(place),
      relays_(relays),
      send_(std::move(send)),
      relay_(key, {}, *this) {}

void Hub::add_peer(const wg::PublicKey& peer) {
  peers_.try_emplace(peer);
  if (relays_) relay_.add_peer(peer);
}

std::optional<base::Endpoint> Hub::published(const wg::PublicKey& peer) const {
  const auto known = peers_.find(peer);
  return known == peers_.end() ? std::nullopt : known->second.published;
}

std::optional<base::Endpoint> Hub::confirmed_place(const wg::PublicKey& peer) const {
  const auto known = peers_.find(peer);
  return known == peers_.end() ? std::nullopt : known->second.confirmed;
}

bool Hub::passes_on(const wg::PublicKey& peer, const base::Endpoint& source,
                    noise::SessionIndex index) const {
  return relays_ && confirmed_place(peer) == source && relay_.uses_index(peer, index);
}

bool Hub::adopt(const wg::PublicKey& peer, const wg::PublicKey& other) {
  return relays_ && relay_.adopt(peer, other, now().steady);
}

bool Hub::pause(const wg::PublicKey& peer, const wg::PublicKey& other,
                std::chrono::milliseconds length) {
  return relays_ && relay_.pause(peer, other, length, now().steady);
}

// Datagrams

void Hub::receive(const base::Endpoint& from, const Packet& packet) {
  const noise::Path path{from, place_.address};
  if (relays_) {
    relay(packet, path);
  } else {
    take(packet, path);
  }
  tick();
}

void Hub::relay(Packet packet, const noise::Path& path) {
  std::vector<std::uint8_t> made;
  const bool is_data = packet.octets.empty();
  if (is_data) made = data_octets(packet);
  const auto verdict = relay_.receive(is_data ? made : packet.octets, path, now().steady);
  switch (verdict.kind) {
    case dnsd::Relay::Verdict::Kind::not_relayed:
      take(packet, path);
      break;
    case dnsd::Relay::Verdict::Kind::forward:
      send_(verdict.path->remote, packet);
      break;
    case dnsd::Relay::Verdict::Kind::reply: {
      Packet cookie = make(Kind::cookie, packet.from);
      cookie.receiver = packet.sender;
      cookie.from = packet.to;  // in the recipient's name
      cookie.octets.assign(relay_.reply().begin(), relay_.reply().end());
      send_(path.remote, cookie);
      break;
    }
    case dnsd::Relay::Verdict::Kind::ask_back:
      rules_.relayed_from(*verdict.peer, path, now());
      break;
    case dnsd::Relay::Verdict::Kind::drop:
      break;
  }
}

void Hub::take(const Packet& packet, const noise::Path& path) {
  const auto known = peers_.find(packet.from);
  if (known == peers_.end() || packet.to != key_) {
    if (is_data(packet.kind) || packet.kind == Kind::keepalive) rules_.unknown_session(path, now());
  } else if (packet.kind == Kind::initiation) {
    take_initiation(known->second, packet, path);
  } else if (packet.kind == Kind::response) {
    take_response(known->second, packet, path);
  } else if (packet.kind != Kind::cookie) {
    take_data(known->second, packet, path);
  }
}

void Hub::take_initiation(Peer& peer, const Packet& packet, const noise::Path& path) {
  if (packet.timestamp <= peer.newest_timestamp) return;
  peer.newest_timestamp = packet.timestamp;
  Session session;
  session.handshake = packet.handshake;
  session.begun = events_.now();
  session.own_index = draw_index(packet.from);
  session.other_index = packet.sender;
  session.path = path;
  peer.next = session;
  Packet response = make(Kind::response, packet.from);
  response.handshake = packet.handshake;
  response.sender = session.own_index;
  response.receiver = session.other_index;
  send_(path.remote, response);
}

void Hub::take_response(Peer& peer, const Packet& packet, const noise::Path& path) {
  if (!peer.attempt || peer.attempt->handshake != packet.handshake) return;
  const Attempt attempt = *std::exchange(peer.attempt, std::nullopt);
  const bool is_proven = path.remote == attempt.path.remote;
  Session session;
  session.handshake = packet.handshake;
  session.begun = events_.now();
  session.is_initiator = true;
  session.own_index = attempt.own_index;
  session.other_index = packet.sender;
  session.path = is_proven ? path : attempt.path;
  peer.previous = peer.next ? std::exchange(peer.next, std::nullopt) : peer.current;
  peer.current = session;
  peer.unanswered.reset();
  ++peer.waits;
  if (is_proven) send(packet.from, peer, Kind::keepalive);
  rules_.received(
      packet.from,
      {noise::Received::Kind::response, path, /*is_newest=*/true, /*is_proven=*/is_proven}, now());
}

void Hub::take_data(Peer& peer, const Packet& packet, const noise::Path& path) {
  std::optional<Session>* slot = nullptr;
  for (auto* candidate : {&peer.current, &peer.next, &peer.previous}) {
    if (*candidate && (*candidate)->own_index == packet.receiver) slot = candidate;
  }
  if (slot == nullptr) {
    rules_.unknown_session(path, now());
    return;
  }
  if (!is_usable(**slot)) return;
  if (slot == &peer.next) {
    peer.previous = std::exchange(peer.current, std::exchange(peer.next, std::nullopt));
    slot = &peer.current;
    peer.attempt.reset();
    ++peer.waits;
  }
  peer.unanswered.reset();
  Session& session = **slot;
  const bool is_highest = !session.highest || packet.counter > *session.highest;
  if (is_highest) session.highest = packet.counter;
  const bool is_proven = path.remote == session.path.remote;
  const auto kind = packet.kind == Kind::keepalive ? noise::Received::Kind::keepalive
                                                   : noise::Received::Kind::data;
  rules_.received(packet.from, {kind, path, slot == &peer.current && is_highest, is_proven}, now());
  // Nothing goes to an address that is not proven.
  if (!is_proven) return;
  answer(packet.from, peer, packet);
  if (slot == &peer.current && session.is_initiator &&
      events_.now() - session.begun >= rekey_receiving_after && !peer.attempt)
    initiate(packet.from, session.path, rekey_attempts);
}

void Hub::answer(const wg::PublicKey& key, Peer& peer, const Packet& packet) {
  if (packet.kind == Kind::keepalive) {
    send(key, peer, Kind::keepalive);
  } else if (packet.kind == Kind::echo) {
    send(key, peer, Kind::echo_reply, packet.number);
  } else if (packet.kind == Kind::update) {
    update_(key, packet.number);
    send(key, peer, Kind::update_reply, packet.number);
  } else if (!std::exchange(peer.owes_keepalive, true)) {
    events_.after(keepalive_after, [this, key] {
      Peer& due = peers_.at(key);
      if (std::exchange(due.owes_keepalive, false)) send(key, due, Kind::keepalive);
    });
  }
}

// Handshakes of its own

void Hub::initiate(const wg::PublicKey& key, const noise::Path& path, int attempts) {
  Peer& peer = peers_.at(key);
  peer.attempt = Attempt{0, 0, path, attempts};
  begin_attempt(key, peer);
}

void Hub::begin_attempt(const wg::PublicKey& key, Peer& peer) {
  Attempt& attempt = *peer.attempt;
  attempt.handshake = events_.next_number();
  attempt.own_index = draw_index(key);
  --attempt.left;
  Packet initiation = make(Kind::initiation, key);
  initiation.handshake = attempt.handshake;
  initiation.sender = attempt.own_index;
  send_(attempt.path.remote, initiation);
  const std::uint32_t number = ++peer.waits;
  events_.after(retry_after + events_.uniform(0, max_jitter), [this, key, number] {
    Peer& due = peers_.at(key);
    if (due.waits != number || !due.attempt) return;
    if (due.attempt->left > 0) {
      begin_attempt(key, due);
    } else {
      due.attempt.reset();
    }
  });
}

void Hub::send(const wg::PublicKey& key, Peer& peer, Kind kind, std::uint32_t number) {
  if (!peer.current || !is_usable(*peer.current)) return;
  Session& session = *peer.current;
  peer.owes_keepalive = false;
  if (kind != Kind::keepalive && !peer.unanswered) {
    const Time sent = events_.now();
    peer.unanswered = sent;
    events_.after(doubt_after, [this, key, sent] {
      Peer& due = peers_.at(key);
      if (due.unanswered != sent || !due.current || due.attempt) return;
      due.unanswered.reset();
      initiate(key, due.current->path, rekey_attempts);
    });
  }
  Packet packet = make(kind, key);
  packet.handshake = session.handshake;
  packet.receiver = session.other_index;
  packet.counter = session.sent++;
  packet.number = number;
  send_(session.path.remote, packet);
  if (session.is_initiator && events_.now() - session.begun >= rekey_after && !peer.attempt)
    initiate(key, session.path, rekey_attempts);
}

Packet Hub::make(Kind kind, const wg::PublicKey& to) const {
  Packet packet;
  packet.kind = kind;
  packet.timestamp = events_.now();
  packet.from = key_;
  packet.to = to;
  return packet;
}

noise::SessionIndex Hub::draw_index(const wg::PublicKey& peer) {
  noise::SessionIndex index = 0;
  do {
    index = index_of(events_.next_number());
  } while (relays_ && relay_.uses_index(peer, index));
  return index;
}

bool Hub::owns_index(noise::SessionIndex index) const {
  const auto has = [index](const auto& session) { return session && session->own_index == index; };
  return std::any_of(peers_.begin(), peers_.end(), [&](const auto& peer) {
    const Peer& state = peer.second;
    return has(state.previous) || has(state.current) || has(state.next) || has(state.attempt);
  });
}

// Rules and time

/// What the rules concluded: the relay learns what is confirmed, DNS what is published, and peers
/// are asked back.
void Hub::follow_rules() {
  const dnsd::PointRules::Result result = rules_.take();
  for (const auto& [key, path, seen] : result.confirmed) {
    peers_.at(key).confirmed = path.remote;
    if (relays_) relay_.set_place(key, path, seen);
  }
  for (const auto& ask : result.ask) initiate(ask.key, ask.path, ask.attempts);
  for (const auto& [key, observation] : result.seen)
    peers_.at(key).published = observation.endpoint;
}

void Hub::tick() {
  rules_.tick(now());
  follow_rules();
  if (relays_) relay_.tick(now().steady);
  auto due = rules_.next_deadline();
  const auto other = relays_ ? relay_.next_deadline() : std::nullopt;
  if (other && (!due || *other < *due)) due = other;
  if (!due) return;
  const Time when =
      std::max(std::chrono::duration<double>(*due - samples::at(0).steady).count(), events_.now());
  if (armed_ && *armed_ <= when && *armed_ > events_.now()) return;
  armed_ = when;
  events_.at(when + 1e-6, [this, when] {
    if (armed_ != when) return;
    armed_.reset();
    tick();
  });
}

bool Hub::is_usable(const Session& session) const {
  return events_.now() - session.begun < reject_after;
}

base::Now Hub::now() const {
  return samples::at(events_.now());
}

}  // namespace model
