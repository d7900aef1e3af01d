// The sections of the engine: datagrams that arrive, sending, time, sessions. Pure, on the
// caller's thread: receive() takes a datagram, tick() lets time pass, and everything that goes
// out is a call of Handler. Elsewhere: peers in engine_peers.cpp, the octets of messages in
// message.cpp, the cryptography of handshakes in handshake.cpp and of sessions in session.cpp,
// macs and cookies in mac_checker.cpp.

#include "noise/engine.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace noise {
namespace {

/// Cookies are wanted when more than `busy_handshakes` came within one window: about half of what a
/// core can do. Stays so for `busy_for` after the last such window, as other implementations do.
constexpr std::chrono::milliseconds load_window{100};
constexpr unsigned busy_handshakes = 200;
constexpr std::chrono::seconds busy_for{1};

/// The shortest time between two initiations of one peer: 50 per second, as in other
/// implementations.
constexpr std::chrono::milliseconds initiation_interval{20};
/// Paper §6.1: up to a third of a second, so that two peers do not repeat in step.
constexpr std::uint32_t jitter_milliseconds = 334;
/// Of one peer, old ones are answered no more often.
constexpr std::chrono::seconds old_answer_interval{1};
constexpr int rekey_attempts = static_cast<int>(rekey_attempt / rekey_timeout);
/// Keys that were not used for this time are wiped (paper §6.3).
constexpr auto wipe_after = 3 * reject_after;
/// The last inner packet from a place that is not proven waits for the proof, so long and of so
/// many octets: a request whose sender has just moved, not a flow.
constexpr std::chrono::seconds held_life{5};
constexpr std::size_t max_held = 1'500;
/// A UDP datagram holds no more.
constexpr std::size_t max_inner = 65'507 - data_header_octets - tag_octets - 15;

std::uint32_t draw_u32() {
  std::array<std::uint8_t, 4> octets{};
  fill_random(octets);
  return base::ByteReader(octets).u32();
}

base::SteadyTime retry_time(base::SteadyTime now) {
  return now + rekey_timeout + std::chrono::milliseconds(draw_u32() % jitter_milliseconds);
}

bool is_due(std::optional<base::SteadyTime>& due, base::SteadyTime now) {
  if (!due || *due > now) return false;
  due.reset();
  return true;
}

}  // namespace

/// The state of a peer that has sessions, or a handshake under way.
struct Engine::Live {
  /// An initiation of ours that waits for its response.
  struct Attempt {
    std::optional<OutgoingHandshake> handshake;
    SessionIndex own_index{};
    Path path;
    int left = 0;  ///< attempts after this one
  };

  /// An inner packet from a place that is not proven yet.
  struct Held {
    std::vector<std::uint8_t> inner;
    base::Endpoint remote;
    base::SteadyTime at;
  };

  std::unique_ptr<Session> previous;
  std::unique_ptr<Session> current;
  std::unique_ptr<Session> next;  ///< answered by us; the peer has not used it yet
  /// As `next`, to an initiation that may be a replay: it disturbs no other session.
  std::unique_ptr<Session> doubtful;
  std::chrono::seconds doubtful_behind{};
  std::optional<base::SteadyTime> old_answered;
  std::unique_ptr<Attempt> attempt;
  std::unique_ptr<Held> held;
  MacWriter macs;
  std::optional<base::SteadyTime> retry_due;
  std::optional<base::SteadyTime> keepalive_due;   ///< §6.5: data came, nothing was sent back
  std::optional<base::SteadyTime> unanswered_due;  ///< §6.4: data was sent, nothing came back
  std::optional<base::SteadyTime> wipe_due;
  std::optional<base::SteadyTime> queued;  ///< in deadlines_, the earliest
};

Engine::Peer::Peer() = default;
Engine::Peer::~Peer() = default;

Engine::Engine(KeyPair key, Handler& handler, Options options, const Tai64n& last_timestamp)
    : key_(std::move(key)),
      handler_(handler),
      options_(options),
      macs_(key_.public_key()),
      last_timestamp_(last_timestamp) {}
Engine::~Engine() = default;

// Datagrams

void Engine::receive(base::MutableBytes datagram, const Path& path, base::Now now) {
  const auto message = parse_message(datagram);
  if (!message) {
    ++counters_.malformed;
  } else if (const auto* data = std::get_if<TransportData>(&*message)) {
    receive(*data, datagram, path, now);
  } else if (const auto* initiation = std::get_if<Initiation>(&*message)) {
    receive(*initiation, path, now);
  } else if (const auto* response = std::get_if<Response>(&*message)) {
    receive(*response, path, now);
  } else {
    receive(std::get<CookieReply>(*message), now);
  }
}

void Engine::receive(const Initiation& message, const Path& path, base::Now now) {
  if (!admit(message.macs, message.sender, path, now)) return;
  auto handshake = IncomingHandshake::open(key_, message);
  if (!handshake) {
    ++counters_.not_authentic;
    return;
  }
  const auto it = peers_.find(handshake->peer());
  if (it == peers_.end()) {
    ++counters_.unregistered;
    return;
  }
  const SharedKey* const shared = static_static(*it);
  const auto timestamp =
      shared == nullptr ? std::nullopt : handshake->open_timestamp(*shared, message);
  if (!timestamp) {
    ++counters_.not_authentic;
    return;
  }
  if (is_fresh(*it, *timestamp, now)) {
    respond(*it, *handshake, message.sender, path, live(*it).next, now);
  } else if (may_answer_old(*it, *timestamp, path, now)) {
    respond(*it, *handshake, message.sender, path, live(*it).doubtful, now);
  }
}

/// Runs before any Diffie-Hellman. Until an address is proven only the total load decides:
/// otherwise a spoofer could lock out the owner of the address.
bool Engine::admit(const Macs& macs, SessionIndex sender, const Path& path, base::Now now) {
  const auto verdict = macs_.check(macs, path.remote, now.steady);
  if (verdict == MacChecker::Verdict::wrong) {
    ++counters_.wrong_mac1;
    return false;
  }
  note_handshake_work(now.steady);
  if (!is_under_load(now.steady)) return true;
  if (verdict == MacChecker::Verdict::mac1) {
    std::array<std::uint8_t, cookie_reply_octets> reply{};
    macs_.write_reply(sender, macs, path.remote, now.steady, reply);
    ++counters_.cookies;
    handler_.send(path, reply);
    return false;
  }
  if (source_limit_.admit(path.remote.address, now.steady)) return true;
  ++counters_.limited;
  return false;
}

void Engine::note_handshake_work(base::SteadyTime now) {
  if (now - load_window_ >= load_window) {
    load_window_ = now;
    load_count_ = 0;
  }
  if (++load_count_ > busy_handshakes) under_load_until_ = now + busy_for;
}

void Engine::note_backlog(base::SteadyTime now) {
  under_load_until_ = now + busy_for;
}

bool Engine::is_fresh(Node& node, const Tai64n& timestamp, base::Now now) {
  Peer& peer = node.second;
  if (timestamp <= peer.mark) {
    ++counters_.old_timestamp;
    return false;
  }
  if (peer.last_initiation && now.steady - *peer.last_initiation < initiation_interval) {
    ++counters_.limited;
    return false;
  }
  peer.last_initiation = now.steady;
  note_mark(node, timestamp);
  return true;
}

bool Engine::may_answer_old(Node& node, const Tai64n& timestamp, const Path& path, base::Now now) {
  // The newest one that comes twice is a copy by the network.
  if (timestamp >= node.second.mark || !handler_.may_answer_old(node.first, path)) return false;
  Live& state = live(node);
  if (state.old_answered && now.steady - *state.old_answered < old_answer_interval) return false;
  state.old_answered = now.steady;
  state.doubtful_behind = node.second.mark.since(timestamp);
  return true;
}

void Engine::respond(Node& node, IncomingHandshake& handshake, SessionIndex sender,
                     const Path& path, std::unique_ptr<Session>& slot, base::Now now) {
  Live& state = live(node);
  const SessionIndex index = draw_index(node);
  std::array<std::uint8_t, response_octets> reply{};
  const auto keys = handshake.respond(node.second.psk, index, KeyPair::draw(), reply);
  if (!keys) {
    indices_.erase(index);
    ++counters_.not_authentic;
    return;
  }
  drop(slot);
  slot =
      std::make_unique<Session>(*keys, Session::Role::responder, index, sender, path, now.steady);
  state.wipe_due = now.steady + wipe_after;
  state.macs.write(node.first, now.steady, reply);
  ++counters_.handshakes;
  handler_.send(path, reply);
  schedule(node);
}

void Engine::receive(const Response& message, const Path& path, base::Now now) {
  // The index is looked up first: it is cheaper than mac1, and a stranger does not know it.
  const auto found = indices_.find(message.receiver);
  Live* const state = found == indices_.end() ? nullptr : found->second->second.live.get();
  if (state == nullptr || !state->attempt || state->attempt->own_index != message.receiver) {
    ++counters_.unknown_session;
    return;
  }
  if (!admit(message.macs, message.sender, path, now)) return;
  Node& node = *found->second;
  const auto keys = state->attempt->handshake->finish(key_, node.second.psk, message);
  if (!keys) {
    ++counters_.not_authentic;
    return;
  }
  const bool is_proven = path.remote == state->attempt->path.remote;
  // Until an address is proven, nothing of this session may be sent to it.
  const Path& session_path = is_proven ? path : state->attempt->path;
  auto session = std::make_unique<Session>(*keys, Session::Role::initiator, message.receiver,
                                           message.sender, session_path, now.steady);
  state->attempt.reset();
  state->retry_due.reset();
  state->unanswered_due.reset();
  state->wipe_due = now.steady + wipe_after;
  drop(state->previous);
  state->previous = std::move(state->next ? state->next : state->current);
  drop(state->current);
  state->current = std::move(session);
  ++counters_.handshakes;
  // The responder may use the session only after this (§5.4.5).
  if (is_proven) send_in(node, *state->current, {}, now);
  schedule(node);
  handler_.received(
      node.first,
      {.kind = Received::Kind::response, .path = path, .is_newest = true, .is_proven = is_proven});
  if (is_proven) answer_held(node, path, now);
}

void Engine::receive(const CookieReply& message, base::Now now) {
  const auto found = indices_.find(message.receiver);
  if (found == indices_.end()) {
    ++counters_.unknown_session;
    return;
  }
  // The next attempt carries the cookie; an attempt at once would add to the load (§5.3).
  if (!live(*found->second).macs.take(found->second->first, message, now.steady))
    ++counters_.not_authentic;
}

void Engine::receive(const TransportData& message, base::MutableBytes datagram, const Path& path,
                     base::Now now) {
  const auto found = indices_.find(message.receiver);
  Live* const state = found == indices_.end() ? nullptr : found->second->second.live.get();
  std::unique_ptr<Session>* slot = nullptr;
  if (state != nullptr) {
    for (auto* candidate : {&state->current, &state->next, &state->previous, &state->doubtful}) {
      if (*candidate && (*candidate)->own_index() == message.receiver) slot = candidate;
    }
  }
  if (slot == nullptr) {
    ++counters_.unknown_session;
    handler_.unknown_session(path);
    return;
  }
  const base::MutableBytes inner =
      datagram.subspan(data_header_octets, message.sealed.size() - tag_octets);
  const auto opened = (*slot)->open(message, now.steady, inner);
  if (!opened) {
    ++counters_.replayed;
    return;
  }
  Node& node = *found->second;
  if (slot == &state->next || slot == &state->doubtful) {  // confirmed: the peer has our response
    if (slot == &state->doubtful) handler_.clock_behind(node.first, state->doubtful_behind);
    drop(state->previous);
    state->previous = std::move(state->current);
    state->current = std::move(*slot);
    slot = &state->current;
    state->retry_due.reset();
    if (state->attempt) {
      indices_.erase(state->attempt->own_index);
      state->attempt.reset();
    }
  }
  state->unanswered_due.reset();
  Session& session = **slot;
  const bool is_proven = path.remote == session.path().remote;
  handler_.received(node.first,
                    {.kind = inner.empty() ? Received::Kind::keepalive : Received::Kind::data,
                     .path = path,
                     .is_newest = slot == &state->current && opened->is_highest,
                     .is_proven = is_proven});
  // Nothing is sent to an address that is not proven.
  if (is_proven) {
    answer(node, session, inner, now);
  } else if (!inner.empty() && inner.size() <= max_held) {
    state->held = std::make_unique<Live::Held>(
        Live::Held{{inner.begin(), inner.end()}, path.remote, now.steady});
  }
  schedule(node);
}

/// A handshake was answered at `path`: what came from there before is worth an answer now.
void Engine::answer_held(Node& node, const Path& path, base::Now now) {
  Live& state = *node.second.live;
  const auto held = std::move(state.held);
  if (held && held->remote == path.remote && now.steady - held->at < held_life)
    answer(node, *state.current, held->inner, now);
}

/// What a packet makes us send.
void Engine::answer(Node& node, Session& session, base::Bytes inner, base::Now now) {
  Live& state = *node.second.live;
  if (inner.empty()) {
    if (options_.answers_keepalives) (void)send(node.first, {}, now);
  } else {
    if (!state.keepalive_due) state.keepalive_due = now.steady + keepalive_timeout;
    handler_.inner(node.first, inner);
  }
  if (&session == state.current.get() && session.wants_rekey_after_receiving(now.steady))
    rekey(node, session, now);
}

// Sending

bool Engine::initiate(const wg::PublicKey& peer, const Path& path, int attempts, base::Now now) {
  const auto it = peers_.find(peer);
  if (it == peers_.end()) return false;
  Live& state = live(*it);
  if (state.attempt) indices_.erase(state.attempt->own_index);
  state.attempt = std::make_unique<Live::Attempt>();
  state.attempt->path = path;
  state.attempt->left = attempts;
  return begin_attempt(*it, now);
}

/// Takes one from the attempts that are left.
bool Engine::begin_attempt(Node& node, base::Now now) {
  Live& state = *node.second.live;
  Live::Attempt& attempt = *state.attempt;
  const SharedKey* const shared = static_static(node);
  if (shared == nullptr) return false;
  last_timestamp_ = std::max(Tai64n(now.wall), last_timestamp_.next());
  if (attempt.own_index != 0) indices_.erase(attempt.own_index);
  attempt.own_index = draw_index(node);
  std::array<std::uint8_t, initiation_octets> message{};
  auto begun = OutgoingHandshake::begin(key_, node.first, *shared, last_timestamp_,
                                        attempt.own_index, KeyPair::draw(), message);
  if (!begun) return false;
  attempt.handshake.emplace(*std::move(begun));
  --attempt.left;
  state.retry_due = retry_time(now.steady);
  if (!state.wipe_due) state.wipe_due = now.steady + wipe_after;
  state.macs.write(node.first, now.steady, message);
  schedule(node);
  handler_.send(attempt.path, message);
  return true;
}

void Engine::rekey(Node& node, const Session& session, base::Now now) {
  if (node.second.live->attempt) return;  // under way, and is repeated
  (void)initiate(node.first, session.path(), rekey_attempts, now);
}

bool Engine::send(const wg::PublicKey& peer, base::Bytes inner, base::Now now) {
  const auto it = peers_.find(peer);
  if (it == peers_.end() || !it->second.live || inner.size() > max_inner) return false;
  Session* const session = it->second.live->current.get();
  if (session == nullptr || !session->is_usable(now.steady)) return false;
  send_in(*it, *session, inner, now);
  if (session->wants_rekey_after_sending(now.steady)) rekey(*it, *session, now);
  schedule(*it);
  return true;
}

void Engine::send_in(Node& node, Session& session, base::Bytes inner, base::Now now) {
  Live& state = *node.second.live;
  state.keepalive_due.reset();
  if (!inner.empty() && !state.unanswered_due)
    state.unanswered_due = now.steady + keepalive_timeout + rekey_timeout;
  outgoing_.resize(data_header_octets + padded_size(inner.size()) + tag_octets);
  session.seal(inner, outgoing_);
  handler_.send(session.path(), outgoing_);
}

const SharedKey* Engine::static_static(Node& node) {
  auto& shared = node.second.static_static;
  if (!shared) shared = key_.agree(node.first);
  return shared ? &*shared : nullptr;
}

// Time

void Engine::tick(base::Now now) {
  departed_.drop_old(now.steady);
  while (!deadlines_.empty() && deadlines_.top().due <= now.steady) {
    const wg::PublicKey key = deadlines_.top().peer;
    deadlines_.pop();
    const auto it = peers_.find(key);
    if (it == peers_.end() || !it->second.live) continue;
    it->second.live->queued.reset();
    run_due(*it, now);
    if (it->second.live) schedule(*it);
  }
}

void Engine::run_due(Node& node, base::Now now) {
  Live& state = *node.second.live;
  if (is_due(state.wipe_due, now.steady)) {
    drop_all(node);
    return;
  }
  if (is_due(state.keepalive_due, now.steady)) (void)send(node.first, {}, now);
  if (is_due(state.unanswered_due, now.steady) && state.current) rekey(node, *state.current, now);
  if (!is_due(state.retry_due, now.steady) || !state.attempt) return;
  if (state.attempt->left > 0 && begin_attempt(node, now)) return;
  indices_.erase(state.attempt->own_index);
  state.attempt.reset();
}

std::optional<base::SteadyTime> Engine::next_deadline() const {
  return deadlines_.empty() ? std::nullopt : std::optional(deadlines_.top().due);
}

/// A deadline that moves later keeps its old place in the queue, and finds nothing to do at that
/// time. So a keepalive moves nothing in the queue.
void Engine::schedule(Node& node) {
  Live& state = *node.second.live;
  std::optional<base::SteadyTime> earliest;
  for (const auto& due :
       {state.retry_due, state.keepalive_due, state.unanswered_due, state.wipe_due}) {
    if (due && (!earliest || *due < *earliest)) earliest = due;
  }
  if (!earliest || (state.queued && *state.queued <= *earliest)) return;
  state.queued = earliest;
  deadlines_.push({*earliest, node.first});
}

// Sessions

Engine::Live& Engine::live(Node& node) {
  if (!node.second.live) node.second.live = std::make_unique<Live>();
  return *node.second.live;
}

SessionIndex Engine::draw_index(Node& node) {
  for (;;) {
    const SessionIndex index = draw_u32();
    if (index == 0 || !handler_.may_draw(node.first, index)) continue;
    if (indices_.try_emplace(index, &node).second) return index;
  }
}

void Engine::drop(std::unique_ptr<Session>& session) {
  if (!session) return;
  indices_.erase(session->own_index());
  session.reset();
}

void Engine::drop_all(Node& node) {
  if (!node.second.live) return;
  Live& state = *node.second.live;
  for (auto* session : {&state.previous, &state.current, &state.next, &state.doubtful})
    drop(*session);
  if (state.attempt) indices_.erase(state.attempt->own_index);
  node.second.live.reset();
}

}  // namespace noise
