#include "dnsd/point/relay/relay_peers.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "noise/mac_search.hpp"

namespace dnsd {

namespace rules = relay_rules;

namespace {

constexpr std::size_t tried_at_once = 64;

}  // namespace

bool RelayPeer::has_place(base::SteadyTime now) const {
  return is_placed && now - seen < rules::place_life;
}

RelayId RelayPeers::find(const wg::PublicKey& key) const {
  const auto it = keys_.find(key);
  return it == keys_.end() ? no_relay_id : it->second;
}

RelayId RelayPeers::at(const base::Endpoint& place, base::SteadyTime now) const {
  const RelayId id = places_.number_of(place);
  return id == no_relay_id || !peers_[id].has_place(now) ? no_relay_id : id;
}

RelayId RelayPeers::add(const wg::PublicKey& key) {
  const auto [it, is_new] = keys_.try_emplace(key, no_relay_id);
  if (is_new) {
    it->second = peers_.take();
    RelayPeer& peer = peers_[it->second];
    peer.key = key;
    mac1_.resize(peers_.end());
    placed_.resize(peers_.end());
    mac1_[it->second] = noise::mac1_state(key);
  }
  return it->second;
}

void RelayPeers::remove(RelayId id) {
  clear_place(id);
  keys_.erase(peers_[id].key);
  peers_.give_back(id);
}

void RelayPeers::set_place(RelayId id, const noise::Path& place, base::SteadyTime seen) {
  RelayPeer& peer = peers_[id];
  peer.seen = seen;
  if (peer.is_placed && peer.place == place) return;
  if (peer.place.remote != place.remote) peer.asked_on_trust.reset();
  clear_place(id);
  const RelayId other = places_.number_of(place.remote);
  if (other != no_relay_id) clear_place(other);
  peer.place = place;
  peer.is_placed = true;
  placed_[id] = true;
  places_.set(place.remote, id);
}

void RelayPeers::clear_place(RelayId id) {
  RelayPeer& peer = peers_[id];
  if (!peer.is_placed) return;
  peer.is_placed = false;
  placed_[id] = false;
  places_.erase(peer.place.remote);
}

// Searches

bool RelayPeers::is_for(RelayId id, const noise::Macs& macs) const {
  const std::array one{&mac1_[id]};
  return noise::find_receiver(one, macs).has_value();
}

RelayId RelayPeers::which(std::span<const RelayId> ids, const noise::Macs& macs) const {
  std::array<const noise::MacState*, tried_at_once> states{};
  for (; !ids.empty(); ids = ids.subspan(std::min(ids.size(), states.size()))) {
    const auto some = ids.first(std::min(ids.size(), states.size()));
    std::transform(some.begin(), some.end(), states.begin(),
                   [&](RelayId id) { return &mac1_[id]; });
    const auto found = noise::find_receiver(std::span(states).first(some.size()), macs);
    if (found) return some[*found];
  }
  return no_relay_id;
}

RelayPeers::Search RelayPeers::search(RelayId sender, const noise::Macs& macs,
                                      base::SteadyTime now) {
  RelayPeer& peer = peers_[sender];
  const std::size_t all = peers_.end();
  const std::size_t count = std::min(all, rules::keys_per_search);
  const auto cost = [](std::size_t keys) -> TokenBucket::Cost {
    return std::chrono::nanoseconds(1'000'000'000U / rules::keys_per_second * keys);
  };
  const TokenBucket::Cost burst = cost(rules::keys_per_second);
  const bool has_budget = all > rules::keys_without_budget &&
                          keys_tried_.has(now, cost(count), burst) &&
                          peer.searches.admit(now, rules::search_burst, rules::searches_per_second);
  if (!has_budget) {
    const std::size_t few = std::min(all, rules::keys_without_budget);
    return {.found = try_keys(sender, macs, anywhere_, few), .is_cut = few < all};
  }
  keys_tried_.take(now, cost(count));
  return {.found = try_keys(sender, macs, peer.next_key, count), .is_cut = count < all};
}

/// \param next where it begins, and where the next one goes on \param count of numbers
RelayId RelayPeers::try_keys(RelayId sender, const noise::Macs& macs, RelayId& next,
                             std::size_t count) const {
  std::array<RelayId, tried_at_once> some{};
  while (count > 0) {
    std::size_t size = 0;
    for (; count > 0 && size < some.size(); --count, ++next) {
      if (next >= peers_.end()) next = 0;
      if (placed_[next] && next != sender) some[size++] = next;
    }
    const RelayId found = which(std::span(some).first(size), macs);
    if (found != no_relay_id) return found;
  }
  return no_relay_id;
}

std::size_t RelayPeers::EndpointHash::operator()(const base::Endpoint& endpoint) const noexcept {
  std::array<std::uint8_t, 18> octets{};
  base::ByteWriter writer(octets);
  writer.bytes(endpoint.address.padded());
  writer.u16(base::to_number(endpoint.port));
  return base::keyed_hash(writer.written());
}

}  // namespace dnsd
