#include "updater/plan/address_limit.hpp"

#include <algorithm>

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;

/// WireGuard sends to each of them once in 5 s at most, so in no second more than two packets go.
constexpr std::size_t turns_at_a_time = 2;
/// They go on by themselves when the program has ended, each once in 5 s.
constexpr std::size_t turns_of_one_round = 5;
constexpr auto one_round_spacing = 1s;
/// For an answer to come; and between a peer's packet and the next peer's.
constexpr auto answer_time = 1200ms;
/// For a packet to be sent: the larger key kicks 0.5 s later, and a kick may send nothing.
constexpr auto sending_time = 2s;
/// A turn's end although the peer has sent just now: its user sends without a pause.
constexpr auto longest_turn = 7s;
/// A write may take this long to show.
constexpr auto writing_time = 2s;
/// Who does not ask for this long waits no more.
constexpr auto queue_memory = 3s;
/// Each of them was proved by a handshake. Beyond, one is forgotten, and has to answer again.
constexpr std::size_t max_answered = 4096;

base::Prefix place_of(const base::IpAddress& address) {
  constexpr unsigned host_bits = 32;
  constexpr unsigned network_bits = 64;  // of IPv6, that one customer has to himself
  return *base::Prefix::make(address, address.is_ipv4() ? host_bits : network_bits);
}

}  // namespace

std::size_t AddressLimit::max_turns() const {
  return one_round_ ? turns_of_one_round : turns_at_a_time;
}

void AddressLimit::observe(const base::Now& now, const wg::DevicePeer& shown) {
  const auto [known, is_first] = peers_.try_emplace(shown.public_key);
  Peer& peer = known->second;
  const auto& handshake = shown.latest_handshake;
  const bool is_proved = is_first ? handshake && now.wall - *handshake < wg::session_life
                                  : handshake != peer.handshake && shown.endpoint == peer.endpoint;
  if (is_proved && handshake && shown.endpoint) trust(shown.endpoint->address);
  peer.handshake = handshake;
  point(peer, shown.endpoint);
  if (!peer.turn_at) return;
  const auto place = places_.find(*peer.turn_at);
  // Loopback is where an attempt sends what must not arrive (attempt.cpp); it comes back.
  const bool is_there = shown.endpoint && (shown.endpoint->address.is_loopback() ||
                                           place_of(shown.endpoint->address) == *peer.turn_at);
  if (place == places_.end() || is_there) return;
  if (now.steady - place->second.turns.at(shown.public_key).begun >= writing_time)
    end_turn(now.steady, shown.public_key, peer);
}

void AddressLimit::point(Peer& peer, const std::optional<base::Endpoint>& endpoint) {
  if (peer.endpoint == endpoint) return;
  if (peer.endpoint) {
    const auto old = present_.find(place_of(peer.endpoint->address));
    if (--old->second == 0) present_.erase(old);
  }
  if (endpoint) ++present_[place_of(endpoint->address)];
  peer.endpoint = endpoint;
}

void AddressLimit::trust(const base::IpAddress& address) {
  const base::Prefix place = place_of(address);
  if (!answered_.insert(place).second) return;
  if (answered_.size() > max_answered) {
    const auto first = answered_.begin();
    answered_.erase(*first == place ? std::next(first) : first);
  }
  const auto known = places_.find(place);
  if (known == places_.end()) return;
  for (auto& [key, peer] : peers_) {
    if (peer.turn_at == place) peer.turn_at.reset();
    if (peer.waits_at == place) peer.waits_at.reset();
  }
  places_.erase(known);
}

void AddressLimit::send_echo(const wg::PublicKey& key) {
  Peer& peer = peers_[key];
  peer.echo_at = peer.endpoint;
}

void AddressLimit::take_reply(const wg::PublicKey& key) {
  const auto known = peers_.find(key);
  if (known != peers_.end() && known->second.echo_at) trust(known->second.echo_at->address);
}

void AddressLimit::forget(const wg::PublicKey& key) {
  const auto known = peers_.find(key);
  if (known == peers_.end()) return;
  leave(key);
  stop_waiting(key, known->second);
  point(known->second, std::nullopt);
  for (auto& [place, at] : places_) at.turns.erase(key);
  peers_.erase(known);
}

bool AddressLimit::admit(SteadyTime now, const wg::PublicKey& key, const base::Endpoint& endpoint) {
  const base::Prefix where = place_of(endpoint.address);
  Peer& peer = peers_[key];
  if (has_answered(where)) {
    stop_waiting(key, peer);
    end_turn(now, key, peer);
    point(peer, endpoint);
    return true;
  }
  if (peer.turn_at == where) return true;
  if (peer.waits_at != where) stop_waiting(key, peer);
  Place& place = places_[where];
  peer.waits_at = where;
  peer.asked = now;
  place.queue.emplace(peer.last_turn, key);
  std::erase_if(place.turns, [&](const auto& item) {
    return item.second.left && now - *item.second.left >= answer_time;
  });
  while (now - peers_.at(place.queue.begin()->second).asked > queue_memory) {
    const wg::PublicKey gone = place.queue.begin()->second;
    stop_waiting(gone, peers_.at(gone));
  }
  const bool is_early =
      one_round_ && place.last_start && now - *place.last_start < one_round_spacing;
  if (place.turns.size() >= max_turns() || is_early || place.queue.begin()->second != key)
    return false;
  end_turn(now, key, peer);
  stop_waiting(key, peer);
  Place& taken = places_[where];  // the queue may have been all that kept it
  taken.turns[key] = {now, std::nullopt};
  taken.last_start = now;
  peer.turn_at = where;
  peer.last_turn = now;
  point(peer, endpoint);
  return true;
}

bool AddressLimit::is_over(SteadyTime now, const wg::PublicKey& key,
                           std::optional<SteadyTime> last_sent) const {
  const auto known = peers_.find(key);
  if (one_round_ || known == peers_.end() || !known->second.turn_at) return false;
  const auto place = places_.find(*known->second.turn_at);
  if (place == places_.end()) return false;
  const auto& queue = place->second.queue;
  const bool has_others = std::any_of(queue.begin(), queue.end(), [&](const auto& item) {
    return now - peers_.at(item.second).asked <= queue_memory;
  });
  if (!has_others) return false;
  const SteadyTime begun = place->second.turns.at(key).begun;
  if (now - begun >= longest_turn) return true;
  if (!last_sent || *last_sent < begun) return now - begun >= sending_time;
  return now - *last_sent >= answer_time;
}

void AddressLimit::leave(const wg::PublicKey& key) {
  const auto known = peers_.find(key);
  if (known == peers_.end() || !known->second.turn_at) return;
  const base::Prefix where = *known->second.turn_at;
  known->second.turn_at.reset();
  const auto place = places_.find(where);
  if (place == places_.end()) return;
  place->second.turns.erase(key);
  drop_if_empty(where);
}

/// The peer went elsewhere without leave().
void AddressLimit::end_turn(SteadyTime now, const wg::PublicKey& key, Peer& peer) {
  if (!peer.turn_at) return;
  const auto place = places_.find(*peer.turn_at);
  peer.turn_at.reset();
  if (place != places_.end()) place->second.turns.at(key).left = now;
}

void AddressLimit::stop_waiting(const wg::PublicKey& key, Peer& peer) {
  if (!peer.waits_at) return;
  const base::Prefix where = *peer.waits_at;
  peer.waits_at.reset();
  const auto place = places_.find(where);
  if (place == places_.end()) return;
  place->second.queue.erase({peer.last_turn, key});
  drop_if_empty(where);
}

void AddressLimit::drop_if_empty(const base::Prefix& where) {
  const auto place = places_.find(where);
  if (place->second.turns.empty() && place->second.queue.empty()) places_.erase(place);
}

bool AddressLimit::is_crowded(const base::Endpoint& endpoint) const {
  const base::Prefix where = place_of(endpoint.address);
  const auto count = present_.find(where);
  return !has_answered(where) && count != present_.end() && count->second > turns_at_a_time;
}

bool AddressLimit::is_full(const base::Endpoint& endpoint) const {
  const auto place = places_.find(place_of(endpoint.address));
  return one_round_ && place != places_.end() && place->second.turns.size() >= max_turns();
}

}  // namespace updater
