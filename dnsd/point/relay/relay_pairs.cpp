#include "dnsd/point/relay/relay_pairs.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace dnsd {

namespace rules = relay_rules;

namespace {

/// What a route leads to, in one number.
std::uint32_t pack(const RelayPairs::Route& route) {
  return route.pair << 5U | static_cast<std::uint32_t>(route.side) << 4U |
         static_cast<std::uint32_t>(route.is_pending) << 3U | route.slot;
}
RelayPairs::Route unpack(std::uint32_t number) {
  return {.pair = number >> 5U,
          .side = static_cast<std::uint8_t>(number >> 4U & 1U),
          .is_pending = (number >> 3U & 1U) != 0,
          .slot = static_cast<std::uint8_t>(number & 7U)};
}
static_assert(rules::pairs_in_all < 1U << 27U && rules::sessions_per_pair <= 8 &&
              rules::pending_per_ordered_pair <= 8);

std::uint8_t other(std::uint8_t side) {
  return side ^ 1U;
}

void add(RelayCount& sum, const RelayCount& count) {
  sum.packets += count.packets;
  sum.octets += count.octets;
}

/// Calls f(side, index) for each index that a session knows.
template <typename F>
void for_each_index(const RelayPair& pair, std::uint8_t slot, F f) {
  const RelayPair::Session& session = pair.sessions[slot];
  for (std::uint8_t side = 0; side < 2; ++side) {
    if (session.is_known[side]) f(side, session.index[side]);
  }
  for (std::uint8_t i = 0; i < session.more; ++i) f(session.initiator, pair.more_indices[slot][i]);
}

}  // namespace

// Pairs

RelayId RelayPairs::find(RelayId a, RelayId b) const {
  return by_peers_.number_of({std::min(a, b), std::max(a, b)});
}

RelayId RelayPairs::make(RelayId maker, RelayId other, bool is_proven, base::SteadyTime now) {
  const RelayId known = find(maker, other);
  if (known != no_relay_id) return known;
  if (!make_room(maker, is_proven, now)) return no_relay_id;
  const RelayId id = pairs_.take();
  RelayPair& pair = pairs_[id];
  pair.peers = {maker, other};
  by_peers_.set({std::min(maker, other), std::max(maker, other)}, id);
  auto& of_maker = peers_[maker].pairs;
  of_maker.insert(of_maker.begin(), id);
  // An initiation alone does not push the partners of its recipient back.
  peers_[other].pairs.push_back(id);
  ++peers_[maker].made;
  ++unconfirmed_;
  return id;
}

bool RelayPairs::make_room(RelayId maker, bool is_proven, base::SteadyTime now) {
  const std::size_t made = peers_[maker].made;
  if (made >= rules::pairs_per_peer / 2) {
    const RelayId idle = find_idle(maker, now);
    if (idle != no_relay_id) {
      remove(idle);
    } else if (!is_proven || made >= rules::pairs_per_peer) {
      return false;
    }
  }
  if (pairs_.size() >= rules::pairs_in_all / 2) {
    const RelayId idle = find_idle(now);
    if (idle != no_relay_id) {
      remove(idle);
    } else if (!is_proven || pairs_.size() >= rules::pairs_in_all) {
      return false;
    }
  }
  return true;
}

/// The one that was used least lately.
RelayId RelayPairs::find_idle(RelayId maker, base::SteadyTime now) const {
  const auto& pairs = peers_[maker].pairs;
  const auto idle = std::find_if(pairs.rbegin(), pairs.rend(), [&](RelayId id) {
    return pairs_[id].peers[pairs_[id].maker] == maker && is_idle(pairs_[id], now);
  });
  return idle == pairs.rend() ? no_relay_id : *idle;
}

/// Anybody's, where the sweep is.
RelayId RelayPairs::find_idle(base::SteadyTime now) {
  for (std::size_t i = 0; i < rules::swept_at_once; ++i) {
    if (sweep_next_ >= pairs_.end()) sweep_next_ = 0;
    const RelayId id = sweep_next_++;
    if (pairs_[id].peers[0] != no_relay_id && is_idle(pairs_[id], now)) return id;
  }
  return no_relay_id;
}

void RelayPairs::put_first(RelayId id) {
  for (const RelayId peer : pairs_[id].peers) {
    auto& pairs = peers_[peer].pairs;
    const auto it = std::find(pairs.begin(), pairs.end(), id);
    if (it != pairs.end()) std::rotate(pairs.begin(), it, it + 1);
  }
}

void RelayPairs::remove_all(RelayId peer) {
  while (!peers_[peer].pairs.empty()) remove(peers_[peer].pairs.back());
}

void RelayPairs::remove(RelayId id) {
  RelayPair& pair = pairs_[id];
  for (std::uint8_t side = 0; side < 2; ++side) {
    for (std::uint8_t i = 0; i < pair.sides[side].pending.size(); ++i) clear_pending(id, side, i);
  }
  for (std::uint8_t i = 0; i < pair.sessions.size(); ++i) clear_session(id, i);
  for (const RelayId peer : pair.peers) {
    std::erase(peers_[peer].pairs, id);
    std::erase(peers_[peer].adoptions, id);
  }
  if (!pair.was_confirmed) {
    --unconfirmed_;
  } else {
    const auto& a = peers_[pair.peers[0]].key;
    const auto& b = peers_[pair.peers[1]].key;
    changes_.removed.emplace_back(a, b);
    changes_.removed.emplace_back(b, a);
  }
  if (pair.is_changed) std::erase(changes_.changed, id);
  --peers_[pair.peers[pair.maker]].made;
  by_peers_.erase({std::min(pair.peers[0], pair.peers[1]), std::max(pair.peers[0], pair.peers[1])});
  pairs_.give_back(id);
}

bool RelayPairs::is_idle(const RelayPair& pair, base::SteadyTime now) const {
  if (pair.is_adopting || pair.pause.is_recent(now)) return false;
  const auto is_over = [&](const auto& entry) { return entry.expires <= now; };
  return std::all_of(pair.sessions.begin(), pair.sessions.end(), is_over) &&
         std::all_of(pair.sides.begin(), pair.sides.end(), [&](const RelayPair::Side& side) {
           return std::all_of(side.pending.begin(), side.pending.end(), is_over);
         });
}

// Routes

RelayPairs::Route RelayPairs::route(RelayId from, noise::SessionIndex index, base::SteadyTime now) {
  const std::uint32_t number = routes_.number_of({from, index});
  if (number == no_relay_id) return {};
  const Route route = unpack(number);
  const RelayPair& pair = pairs_[route.pair];
  const base::SteadyTime expires = route.is_pending
                                       ? pair.sides[other(route.side)].pending[route.slot].expires
                                       : pair.sessions[route.slot].expires;
  if (now < expires) return route;
  if (route.is_pending) {
    clear_pending(route.pair, other(route.side), route.slot);
  } else {
    clear_session(route.pair, route.slot);
  }
  return {};
}

RelayId RelayPairs::owner(noise::SessionIndex index) const {
  const RelayLane* const lane = lanes_.find(index);
  return lane == nullptr ? no_relay_id : lane->from;
}

bool RelayPairs::has_room_for_pending(RelayId id, std::uint8_t side, base::SteadyTime now) const {
  const auto& pending = pairs_[id].sides[side].pending;
  return std::any_of(pending.begin(), pending.end(),
                     [&](const auto& entry) { return entry.expires <= now || !entry.is_proven; });
}

void RelayPairs::add_pending(RelayId id, std::uint8_t side, noise::SessionIndex index,
                             bool is_proven, base::SteadyTime now) {
  auto& pending = pairs_[id].sides[side].pending;
  // Those that are over, then those without a cookie, then the oldest.
  const auto slot =
      std::min_element(pending.begin(), pending.end(), [&](const auto& a, const auto& b) {
        const auto rank = [&](const auto& entry) {
          return entry.expires <= now ? 0 : entry.is_proven ? 2 : 1;
        };
        return std::pair(rank(a), a.expires) < std::pair(rank(b), b.expires);
      });
  const auto number = static_cast<std::uint8_t>(slot - pending.begin());
  clear_pending(id, side, number);
  *slot = {.expires = now + rules::pending_life, .index = index, .is_proven = is_proven};
  routes_.set({pairs_[id].peers[other(side)], index},
              pack({.pair = id, .side = other(side), .is_pending = true, .slot = number}));
}

void RelayPairs::clear_pending(RelayId id, std::uint8_t side, std::uint8_t slot) {
  RelayPair& pair = pairs_[id];
  RelayPair::Pending& pending = pair.sides[side].pending[slot];
  if (pending.expires == base::SteadyTime()) return;
  routes_.erase({pair.peers[other(side)], pending.index});
  pending = {};
}

std::optional<std::uint8_t> RelayPairs::room_for_session(RelayId id, bool is_proven,
                                                         base::SteadyTime now) const {
  const RelayPair& pair = pairs_[id];
  const auto& sessions = pair.sessions;
  const auto free = std::find_if(sessions.begin(), sessions.end(),
                                 [&](const auto& session) { return session.expires <= now; });
  if (free != sessions.end()) return static_cast<std::uint8_t>(free - sessions.begin());
  const auto rank = [&](std::uint8_t slot) {
    const RelayPair::Session& session = sessions[slot];
    const auto unused = now - last_use(pair, slot);
    if (!session.has_sent[session.initiator] && unused >= rules::unused_life) return 0;
    return unused >= rules::idle_life ? 1 : 2;
  };
  std::uint8_t victim = 0;
  std::pair worst(rank(0), sessions[0].expires);
  for (std::uint8_t slot = 1; slot < sessions.size(); ++slot) {
    const std::pair one(rank(slot), sessions[slot].expires);
    if (one >= worst) continue;
    worst = one;
    victim = slot;
  }
  if (worst.first == 2 && !is_proven) return std::nullopt;
  return victim;
}

bool RelayPairs::confirm(const Route& pending, noise::SessionIndex index, base::SteadyTime now) {
  const std::uint8_t initiator = other(pending.side);
  RelayPair& pair = pairs_[pending.pair];
  const RelayPair::Pending entry = pair.sides[initiator].pending[pending.slot];
  const auto slot = room_for_session(pending.pair, entry.is_proven, now);
  if (!slot) return false;
  clear_pending(pending.pair, initiator, pending.slot);
  clear_session(pending.pair, *slot);
  pair.sessions[*slot].used = now;
  pair.sessions[*slot].initiator = initiator;
  pair.sides[initiator].under_way.reset();
  const base::SteadyTime expires = now + rules::session_life;
  add_index(pending.pair, *slot, pending.side, entry.index, expires);
  add_index(pending.pair, *slot, initiator, index, expires);
  put_first(pending.pair);
  return true;
}

void RelayPairs::add_index(RelayId id, std::uint8_t slot, std::uint8_t side,
                           noise::SessionIndex index, base::SteadyTime expires) {
  RelayPair& pair = pairs_[id];
  RelayPair::Session& session = pair.sessions[slot];
  session.expires = expires;
  session.index[side] = index;
  session.is_known[side] = true;
  if (!std::exchange(pair.was_confirmed, true)) --unconfirmed_;
  add_route(id, slot, side, index);
}

bool RelayPairs::add_response(const Route& route, noise::SessionIndex index, base::SteadyTime now) {
  RelayPair& pair = pairs_[route.pair];
  RelayPair::Session& session = pair.sessions[route.slot];
  const std::uint8_t initiator = other(route.side);
  const base::SteadyTime confirmed = session.expires - rules::session_life;
  if (session.initiator != initiator || session.has_sent[initiator] ||
      now - confirmed >= rules::pending_life || session.more == rules::more_responses)
    return false;
  pair.more_indices[route.slot][session.more++] = index;
  add_route(route.pair, route.slot, initiator, index);
  return true;
}

void RelayPairs::note_use(const Route& route, noise::SessionIndex index, base::SteadyTime now) {
  RelayPair& pair = pairs_[route.pair];
  RelayPair::Session& session = pair.sessions[route.slot];
  session.used = now;
  if (!std::exchange(session.has_sent[route.side], true) && session.index[route.side] != index) {
    auto& more = pair.more_indices[route.slot];
    const auto it = std::find(more.begin(), more.end(), index);
    if (it != more.end()) std::swap(*it, session.index[route.side]);
    note_change(route.pair);
  }
  RelayLane& lane = make_lane(route, index);
  if (lane.route == pack(route) && !pair.pause.is_on(now)) lane.expires = session.expires;
}

void RelayPairs::add_route(RelayId id, std::uint8_t slot, std::uint8_t side,
                           noise::SessionIndex index) {
  const Route route{.pair = id, .side = side, .slot = slot};
  routes_.set({pairs_[id].peers[side], index}, pack(route));
  make_lane(route, index);
  note_change(id);
}

void RelayPairs::clear_session(RelayId id, std::uint8_t slot) {
  RelayPair& pair = pairs_[id];
  if (pair.sessions[slot].expires == base::SteadyTime()) return;
  for_each_index(pair, slot, [&](std::uint8_t side, noise::SessionIndex index) {
    routes_.erase({pair.peers[side], index});
    const RelayLane* const lane = lanes_.find(index);
    if (lane == nullptr || lane->from != pair.peers[side]) return;
    add(pair.counts[side], lane->count);
    lanes_.erase(index);
  });
  pair.sessions[slot] = {};
  note_change(id);
}

bool RelayPairs::has_session(RelayId id, base::SteadyTime now) const {
  const auto& sessions = pairs_[id].sessions;
  return std::any_of(sessions.begin(), sessions.end(),
                     [&](const auto& session) { return now < session.expires; });
}

// Lanes

/// Closed, if the index has none yet.
RelayLane& RelayPairs::make_lane(const Route& route, noise::SessionIndex index) {
  if (RelayLane* const known = lanes_.find(index)) return *known;
  const auto& peers = pairs_[route.pair].peers;
  return lanes_.put({.key = index,
                     .route = pack(route),
                     .from = peers[route.side],
                     .to = peers[other(route.side)],
                     .count = {}});
}

void RelayPairs::fetch_peers(noise::SessionIndex index, std::size_t hashed) const {
  const RelayLane* const lane = lanes_.find(index, hashed);
  if (lane == nullptr) return;
  __builtin_prefetch(&peers_[lane->from], 1);
  __builtin_prefetch(&peers_[lane->to]);
}

void RelayPairs::begin_pause(RelayId id, const RelayPair::Pause& pause) {
  RelayPair& pair = pairs_[id];
  pair.pause = pause;
  for (std::uint8_t slot = 0; slot < pair.sessions.size(); ++slot) {
    for_each_index(pair, slot, [&](std::uint8_t side, noise::SessionIndex index) {
      RelayLane* const lane = lanes_.find(index);
      if (lane != nullptr && lane->from == pair.peers[side]) lane->expires = {};
    });
  }
}

base::SteadyTime RelayPairs::last_use(const RelayPair& pair, std::uint8_t slot) const {
  base::SteadyTime last = pair.sessions[slot].used;
  for_each_index(pair, slot, [&](std::uint8_t side, noise::SessionIndex index) {
    const RelayLane* const lane = lanes_.find(index);
    if (lane != nullptr && lane->from == pair.peers[side]) last = std::max(last, lane->used);
  });
  return last;
}

std::vector<std::array<RelayCount, 2>> RelayPairs::counts() const {
  std::vector<std::array<RelayCount, 2>> result(pairs_.end());
  for (RelayId id = 0; id < pairs_.end(); ++id) result[id] = pairs_[id].counts;
  lanes_.for_each([&](const RelayLane& lane) {
    const Route route = unpack(lane.route);
    add(result[route.pair][route.side], lane.count);
  });
  return result;
}

// Time, changes

void RelayPairs::sweep(base::SteadyTime now) {
  const std::size_t all = pairs_.end();
  const std::size_t count =
      std::min(all, std::max(rules::swept_at_once, all / rules::sweeps_of_all));
  for (std::size_t i = 0; i < count; ++i) {
    if (sweep_next_ >= pairs_.end()) sweep_next_ = 0;
    const RelayId id = sweep_next_++;
    if (pairs_[id].peers[0] != no_relay_id) drop_over(id, now);
  }
}

void RelayPairs::drop_over(RelayId id, base::SteadyTime now) {
  RelayPair& pair = pairs_[id];
  for (std::uint8_t side = 0; side < 2; ++side) {
    for (std::uint8_t i = 0; i < pair.sides[side].pending.size(); ++i) {
      if (pair.sides[side].pending[i].expires <= now) clear_pending(id, side, i);
    }
  }
  for (std::uint8_t i = 0; i < pair.sessions.size(); ++i) {
    if (pair.sessions[i].expires <= now) clear_session(id, i);
  }
  if (!pair.was_confirmed && is_idle(pair, now)) remove(id);
}

void RelayPairs::note_change(RelayId id) {
  if (std::exchange(pairs_[id].is_changed, true)) return;
  changes_.changed.push_back(id);
}

RelayPairs::Changes RelayPairs::take_changes() {
  for (const RelayId id : changes_.changed) pairs_[id].is_changed = false;
  return std::exchange(changes_, {});
}

std::size_t RelayPairs::TwoHash::operator()(const Two& two) const noexcept {
  std::array<std::uint8_t, sizeof two> octets{};
  base::ByteWriter writer(octets);
  writer.u32(two.first);
  writer.u32(two.second);
  return base::keyed_hash(octets);
}

std::size_t RelayPairs::IndexHash::operator()(noise::SessionIndex index) const noexcept {
  std::array<std::uint8_t, sizeof index> octets{};
  base::ByteWriter(octets).u32(index);
  return base::keyed_hash(octets);
}

}  // namespace dnsd
