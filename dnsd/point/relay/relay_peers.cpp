#include "dnsd/point/relay/relay_peers.hpp"

#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "dnsd/point/relay/relay_rules.hpp"
#include "noise/mac_checker.hpp"

namespace dnsd {

namespace rules = relay_rules;

bool RelayPeer::has_place(base::SteadyTime now) const {
  return is_placed && now - seen < rules::place_life;
}

RelayId RelayPeers::find(const wg::PublicKey& key) const {
  const auto it = keys_.find(key);
  return it == keys_.end() ? no_relay_id : it->second;
}

RelayId RelayPeers::at(const base::Endpoint& place, base::SteadyTime now) const {
  const RelayId id = places_.find(place);
  return id == no_relay_id || !peers_[id].has_place(now) ? no_relay_id : id;
}

RelayId RelayPeers::add(const wg::PublicKey& key) {
  const auto [it, is_new] = keys_.try_emplace(key, no_relay_id);
  if (is_new) {
    it->second = peers_.take();
    RelayPeer& peer = peers_[it->second];
    peer.key = key;
    peer.mac1.emplace(noise::mac1_of(key));
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
  clear_place(id);
  const RelayId other = places_.find(place.remote);
  if (other != no_relay_id) peers_[other].is_placed = false;
  peer.place = place;
  peer.is_placed = true;
  places_.set(place.remote, id);
}

void RelayPeers::clear_place(RelayId id) {
  RelayPeer& peer = peers_[id];
  if (!peer.is_placed) return;
  peer.is_placed = false;
  places_.erase(peer.place.remote);
}

// Searches

bool RelayPeers::is_for(RelayId id, const noise::Macs& macs) const {
  const noise::Mac mac = (*peers_[id].mac1)(macs.before_mac1);
  return std::equal(mac.begin(), mac.end(), macs.mac1.begin(), macs.mac1.end());
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

RelayId RelayPeers::try_keys(RelayId sender, const noise::Macs& macs, RelayId& next,
                             std::size_t count) const {
  for (; count > 0; --count) {
    if (next >= peers_.end()) next = 0;
    const RelayId id = next++;
    if (id != sender && peers_[id].is_placed && is_for(id, macs)) return id;
  }
  return no_relay_id;
}

std::size_t RelayPeers::EndpointHash::operator()(const base::Endpoint& endpoint) const noexcept {
  std::array<std::uint8_t, 18> octets{};
  base::ByteWriter writer(octets);
  writer.bytes(endpoint.address.bytes());
  writer.u16(base::to_number(endpoint.port));
  return base::keyed_hash(writer.written());
}

}  // namespace dnsd
