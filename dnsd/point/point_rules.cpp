// What one authenticated packet proves about the place of its peer, and what follows with time. In
// the order of the file: restore and forget, a packet, a trial and its end, time. Pure, on the
// thread of its observation point: what is to be sent, published or logged is collected in result_,
// and observation_point.cpp carries it out.

#include "dnsd/point/point_rules.hpp"

#include <algorithm>
#include <utility>

#include "base/hash.hpp"

namespace dnsd {
namespace {

/// doc/protocol.md §2.3: when a place on trial is asked again. An initiation takes the place of one
/// that is under way, so with these the answer to one of the three is taken up to a round trip of
/// 2.7 s, and one lost packet costs half a second.
constexpr std::array<std::chrono::milliseconds, 2> ask_again_after{std::chrono::milliseconds{500},
                                                                   std::chrono::milliseconds{2000}};
constexpr std::chrono::minutes moves_window{1};

/// Data of a lost session is answered by one initiation in this time. So is data from a place that
/// is not believed before it answers: the second time; then ever more rarely, because the packets
/// may go to somebody who never asked for them.
constexpr std::chrono::seconds ask_interval{5};
constexpr unsigned most_doublings = 4;
constexpr unsigned most_relayed_doublings = 6;
/// Two initiations to one peer within its round trip cancel each other: while one is under way, so
/// long and a round trip, nobody draws a second.
constexpr std::chrono::seconds under_way{1};
/// Slower answers are taken for answers to something else.
constexpr std::chrono::seconds longest_round_trip{4};

/// A peer that moves back and forth this often, never more than `flap_pause` apart, is not
/// travelling: two machines use its key. Then it leaves a place only when nothing came from there
/// for `flap_dwell`.
constexpr unsigned flapping_returns = 4;
constexpr std::chrono::minutes flap_pause{5};
constexpr std::chrono::seconds flap_dwell{60};

/// After a start: 1000 greetings per second cost about an eighth of a core.
constexpr std::chrono::milliseconds greeting_interval{10};
constexpr std::size_t greetings_at_once = 10;
constexpr int greeting_attempts = 3;

}  // namespace

std::size_t PointRules::EndpointHash::operator()(const base::Endpoint& endpoint) const noexcept {
  std::array<std::uint8_t, 18> octets{};
  base::ByteWriter writer(octets);
  writer.bytes(endpoint.address.bytes());
  writer.u16(base::to_number(endpoint.port));
  return base::keyed_hash(writer.written());
}

void PointRules::restore(const SavedPeer& peer, const base::IpAddress& local, base::Now now) {
  if (!peer.sighting) return;
  const auto& [endpoint, since, last_seen] = *peer.sighting;
  Track& track = tracks_[peer.key];
  const base::SteadyTime seen = to_steady(last_seen, now);
  set_place(peer.key, track, {endpoint, since, last_seen, seen, local});
  result_.confirmed.push_back({peer.key, {endpoint, local}, seen});
  to_greet_.push_back(peer.key);
  if (!next_greeting_) next_greeting_ = now.steady;
}

void PointRules::forget(const wg::PublicKey& key, base::SteadyTime now) {
  const auto it = tracks_.find(key);
  if (it == tracks_.end()) return;
  Track& track = it->second;
  if (track.place) {
    end_trial(key, track, track.place->endpoint.address, now);
    forget_who(key, track);
  }
  tracks_.erase(it);
}

void PointRules::received(const wg::PublicKey& key, const noise::Received& received,
                          base::Now now) {
  if (!received.is_newest) return;
  Track& track = tracks_[key];
  track.is_heard = true;
  if (received.is_proven) track.unanswered = 0;
  if (received.kind == noise::Received::Kind::response && track.asked &&
      now.steady - *track.asked <= longest_round_trip)
    track.round_trip =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.steady - *track.asked);
  const noise::Path path = {{received.path.remote.address.unmapped(), received.path.remote.port},
                            received.path.local};
  if (track.place && track.place->endpoint == path.remote) {
    settle(key, track, path, received.is_proven, now);
  } else if (!track.place && !received.is_proven) {
    // There is no place to go back to, so the peer is published when it answers.
    ask_first(key, track, path, now.steady);
  } else {
    move(key, track, path, received.is_proven, now);
  }
}

/// A packet from the known place: seen again, or proven.
void PointRules::settle(const wg::PublicKey& key, Track& track, const noise::Path& path,
                        bool is_proven, base::Now now) {
  const bool on_trial = track.moves && track.moves->good;
  if (on_trial && !is_proven) return;  // proves nothing, however much of it comes
  if (on_trial) end_trial(key, track, track.moves->left_unanswered, now.steady);
  track.place->last_seen = now.wall;
  track.place->seen = now.steady;
  track.place->local = path.local;
  confirm(key, track, path, is_proven, now.steady);
  publish(key, *track.place);
}

/// What is not proven confirms only where the peer was last, and did not answer elsewhere since.
void PointRules::confirm(const wg::PublicKey& key, Track& track, const noise::Path& path,
                         bool is_proven, base::SteadyTime now) {
  if (is_proven) track.is_elsewhere = !track.place || track.place->endpoint != path.remote;
  if (!track.is_elsewhere || is_proven) result_.confirmed.push_back({key, path, now});
}

void PointRules::move(const wg::PublicKey& key, Track& track, const noise::Path& path,
                      bool is_proven, base::Now now) {
  const bool on_trial = track.moves && track.moves->good;
  if (on_trial && track.moves->good->endpoint == path.remote) {
    // Only the trial had left the good place.
    Place good = *track.moves->good;
    good.last_seen = now.wall;
    good.seen = now.steady;
    good.local = path.local;
    go_back(key, track, good, now.steady);
    confirm(key, track, path, is_proven, now.steady);
    return;
  }
  if (!may_move(track, is_proven, now.steady)) {
    if (is_proven) confirm(key, track, path, true, now.steady);
    return;
  }
  const Place next{path.remote, now.wall, now.wall, now.steady, path.local};
  if (!track.place) {
    set_place(key, track, next);
    confirm(key, track, path, true, now.steady);
    publish(key, next);
    return;
  }
  std::optional<base::SteadyTime> trial_ends;
  if (!is_proven) {
    trial_ends =
        on_trial ? track.moves->trial_ends : budget_.begin(key, path.remote.address, now.steady);
    if (!trial_ends) return ask_first(key, track, path, now.steady);
  }
  if (!track.moves) track.moves = std::make_unique<Moves>();
  const base::IpAddress left = track.place->endpoint.address;
  const Place before = on_trial ? *track.moves->good : *track.place;
  note_return(key, track, before.endpoint, path.remote, now.steady);
  track.moves->note_change(now.steady);
  set_place(key, track, next, !is_proven);
  if (is_proven) confirm(key, track, path, true, now.steady);
  publish(key, next, !is_proven);
  if (trial_ends) {
    track.moves->left_unanswered = on_trial ? std::optional(left) : std::nullopt;
    begin_trial(key, track, before, *trial_ends, now.steady);
  } else {
    end_trial(key, track, left, now.steady);  // it answered, but elsewhere
  }
}

bool PointRules::may_move(const Track& track, bool is_proven, base::SteadyTime now) {
  if (!track.moves) return true;
  const Moves& moves = *track.moves;
  const auto in_window =
      std::count_if(moves.times.begin(), moves.times.end(),
                    [&](const auto& time) { return time && now - *time < moves_window; });
  // A trial keeps one change for the way back.
  if (static_cast<std::size_t>(in_window) + (is_proven ? 1 : 2) > Moves::max_per_minute)
    return false;
  return !moves.is_flapping || now - track.place->seen >= flap_dwell;
}

// Trials

/// Also from one place on trial to the next: the time of the trial goes on.
void PointRules::begin_trial(const wg::PublicKey& key, Track& track, const Place& good,
                             base::SteadyTime trial_ends, base::SteadyTime now) {
  Moves& moves = *track.moves;
  moves.good = good;
  moves.trial_ends = trial_ends;
  moves.asked_again = 0;
  trials_.push({trial_ends, key});
  ask_on_trial(key, track, now);
}

void PointRules::ask_on_trial(const wg::PublicKey& key, Track& track, base::SteadyTime now) {
  Moves& moves = *track.moves;
  moves.next_ask.reset();
  const bool is_first = moves.asked_again == 0;
  if (moves.asked_again < ask_again_after.size()) {
    moves.next_ask = track.place->seen + ask_again_after[moves.asked_again++];
    trials_.push({*moves.next_ask, key});
  }
  if (is_first && track.asked_at == track.place->endpoint && is_under_way(track, now)) return;
  ask(key, track, {track.place->endpoint, track.place->local}, 1, now);
}

bool PointRules::is_under_way(const Track& track, base::SteadyTime now) {
  return track.asked && now - *track.asked < under_way + track.round_trip;
}

/// \param unanswered a place of it where the peer did not answer
void PointRules::end_trial(const wg::PublicKey& key, Track& track,
                           const std::optional<base::IpAddress>& unanswered, base::SteadyTime now) {
  if (!track.moves || !track.moves->good) return;
  track.moves->good.reset();
  track.moves->next_ask.reset();
  budget_.end(key, unanswered, now);
}

void PointRules::go_back(const wg::PublicKey& key, Track& track, const Place& good,
                         base::SteadyTime now) {
  track.moves->note_change(now);
  end_trial(key, track, track.place->endpoint.address, now);
  set_place(key, track, good);
  publish(key, good);
}

/// The peer is published there when it answers, not before.
void PointRules::ask_first(const wg::PublicKey& key, Track& track, const noise::Path& path,
                           base::SteadyTime now) {
  const unsigned before = track.unanswered;
  const std::chrono::seconds pause =
      before == 0 ? under_way : ask_interval * (1U << std::min(before - 1, most_doublings));
  if (is_under_way(track, now) || (track.asked && now - *track.asked < pause)) return;
  ++track.unanswered;
  ask(key, track, path, 1, now);
}

void PointRules::ask(const wg::PublicKey& key, Track& track, const noise::Path& path, int attempts,
                     base::SteadyTime now) {
  track.asked = now;
  track.asked_at = path.remote;
  result_.ask.push_back({key, path, attempts});
}

void PointRules::note_return(const wg::PublicKey& key, Track& track, const base::Endpoint& from,
                             const base::Endpoint& to, base::SteadyTime now) {
  Moves& moves = *track.moves;
  const bool is_return = moves.left == to;
  const bool is_soon = now - moves.last_return < flap_pause;
  if (moves.is_flapping && !is_soon) {
    moves.is_flapping = false;
    result_.notices.push_back({Notice::Kind::settled, key, to, from});
  }
  if (is_return) {
    moves.returns = is_soon ? moves.returns + 1 : 1;
    moves.last_return = now;
    if (moves.returns >= flapping_returns && !std::exchange(moves.is_flapping, true))
      result_.notices.push_back({Notice::Kind::flapping, key, to, from});
  }
  moves.left = from;
}

/// A place on trial may be forged: it does not take the place of the peer that is really there.
void PointRules::set_place(const wg::PublicKey& key, Track& track, const Place& place,
                           bool is_on_trial) {
  if (track.place) forget_who(key, track);
  track.place = place;
  if (is_on_trial) {
    who_.try_emplace(place.endpoint, key);
  } else {
    who_.insert_or_assign(place.endpoint, key);
  }
}

void PointRules::forget_who(const wg::PublicKey& key, const Track& track) {
  const auto it = who_.find(track.place->endpoint);
  if (it != who_.end() && it->second == key) who_.erase(it);
}

void PointRules::publish(const wg::PublicKey& key, const Place& place, bool is_on_trial) {
  result_.seen.push_back(
      {key, {place.endpoint, place.since, place.last_seen, place.seen, is_on_trial}});
}

bool PointRules::was_at(const wg::PublicKey& key, const base::IpAddress& address) const {
  const auto it = tracks_.find(key);
  if (it == tracks_.end() || !it->second.place) return false;
  return it->second.place->endpoint.address == address.unmapped();
}

void PointRules::unknown_session(const noise::Path& path, base::Now now) {
  const base::Endpoint from{path.remote.address.unmapped(), path.remote.port};
  const auto known = who_.find(from);
  if (known == who_.end()) return;
  Track& track = tracks_[known->second];
  if (track.asked && now.steady - *track.asked < ask_interval) return;
  ask(known->second, track, {from, path.local}, 1, now.steady);
}

/// Ever more rarely, as in ask_first(), but from `under_way` on: who passes nothing on is silent to
/// its user.
void PointRules::relayed_from(const wg::PublicKey& key, const noise::Path& path, base::Now now) {
  const auto it = tracks_.find(key);
  if (it == tracks_.end() || !it->second.place) return;
  Track& track = it->second;
  if (track.moves && track.moves->good) return;  // it is being asked already
  const unsigned before = std::max(track.unanswered, 1U) - 1;
  const auto pause = under_way * (1U << std::min(before, most_relayed_doublings));
  if (is_under_way(track, now.steady) || (track.asked && now.steady - *track.asked < pause)) return;
  ++track.unanswered;
  ask(key, track, {{path.remote.address.unmapped(), path.remote.port}, path.local}, 1, now.steady);
}

void PointRules::confirm_all() {
  for (const auto& [key, track] : tracks_) confirm_again(key, track);
}

void PointRules::confirm_again(const wg::PublicKey& key) {
  const auto it = tracks_.find(key);
  if (it != tracks_.end()) confirm_again(key, it->second);
}

void PointRules::confirm_again(const wg::PublicKey& key, const Track& track) {
  if (!track.place || track.is_elsewhere) return;
  const Place& place = track.moves && track.moves->good ? *track.moves->good : *track.place;
  result_.confirmed.push_back({key, {place.endpoint, place.local}, place.seen});
}

std::optional<wg::PublicKey> PointRules::who_is_at(const base::Endpoint& endpoint) const {
  const auto known = who_.find({endpoint.address.unmapped(), endpoint.port});
  return known == who_.end() ? std::nullopt : std::optional(known->second);
}

// Time

void PointRules::tick(base::Now now) {
  greet(now);
  while (!trials_.empty() && trials_.top().due <= now.steady) {
    const wg::PublicKey key = trials_.top().key;
    trials_.pop();
    const auto it = tracks_.find(key);
    if (it == tracks_.end() || !it->second.moves || !it->second.moves->good) continue;
    Track& track = it->second;
    Moves& moves = *track.moves;
    if (now.steady >= moves.trial_ends) {
      const base::Endpoint forged = track.place->endpoint;
      const Place good = *moves.good;
      go_back(key, track, good, now.steady);
      result_.notices.push_back({Notice::Kind::forged, key, good.endpoint, forged});
    } else if (moves.next_ask && now.steady >= *moves.next_ask) {
      ask_on_trial(key, track, now.steady);
    }
  }
}

/// A few at a time: a restart must not be a flood.
void PointRules::greet(base::Now now) {
  if (!next_greeting_ || *next_greeting_ > now.steady) return;
  for (std::size_t sent = 0; sent < greetings_at_once && !to_greet_.empty();) {
    const wg::PublicKey key = to_greet_.front();
    to_greet_.pop_front();
    const auto it = tracks_.find(key);
    if (it == tracks_.end() || it->second.is_heard) continue;
    const Place& place = *it->second.place;
    ask(key, it->second, {place.endpoint, place.local}, greeting_attempts, now.steady);
    ++sent;
  }
  if (to_greet_.empty()) {
    next_greeting_.reset();
  } else {
    next_greeting_ = now.steady + greeting_interval;
  }
}

std::optional<base::SteadyTime> PointRules::next_deadline() const {
  auto next = next_greeting_;
  if (!trials_.empty() && (!next || trials_.top().due < *next)) next = trials_.top().due;
  return next;
}

}  // namespace dnsd
