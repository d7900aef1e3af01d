// What becomes of each datagram, in the order of relay.hpp: data, the other answers, initiations;
// then peers and what they ask for, state. Pure, on the thread of the observation point. Elsewhere:
// peers and the search by mac1 in relay_peers.cpp, pairs and routes in relay_pairs.cpp, adoption in
// relay_adoption.cpp, pauses in relay_pause.cpp, all numbers in relay_rules.hpp.

#include "dnsd/point/relay/relay.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "dnsd/point/relay/relay_adoption.hpp"
#include "dnsd/point/relay/relay_pairs.hpp"
#include "dnsd/point/relay/relay_pause.hpp"
#include "dnsd/point/relay/relay_peers.hpp"
#include "noise/mac_checker.hpp"

namespace dnsd {

namespace rules = relay_rules;

class Relay::Impl {
 public:
  Impl(const wg::PublicKey& own, RelayRates rates, const Sessions& sessions)
      : own_mac1_(noise::mac1_of(own)), sessions_(sessions) {
    set_rates(rates);
  }

  void set_rates(RelayRates rates) {
    sender_rate_ = BitRate(rates.sender, rules::sender_burst, rules::smallest_burst);
    total_rate_ = BitRate(rates.total, rules::total_burst, rules::smallest_burst);
  }

  // Datagrams

  Verdict receive(const Arrival& arrival, base::SteadyTime now, std::size_t datagrams) {
    const auto& [datagram, path, hashed] = arrival;
    if (const auto index = noise::data_receiver(datagram)) {
      RelayLane* const lane =
          pairs_.open_lane(*index, hashed ? *hashed : RelayPairs::hash(*index), now);
      if (lane != nullptr && peers_[lane->from].is_at(path->remote, now))
        return data(datagram, *lane, now, datagrams);
      return data(datagram, *path, *index, now, datagrams);
    }
    const auto message = noise::parse_message(datagram);
    if (!message) return {};
    if (const auto* initiation = std::get_if<noise::Initiation>(&*message))
      return receive(*initiation, datagram, *path, now);
    if (const auto* response = std::get_if<noise::Response>(&*message))
      return receive(*response, datagram, *path, now);
    return receive(std::get<noise::CookieReply>(*message), datagram, *path, now);
  }

  /// In steps, each of which reads what the one before has fetched.
  void look_ahead(std::span<Arrival> arrivals) const {
    for (Arrival& one : arrivals) {
      const auto index = noise::data_receiver(one.datagram);
      if (!index) continue;
      one.hashed = RelayPairs::hash(*index);
      pairs_.fetch_lane(*one.hashed);
    }
    for (const Arrival& one : arrivals) {
      if (one.hashed) pairs_.fetch_peers(*noise::data_receiver(one.datagram), *one.hashed);
    }
  }

  /// By a lane, and from its sender's place.
  Verdict data(base::Bytes datagram, RelayLane& lane, base::SteadyTime now, std::size_t datagrams) {
    const Verdict verdict = pass_on_data(datagram, lane.from, lane.to, now, datagrams);
    if (verdict.kind != Verdict::Kind::forward) return verdict;
    lane.used = now;
    count(lane.count, datagram, datagrams);
    return verdict;
  }

  Verdict data(base::Bytes datagram, const noise::Path& path, noise::SessionIndex index,
               base::SteadyTime now, std::size_t datagrams) {
    const RelayId from = peers_.at(path.remote, now);
    if (from == no_relay_id) return strange(datagram, index, path, now, datagrams);
    const RelayPairs::Route route = pairs_.route(from, index, now);
    if (!route) return unknown(datagram, from, index, now, datagrams);
    if (route.is_pending) return drop(counters_.unconfirmed, datagrams);
    RelayPair& pair = pairs_[route.pair];
    if (pair.pause.is_on(now)) return drop(counters_.paused, datagrams);
    const Verdict verdict = pass_on_data(datagram, pair, route.side, now, datagrams);
    if (verdict.kind == Verdict::Kind::forward) pairs_.note_use(route, index, now);
    return verdict;
  }

  /// Data of a peer under an index that is no route.
  Verdict unknown(base::Bytes datagram, RelayId from, noise::SessionIndex index,
                  base::SteadyTime now, std::size_t datagrams) {
    if (peers_[from].adoptions.empty() || sessions_.owns_index(index)) return {};
    const RelayAdoptions::Result result = adoptions_.take(from, index, datagrams, now);
    if (result.is_adopted) ++counters_.adopted;
    if (result.pair != no_relay_id)
      return pass_on_data(datagram, pairs_[result.pair], result.side, now, datagrams);
    if (result.is_paused) return drop(counters_.paused, datagrams);
    return result.is_held ? drop(counters_.unadopted, datagrams) : Verdict{};
  }

  /// From a place where no peer is known to be.
  Verdict strange(base::Bytes datagram, noise::SessionIndex index, const noise::Path& path,
                  base::SteadyTime now, std::size_t datagrams) {
    const RelayId owner = pairs_.owner(index);
    if (owner == no_relay_id || sessions_.owns_index(index)) return {};
    const RelayPairs::Route route = pairs_.route(owner, index, now);
    if (!route || route.is_pending) return {};
    // Before the peer has used it, the index is known to whoever made the session up.
    if (!pairs_[route.pair].sessions[route.slot].has_sent[route.side]) return {};
    counters_.unknown_place += datagrams;
    RelayPeer& peer = peers_[owner];
    peer.strange_octets += octets_on_wire(datagram, path, datagrams);
    const auto is_over = [&](const auto& last, auto time) { return !last || now - *last >= time; };
    const bool is_on_trust = is_over(peer.asked_on_trust, rules::ask_back_trust);
    if (!is_over(peer.asked_back, rules::ask_back_interval) ||
        (!is_on_trust && peer.strange_octets < rules::ask_back_octets))
      return {.kind = Verdict::Kind::drop};
    peer.asked_back = now;
    if (is_on_trust) peer.asked_on_trust = now;
    peer.strange_octets = 0;
    ++counters_.ask_backs;
    return {.kind = Verdict::Kind::ask_back, .path = &path, .peer = &peer.key};
  }

  /// From the IP header on.
  static std::size_t octets_on_wire(base::Bytes datagram, const noise::Path& path,
                                    std::size_t datagrams) {
    return datagram.size() + datagrams * (path.remote.address.is_ipv4() ? 28 : 48);
  }

  Verdict pass_on_data(base::Bytes datagram, RelayPair& pair, std::uint8_t side,
                       base::SteadyTime now, std::size_t datagrams) {
    const Verdict verdict =
        pass_on_data(datagram, pair.peers[side], pair.peers[side ^ 1U], now, datagrams);
    if (verdict.kind == Verdict::Kind::forward) count(pair.counts[side], datagram, datagrams);
    return verdict;
  }

  /// The caller counts it for the pair.
  Verdict pass_on_data(base::Bytes datagram, RelayId from_id, RelayId to_id, base::SteadyTime now,
                       std::size_t datagrams) {
    RelayPeer& from = peers_[from_id];
    const RelayPeer& to = peers_[to_id];
    if (!to.has_place(now)) return drop(counters_.no_place, datagrams);
    const std::size_t octets = octets_on_wire(datagram, from.place, datagrams);
    const auto cost = sender_rate_.cost(octets);
    const auto total_cost = total_rate_.cost(octets);
    if (!from.data.has(now, cost, sender_rate_.burst()))
      return drop(counters_.over_rate, datagrams);
    if (!total_.admit(now, total_cost, total_rate_.burst()))
      return drop(counters_.over_total, datagrams);
    from.data.take(now, cost);
    counters_.packets += datagrams;
    counters_.octets += datagram.size();
    return {.kind = Verdict::Kind::forward, .path = &to.place};
  }

  /// A message of a handshake.
  Verdict pass_on(base::Bytes datagram, RelayPair& pair, std::uint8_t side) {
    count(pair.counts[side], datagram, 1);
    ++counters_.packets;
    counters_.octets += datagram.size();
    return {.kind = Verdict::Kind::forward, .path = &peers_[pair.peers[side ^ 1U]].place};
  }

  static void count(RelayCount& count, base::Bytes datagram, std::size_t datagrams) {
    count.packets += datagrams;
    count.octets += datagram.size();
  }

  static Verdict drop(std::uint64_t& counter, std::size_t datagrams = 1) {
    counter += datagrams;
    return {.kind = Verdict::Kind::drop};
  }

  Verdict receive(const noise::Response& message, base::Bytes datagram, const noise::Path& path,
                  base::SteadyTime now) {
    const RelayId from = peers_.at(path.remote, now);
    if (from == no_relay_id) return strange(datagram, message.receiver, path, now, 1);
    const RelayPairs::Route route = pairs_.route(from, message.receiver, now);
    if (!route) return {};
    RelayPair& pair = pairs_[route.pair];
    const RelayId to = pair.peers[route.side ^ 1U];
    if (!peers_.is_for(to, message.macs)) return drop(counters_.wrong_mac);
    if (!peers_[to].has_place(now)) return drop(counters_.no_place);
    if (is_taken(to, message.sender, now)) return drop(counters_.collision);
    if (!route.is_pending) {
      if (!pairs_.add_response(route, message.sender, now)) return drop(counters_.unconfirmed);
    } else if (!pairs_.confirm(route, message.sender, now)) {
      return drop(counters_.table_full);
    }
    return pass_on(datagram, pair, route.side);
  }

  Verdict receive(const noise::CookieReply& message, base::Bytes datagram, const noise::Path& path,
                  base::SteadyTime now) {
    const RelayId from = peers_.at(path.remote, now);
    if (from == no_relay_id) return strange(datagram, message.receiver, path, now, 1);
    const RelayPairs::Route route = pairs_.route(from, message.receiver, now);
    if (!route) return {};
    RelayPair& pair = pairs_[route.pair];
    if (!peers_[pair.peers[route.side ^ 1U]].has_place(now)) return drop(counters_.no_place);
    if (!pair.sides[route.side].cookies.admit(now, rules::cookie_burst, rules::cookies_per_second))
      return drop(counters_.too_many_cookies);
    return pass_on(datagram, pair, route.side);
  }

  /// Whether a peer may not send under this index in a new session.
  bool is_taken(RelayId from, noise::SessionIndex index, base::SteadyTime now) {
    return sessions_.owns_index(index) || static_cast<bool>(pairs_.route(from, index, now));
  }

  // Initiations

  Verdict receive(const noise::Initiation& message, base::MutableBytes datagram,
                  const noise::Path& path, base::SteadyTime now) {
    const RelayId from = peers_.at(path.remote, now);
    if (from == no_relay_id) return {};
    const noise::Mac own = own_mac1_(message.macs.before_mac1);
    if (std::equal(own.begin(), own.end(), message.macs.mac1.begin())) return {};
    const RelayId to = recipient(from, message.macs, now);
    if (to == no_relay_id) return {.kind = Verdict::Kind::drop};
    if (!peers_[to].has_place(now)) return drop(counters_.no_place);
    const bool is_proven = cookies_.is_right(message.macs, path.remote, now);
    const RelayId id = pairs_.make(from, to, is_proven, now);
    if (id == no_relay_id)
      return is_proven ? drop(counters_.table_full) : ask_for_cookie(message, to, path, now);
    RelayPair& pair = pairs_[id];
    const std::uint8_t side = pair.peers[0] == from ? 0 : 1;
    if (crosses(pair, side, now)) return drop(counters_.crossing);
    RelayPair::Side& state = pair.sides[side];
    if (is_proven) {
      if (!state.proven.admit(now, rules::proven_burst, rules::proven_per_second))
        return drop(counters_.too_many_initiations);
    } else if (!pairs_.has_room_for_pending(id, side, now) ||
               !pairs_.room_for_session(id, false, now) ||
               !state.initiations.admit(now, rules::initiation_burst,
                                        rules::initiations_per_second)) {
      return ask_for_cookie(message, to, path, now);
    }
    if (is_taken(to, message.sender, now)) return drop(counters_.collision);
    pairs_.add_pending(id, side, message.sender, is_proven, now);
    pairs_.put_first(id);
    state.under_way = now;
    if (is_proven) {
      const base::MutableBytes mac2 = datagram.last(noise::mac_octets);
      std::fill(mac2.begin(), mac2.end(), std::uint8_t{0});
    }
    return pass_on(datagram, pair, side);
  }

  RelayId recipient(RelayId from, const noise::Macs& macs, base::SteadyTime now) {
    const auto& partners = peers_[from].pairs;
    const std::size_t count = std::min(partners.size(), rules::partners_tried);
    std::array<RelayId, rules::partners_tried> ids{};
    for (std::size_t i = 0; i < count; ++i) {
      const RelayPair& pair = pairs_[partners[i]];
      ids[i] = pair.peers[0] == from ? pair.peers[1] : pair.peers[0];
    }
    const auto recent = std::min(count, rules::recent_partners);
    RelayId partner = peers_.which(std::span(ids).first(recent), macs);
    if (partner == no_relay_id)
      partner = peers_.which(std::span(ids).subspan(recent, count - recent), macs);
    if (partner != no_relay_id) return partner;
    const RelayPeers::Search search = peers_.search(from, macs, now);
    if (search.found == no_relay_id)
      ++(search.is_cut ? counters_.searched_too_much : counters_.no_recipient);
    return search.found;
  }

  /// Whether one of the other direction is under way: both would cancel each other.
  static bool crosses(RelayPair& pair, std::uint8_t side, base::SteadyTime now) {
    RelayPair::Side& own = pair.sides[side];
    const auto& under_way = pair.sides[side ^ 1U].under_way;
    if (!under_way || now - *under_way >= rules::crossing_window) return false;
    if (own.held_back && now - *own.held_back < rules::crossing_pause) return false;
    own.held_back = now;
    return true;
  }

  /// In the name of the recipient.
  Verdict ask_for_cookie(const noise::Initiation& message, RelayId to, const noise::Path& path,
                         base::SteadyTime now) {
    cookies_.write_reply(noise::cookie_key_of(peers_[to].key), message.sender, message.macs,
                         path.remote, now, reply_);
    ++counters_.cookies;
    return {.kind = Verdict::Kind::reply, .path = &path};
  }

  // Peers, and what they ask for

  void remove_peer(const wg::PublicKey& key) {
    const RelayId id = peers_.find(key);
    if (id == no_relay_id) return;
    adoptions_.forget(id);
    pairs_.remove_all(id);
    peers_.remove(id);
  }

  bool adopt(const wg::PublicKey& key, const wg::PublicKey& other_key, base::SteadyTime now) {
    const RelayId peer = peers_.find(key);
    const RelayId other = peers_.find(other_key);
    if (peer == no_relay_id || other == no_relay_id || peer == other) return false;
    const RelayId id = pairs_.make(peer, other, true, now);
    return id != no_relay_id && adoptions_.begin(id, pairs_[id].peers[0] == peer ? 0 : 1, now);
  }

  bool pause(const wg::PublicKey& key, const wg::PublicKey& other_key,
             std::chrono::milliseconds length, base::SteadyTime now) {
    const RelayId peer = peers_.find(key);
    const RelayId other = peers_.find(other_key);
    if (peer == no_relay_id || other == no_relay_id) return false;
    const RelayId id = pairs_.find(peer, other);
    if (id == no_relay_id) return false;
    const auto verdict = pauses_.begin(id, pairs_[id].peers[0] == peer ? 0 : 1, length, now);
    if (verdict == RelayPauses::Verdict::begun) ++counters_.pauses;
    return verdict != RelayPauses::Verdict::refused;
  }

  // State

  void restore(const RelayRoute& route, base::SteadyTime now) {
    const RelayId from = peers_.find(route.from);
    const RelayId to = peers_.find(route.to);
    if (from == no_relay_id || to == no_relay_id || from == to || route.expires <= now ||
        pairs_.route(from, route.index, now))
      return;
    const RelayId id = pairs_.make(from, to, true, now);
    if (id == no_relay_id) return;
    const std::uint8_t side = pairs_[id].peers[0] == from ? 0 : 1;
    // Both directions of a session end at the same time.
    const auto& sessions = pairs_[id].sessions;
    const auto same = std::find_if(sessions.begin(), sessions.end(), [&](const auto& session) {
      return session.expires == route.expires && !session.is_known[side];
    });
    const auto free = pairs_.room_for_session(id, false, now);
    if (same == sessions.end() && !free) return;
    const auto slot =
        same == sessions.end() ? *free : static_cast<std::uint8_t>(same - sessions.begin());
    if (same == sessions.end()) pairs_.clear_session(id, slot);
    pairs_.add_index(id, slot, side, route.index, route.expires);
    pairs_.note_use({.pair = id, .side = side, .slot = slot}, route.index, now);
  }

  std::vector<Change> take_changes() {
    const RelayPairs::Changes changes = pairs_.take_changes();
    std::vector<Change> result;
    for (const auto& [from, to] : changes.removed)
      result.push_back({.from = from, .to = to, .routes = {}});
    for (const RelayId id : changes.changed) {
      const RelayPair& pair = pairs_[id];
      for (std::uint8_t side = 0; side < 2; ++side) {
        Change change{.from = peers_[pair.peers[side]].key,
                      .to = peers_[pair.peers[side ^ 1U]].key,
                      .routes = {}};
        for (const RelayPair::Session& session : pair.sessions) {
          // Of several responses the one that was used, or the first.
          if (session.is_known[side])
            change.routes.push_back({.from = change.from,
                                     .to = change.to,
                                     .index = session.index[side],
                                     .expires = session.expires});
        }
        result.push_back(std::move(change));
      }
    }
    return result;
  }

  void tick(base::SteadyTime now) {
    if (swept_ && now - *swept_ < rules::sweep_interval) return;
    swept_ = now;
    pairs_.sweep(now);
    adoptions_.sweep(now);
  }
  std::optional<base::SteadyTime> next_deadline() const {
    if (!pairs_.has_entries()) return std::nullopt;
    return swept_ ? *swept_ + rules::sweep_interval : base::SteadyTime();
  }

  std::vector<RelayedPair> pairs() {
    std::vector<RelayedPair> result;
    const auto counts = pairs_.counts();
    for (RelayId id = 0; id < pairs_.end(); ++id) {
      const RelayPair& pair = pairs_[id];
      if (!pair.was_confirmed) continue;
      for (std::uint8_t side = 0; side < 2; ++side)
        result.push_back({.from = peers_[pair.peers[side]].key,
                          .to = peers_[pair.peers[side ^ 1U]].key,
                          .packets = counts[id][side].packets,
                          .octets = counts[id][side].octets});
    }
    return result;
  }

  RelayPeers peers_;
  RelayPairs pairs_{peers_};
  RelayCounters counters_;
  std::array<std::uint8_t, noise::cookie_reply_octets> reply_{};

 private:
  const noise::KeyedBlake2s own_mac1_;
  const Sessions& sessions_;
  RelayAdoptions adoptions_{peers_, pairs_};
  RelayPauses pauses_{peers_, pairs_};
  noise::CookieMaker cookies_;
  BitRate sender_rate_;
  BitRate total_rate_;
  TokenBucket total_;
  std::optional<base::SteadyTime> swept_;
};

Relay::Relay(const wg::PublicKey& own, RelayRates rates, const Sessions& sessions)
    : impl_(std::make_unique<Impl>(own, rates, sessions)) {}
Relay::~Relay() = default;

void Relay::set_rates(RelayRates rates) {
  impl_->set_rates(rates);
}
void Relay::add_peer(const wg::PublicKey& peer) {
  impl_->peers_.add(peer);
}
void Relay::remove_peer(const wg::PublicKey& peer) {
  impl_->remove_peer(peer);
}
void Relay::set_place(const wg::PublicKey& peer, const noise::Path& place, base::SteadyTime seen) {
  const RelayId id = impl_->peers_.find(peer);
  if (id != no_relay_id) impl_->peers_.set_place(id, place, seen);
}
void Relay::clear_place(const wg::PublicKey& peer) {
  const RelayId id = impl_->peers_.find(peer);
  if (id != no_relay_id) impl_->peers_.clear_place(id);
}
Relay::Verdict Relay::receive(const Arrival& arrival, base::SteadyTime now, std::size_t datagrams) {
  return impl_->receive(arrival, now, datagrams);
}
void Relay::look_ahead(std::span<Arrival> arrivals) const {
  impl_->look_ahead(arrivals);
}
base::Bytes Relay::reply() const {
  return impl_->reply_;
}
bool Relay::uses_index(const wg::PublicKey& peer, noise::SessionIndex index) const {
  const RelayId id = impl_->peers_.find(peer);
  return id != no_relay_id && impl_->pairs_.has_route(id, index);
}
bool Relay::adopt(const wg::PublicKey& peer, const wg::PublicKey& other, base::SteadyTime now) {
  return impl_->adopt(peer, other, now);
}
bool Relay::pause(const wg::PublicKey& peer, const wg::PublicKey& other,
                  std::chrono::milliseconds length, base::SteadyTime now) {
  return impl_->pause(peer, other, length, now);
}
void Relay::restore(const RelayRoute& route, base::SteadyTime now) {
  impl_->restore(route, now);
}
std::vector<Relay::Change> Relay::take_changes() {
  return impl_->take_changes();
}
void Relay::tick(base::SteadyTime now) {
  impl_->tick(now);
}
std::optional<base::SteadyTime> Relay::next_deadline() const {
  return impl_->next_deadline();
}
const RelayCounters& Relay::counters() const {
  return impl_->counters_;
}
std::vector<RelayedPair> Relay::pairs() const {
  return impl_->pairs();
}

}  // namespace dnsd
