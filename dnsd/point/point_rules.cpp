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

/// doc/protocol.md §2.3: how long a new address has to answer, short enough that it is taken back
/// within 5 s in all; and when it is asked once more.
constexpr std::chrono::milliseconds trial_length{4900};
constexpr std::chrono::seconds second_ask_after{2};
constexpr std::chrono::seconds disbelief{60};
constexpr std::chrono::minutes moves_window{1};

/// Data of a lost session is answered by one initiation in this time.
constexpr std::chrono::seconds ask_interval{5};

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

noise::Path path_to(const base::Endpoint& endpoint, const base::IpAddress& local) {
  return {endpoint, local};
}

}  // namespace

std::size_t PointRules::EndpointHash::operator()(const base::Endpoint& endpoint) const noexcept {
  std::array<std::uint8_t, 18> octets{};
  base::ByteWriter writer(octets);
  writer.bytes(endpoint.address.bytes());
  writer.u16(base::to_number(endpoint.port));
  return base::keyed_hash(writer.written());
}

void PointRules::restore(const SavedPeer& peer, base::Now now) {
  if (!peer.sighting) return;
  const auto& [endpoint, since, last_seen] = *peer.sighting;
  Track& track = tracks_[peer.key];
  set_place(peer.key, track, {endpoint, since, last_seen, to_steady(last_seen, now), {}});
  to_greet_.push_back(peer.key);
  if (!next_greeting_) next_greeting_ = now.steady;
}

void PointRules::forget(const wg::PublicKey& key) {
  const auto it = tracks_.find(key);
  if (it == tracks_.end()) return;
  if (it->second.place) who_.erase(it->second.place->endpoint);
  tracks_.erase(it);
}

void PointRules::received(const wg::PublicKey& key, const noise::Received& received,
                          base::Now now) {
  if (!received.is_newest) return;
  Track& track = tracks_[key];
  track.is_heard = true;
  const noise::Path path = {{received.path.remote.address.unmapped(), received.path.remote.port},
                            received.path.local};
  if (track.place && track.place->endpoint == path.remote) {
    settle(key, track, path, received.is_proven, now);
  } else if (!track.place && !received.is_proven) {
    // There is no place to go back to, so the peer is asked first and published when it answers.
    // The asking is limited: a NAT may give every answer another address.
    if (track.asked && now.steady - *track.asked < ask_interval) return;
    track.asked = now.steady;
    result_.ask.push_back({key, path, 1});
  } else {
    move(key, track, path, received.is_proven, now);
  }
}

/// A packet from the known place: seen again, or proven.
void PointRules::settle(const wg::PublicKey& key, Track& track, const noise::Path& path,
                        bool is_proven, base::Now now) {
  const bool on_trial = track.moves && track.moves->good;
  if (on_trial && !is_proven) return;  // proves nothing, however much of it comes
  if (on_trial) end_trial(track);
  track.place->last_seen = now.wall;
  track.place->seen = now.steady;
  track.place->local = path.local;
  publish(key, *track.place);
}

void PointRules::move(const wg::PublicKey& key, Track& track, const noise::Path& path,
                      bool is_proven, base::Now now) {
  if (track.moves && track.moves->good && track.moves->good->endpoint == path.remote) {
    // Only the trial had left the good place.
    Place good = *track.moves->good;
    end_trial(track);
    good.last_seen = now.wall;
    good.seen = now.steady;
    set_place(key, track, good);
    publish(key, good);
    return;
  }
  if (!may_move(track, path.remote, is_proven, now.steady)) return;
  const Place next{path.remote, now.wall, now.wall, now.steady, path.local};
  if (!track.place) {
    set_place(key, track, next);
    publish(key, next);
    return;
  }
  if (!track.moves) track.moves = std::make_unique<Moves>();
  Moves& moves = *track.moves;
  const Place before = moves.good ? *moves.good : *track.place;
  note_return(key, track, before.endpoint, path.remote, now.steady);
  moves.times[moves.next++ % moves.times.size()] = now.steady;
  set_place(key, track, next);
  publish(key, next, !is_proven);
  if (is_proven) {
    end_trial(track);
  } else {
    begin_trial(key, track, before, path, now);
  }
}

bool PointRules::may_move(const Track& track, const base::Endpoint& to, bool is_proven,
                          base::SteadyTime now) {
  if (!track.moves) return true;
  const Moves& moves = *track.moves;
  const auto in_window =
      std::count_if(moves.times.begin(), moves.times.end(),
                    [&](const auto& time) { return time && now - *time < moves_window; });
  // A trial keeps one change for the way back.
  if (static_cast<std::size_t>(in_window) + (is_proven ? 1 : 2) > Moves::max_per_minute)
    return false;
  if (!is_proven && moves.disbelieved == to && now < moves.disbelieved_until) return false;
  return !moves.is_flapping || now - track.place->seen >= flap_dwell;
}

void PointRules::begin_trial(const wg::PublicKey& key, Track& track, const Place& good,
                             const noise::Path& path, base::Now now) {
  Moves& moves = *track.moves;
  moves.good = good;
  moves.asked_twice = false;
  moves.second_ask = now.steady + second_ask_after;
  moves.trial_ends = now.steady + trial_length;
  trials_.push({moves.second_ask, key});
  trials_.push({moves.trial_ends, key});
  result_.ask.push_back({key, path, 1});
}

void PointRules::end_trial(Track& track) {
  if (track.moves) track.moves->good.reset();
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

void PointRules::set_place(const wg::PublicKey& key, Track& track, const Place& place) {
  if (track.place) {
    const auto it = who_.find(track.place->endpoint);
    if (it != who_.end() && it->second == key) who_.erase(it);
  }
  track.place = place;
  who_.insert_or_assign(place.endpoint, key);
}

void PointRules::publish(const wg::PublicKey& key, const Place& place, bool is_on_trial) {
  result_.seen.push_back(
      {key, {place.endpoint, place.since, place.last_seen, place.seen, is_on_trial}});
}

void PointRules::unknown_session(const noise::Path& path, base::Now now) {
  const base::Endpoint from{path.remote.address.unmapped(), path.remote.port};
  const auto known = who_.find(from);
  if (known == who_.end()) return;
  Track& track = tracks_[known->second];
  if (track.asked && now.steady - *track.asked < ask_interval) return;
  track.asked = now.steady;
  result_.ask.push_back({known->second, {from, path.local}, 1});
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
      moves.disbelieved = forged;
      moves.disbelieved_until = now.steady + disbelief;
      moves.times[moves.next++ % moves.times.size()] = now.steady;
      end_trial(track);
      set_place(key, track, good);
      publish(key, good);
      result_.notices.push_back({Notice::Kind::forged, key, good.endpoint, forged});
    } else if (now.steady >= moves.second_ask && !std::exchange(moves.asked_twice, true)) {
      result_.ask.push_back({key, path_to(track.place->endpoint, track.place->local), 1});
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
    it->second.asked = now.steady;
    result_.ask.push_back(
        {key, path_to(it->second.place->endpoint, it->second.place->local), greeting_attempts});
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
