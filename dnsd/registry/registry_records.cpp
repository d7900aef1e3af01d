#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dnsd/registry/registry.hpp"

// The output of the registry: each peer's record, and its rows on disk.
namespace dnsd {

// Records

std::optional<PeerRecord> Registry::record(const wg::PublicKey& key) const {
  const auto it = peers_.find(key);
  if (it == peers_.end() || !is_registered(it->second)) return std::nullopt;
  const Peer& peer = it->second;
  PeerRecord record;
  record.detail = published_detail(key, peer);
  bool all_stale = true;
  std::optional<base::WallTime> last_seen;
  for (const base::Family family : {base::Family::ipv4, base::Family::ipv6}) {
    auto& place = family == base::Family::ipv4 ? record.ipv4 : record.ipv6;
    const Sighting* sighting = published_sighting(peer, family);
    const bool has_fixed =
        peer.fixed && peer.fixed->address.family() == family && has_configured_endpoint(peer);
    // The operator's word goes before the host's own places, a hint does not.
    const auto own = has_fixed && !is_hint(peer) ? std::nullopt : own_place(key, peer, family);
    if (own) {
      place = own;
      all_stale = false;
    } else if (has_fixed && (sighting == nullptr || sighting->stale)) {
      place = peer.fixed;
      all_stale = all_stale && is_hint(peer);
    } else if (sighting != nullptr) {
      place = sighting->seen->endpoint;
      record.since = std::max(record.since, sighting->seen->since);
      all_stale = all_stale && sighting->stale;
      last_seen = std::max(last_seen.value_or(base::WallTime::min()), sighting->seen->last_seen);
    }
  }
  // A hint is as old as its file, and there is no sighting beside it.
  if ((peer.fixed || peer.host) && is_hint(peer) && has_configured_endpoint(peer))
    last_seen = peer.hint_file->file->time;
  if (all_stale) record.stale = last_seen;
  return record;
}

/// The operator's word goes first: an endpoint of this family, or a host name.
std::optional<base::Endpoint> Registry::own_place(const wg::PublicKey& key, const Peer& peer,
                                                  base::Family family) const {
  const bool has_host = peer.detail && peer.detail->host_target && !is_hint(peer);
  if (!peer.is_own || has_host) return std::nullopt;
  for (const SourceId id : order_) {
    if (sources_[id].own_key != key) continue;
    for (const base::Endpoint& place : sources_[id].own_places) {
      if (place.address.family() == family) return place;
    }
  }
  return std::nullopt;
}

/// doc/protocol.md §2.7: what a file of peers says of a peer that a source has, too.
bool Registry::is_hint(const Peer& peer) const {
  return peer.hint_file != nullptr && (has_point_ || has_unread_ || !peer.sightings.empty());
}

/// Whether the endpoint of the configuration, if there is one, counts.
bool Registry::has_configured_endpoint(const Peer& peer) const {
  if (!is_hint(peer)) return true;
  return !peer.hint_file->is_expired &&
         std::none_of(peer.sightings.begin(), peer.sightings.end(),
                      [](const Sighting& sighting) { return sighting.was_seen; });
}

std::optional<Registry::Hint> Registry::hint(const wg::PublicKey& key) const {
  const auto it = peers_.find(key);
  if (it == peers_.end() || !is_hint(it->second)) return std::nullopt;
  const Peer& peer = it->second;
  std::string place = peer.fixed ? peer.fixed->to_string() : std::string();
  if (peer.host)
    place = fmt::format("{}:{}", peer.host->name.to_string(), base::to_number(peer.host->port));
  return Hint{std::move(place), peer.hint_file->file, has_configured_endpoint(peer)};
}

std::optional<SourceId> Registry::seen_by(const wg::PublicKey& key,
                                          const base::Endpoint& endpoint) const {
  const auto it = peers_.find(key);
  if (it == peers_.end()) return std::nullopt;
  const Sighting* sighting = published_sighting(it->second, endpoint.address.family());
  if (sighting == nullptr || sighting->seen->endpoint != endpoint) return std::nullopt;
  return sighting->source;
}

std::vector<Registry::Seen> Registry::seen(const wg::PublicKey& key) const {
  std::vector<Seen> result;
  const auto it = peers_.find(key);
  if (it == peers_.end()) return result;
  for (const Sighting& sighting : it->second.sightings) {
    if (sighting.seen) result.push_back({sighting.source, *sighting.seen, sighting.stale});
  }
  std::sort(result.begin(), result.end(),
            [&](const Seen& a, const Seen& b) { return rank(a.source) < rank(b.source); });
  return result;
}

std::optional<base::Endpoint> Registry::fixed(const wg::PublicKey& key) const {
  const auto it = peers_.find(key);
  if (it != peers_.end()) return is_hint(it->second) ? std::nullopt : it->second.fixed;
  const auto recalled = recall(key);
  return recalled ? recalled->fixed : std::nullopt;
}

/// \param detail what the configuration says; what the sources say is added here.
void Registry::set_detail(const wg::PublicKey& key, Peer& peer, PeerDetail detail) {
  detail.is_hub = peer.is_own;
  detail.mapping = mapping_of(peer);
  detail.host_target.reset();
  if (peer.host && has_configured_endpoint(peer)) detail.host_target = *peer.host;
  if (!peer.allowed_ips_configured) {
    const Sighting* first = first_sighting(peer);
    detail.allowed_ips = first == nullptr ? std::vector<base::Prefix>() : first->allowed_ips;
  }
  if (peer.detail && *peer.detail == detail) return;
  peer.detail = std::make_shared<const PeerDetail>(std::move(detail));
  touch(key, peer);
}

void Registry::refresh_detail(const wg::PublicKey& key, Peer& peer) {
  set_detail(key, peer, peer.detail ? *peer.detail : PeerDetail{});
}

std::optional<schema::NatMapping> Registry::mapping_of(const Peer& peer) const {
  if (peer.sightings.size() < 2) return std::nullopt;
  std::vector<PointSighting> sightings;
  for (const Sighting& one : peer.sightings) {
    const auto& point = sources_[one.source].point;
    if (point && one.seen && !one.stale)
      sightings.push_back({*point, one.seen->endpoint, one.seen->since, one.seen->last_seen});
  }
  return compare_mappings(sightings);
}

const Registry::Sighting* Registry::first_sighting(const Peer& peer) const {
  const auto first = std::min_element(
      peer.sightings.begin(), peer.sightings.end(),
      [&](const Sighting& a, const Sighting& b) { return rank(a.source) < rank(b.source); });
  return first == peer.sightings.end() ? nullptr : &*first;
}

/// doc/protocol.md §2.1: the first source that is not stale; when all are, the first.
const Registry::Sighting* Registry::published_sighting(const Peer& peer,
                                                       base::Family family) const {
  const Sighting* best = nullptr;
  for (const Sighting& sighting : peer.sightings) {
    if (!sighting.seen || sighting.seen->endpoint.address.family() != family ||
        sighting.seen->endpoint.address.scope() == base::AddressScope::never ||
        sighting.seen->endpoint.port == base::Port{0})
      continue;
    const auto order = [&](const Sighting& s) { return std::pair(s.stale, rank(s.source)); };
    if (best == nullptr || order(sighting) < order(*best)) best = &sighting;
  }
  return best;
}

// Rows

std::vector<UnsavedRows::Row> Registry::take_unsaved() {
  std::vector<UnsavedRows::Row> rows = unsaved_.take();
  for (const auto& [source, key] : rows) {
    const auto it = peers_.find(key);
    Sighting* sighting = it == peers_.end() ? nullptr : find_sighting(it->second, source);
    if (sighting == nullptr) continue;
    if (sighting->seen) {
      UnsavedRows::note_taken(sighting->row, sighting->seen->last_seen);
    } else {
      UnsavedRows::note_taken(sighting->row);
    }
  }
  return rows;
}

void Registry::mark_unsaved(const UnsavedRows::Row& again) {
  const auto it = peers_.find(again.key);
  Sighting* sighting = it == peers_.end() ? nullptr : find_sighting(it->second, again.source);
  if (sighting == nullptr) {
    unsaved_.note_gone(again);
  } else {
    note_change(again.key, *sighting);
  }
}

void Registry::mark_all_unsaved() {
  for (auto& [key, peer] : peers_) {
    for (Sighting& sighting : peer.sightings) note_change(key, sighting);
  }
}

void Registry::note_last_sightings() {
  for (auto& [key, peer] : peers_) {
    for (Sighting& sighting : peer.sightings) {
      if (sighting.seen)
        unsaved_.note_last({sighting.source, key}, sighting.row, sighting.seen->last_seen);
    }
  }
}

std::optional<SavedPeer> Registry::saved(SourceId source, const wg::PublicKey& key) const {
  const auto it = peers_.find(key);
  if (it == peers_.end()) return std::nullopt;
  const auto& sightings = it->second.sightings;
  const auto found = std::find_if(sightings.begin(), sightings.end(),
                                  [&](const Sighting& s) { return s.source == source; });
  if (found == sightings.end()) return std::nullopt;
  SavedPeer saved{key, std::nullopt, found->allowed_ips, found->was_seen};
  const Observation* const kept =
      found->seen && !found->seen->is_on_trial ? &*found->seen : found->proven.get();
  if (kept != nullptr) saved.sighting = {kept->endpoint, kept->since, kept->last_seen};
  return saved;
}

void Registry::note_change(const wg::PublicKey& key, Sighting& sighting) {
  unsaved_.note_change({sighting.source, key}, sighting.row);
}

}  // namespace dnsd
