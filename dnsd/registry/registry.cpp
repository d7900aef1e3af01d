#include "dnsd/registry/registry.hpp"

#include <algorithm>
#include <utility>

// The input of the registry: configurations, what sources report, and time. What follows for a
// peer's record and its rows is in registry_records.cpp; a block of addresses that an interface
// gives to another peer is in registry_blocks.cpp; which rows are unsaved is in unsaved_rows; the
// publisher calls record() and writes the table. All on the control thread.
namespace dnsd {
namespace {

std::shared_ptr<const HostTarget> host_target_of(const ConfiguredPeer& peer) {
  const auto* host = peer.endpoint ? std::get_if<wg::HostEndpoint>(&*peer.endpoint) : nullptr;
  if (host == nullptr) return nullptr;
  const auto name = dns::Name::parse(host->host);
  if (!name) return nullptr;  // the configuration has checked it
  return std::make_shared<const HostTarget>(HostTarget{*name, host->port});
}

bool are_equal(const std::optional<HostTarget>& a, const std::shared_ptr<const HostTarget>& b) {
  return a.has_value() == (b != nullptr) && (!a || *a == *b);
}

std::optional<base::Endpoint> fixed_endpoint_of(const ConfiguredPeer& peer) {
  const auto* fixed = peer.endpoint ? std::get_if<base::Endpoint>(&*peer.endpoint) : nullptr;
  return fixed == nullptr ? std::nullopt : std::optional(*fixed);
}

}  // namespace

SourceId Registry::source_id(std::string_view saved_name) {
  const auto known = std::find_if(sources_.begin(), sources_.end(), [&](const Source& source) {
    return source.saved_name == saved_name;
  });
  const auto id = static_cast<SourceId>(known - sources_.begin());
  if (known == sources_.end()) source(id).saved_name = saved_name;
  return id;
}

const std::string& Registry::saved_name(SourceId id) const {
  return sources_[id].saved_name;
}

std::string Registry::source_name(SourceId id) const {
  const std::string& name = sources_[id].saved_name;
  return name.substr(name.find(':') + 1);
}

void Registry::begin_configuration(const Rules& rules, std::span<const SourceId> order,
                                   base::Now now) {
  const bool ages_changed =
      rules.stale_after != rules_.stale_after || rules.expire_after != rules_.expire_after;
  const bool everybody = rules.listed_only != rules_.listed_only ||
                         !std::equal(order.begin(), order.end(), order_.begin(), order_.end());
  rules_ = rules;
  order_.assign(order.begin(), order.end());
  for (Source& known : sources_) known.configured = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    Source& named = source(order[i]);
    named.configured = true;
    named.rank = static_cast<std::uint16_t>(i);
  }
  has_point_ = std::any_of(sources_.begin(), sources_.end(),
                           [](const Source& known) { return known.configured && known.point; });
  forget_noted_blocks();
  configured_at_ = now;
  hint_files_.clear();
  has_unread_ = find_unread();
  for (std::size_t id = 0; id < sources_.size(); ++id) {
    if (!sources_[id].configured) forget_source(static_cast<SourceId>(id));
  }
  if (ages_changed) requeue_all();
  if (everybody) {
    for (auto& [key, peer] : peers_) {
      refresh_detail(key, peer);
      touch(key, peer);
    }
  }
  ++generation_;
  looks_for_gone_ = only_in_table_ > 0;
}

void Registry::configure(const ConfiguredPeer& configured) {
  note_blocks(configured);
  const auto fixed = fixed_endpoint_of(configured);
  auto host = host_target_of(configured);
  auto hint_file = hint_file_of(configured);
  const bool is_only_fixed = hint_file == nullptr || order_.empty();
  if (const auto recalled = !is_only_fixed || peers_.contains(configured.public_key)
                                ? std::nullopt
                                : recall(configured.public_key)) {
    const PeerDetail& before = *recalled->detail;
    if (recalled->fixed == fixed && before.name == configured.name &&
        before.allowed_ips == configured.allowed_ips &&
        before.is_relayed == configured.is_relayed && are_equal(before.host_target, host)) {
      if (looks_for_gone_) confirmed_.push_back(configured.public_key);
      return;
    }
  }
  Peer& peer = peer_of(configured.public_key);
  peer.generation = generation_;
  if (!peer.configured || peer.fixed != fixed || peer.hint_file || hint_file)
    touch(configured.public_key, peer);
  peer.configured = true;
  peer.fixed = fixed;
  peer.host = std::move(host);
  peer.hint_file = std::move(hint_file);
  peer.allowed_ips_configured = !configured.allowed_ips.empty();
  PeerDetail detail;
  detail.name = configured.name;
  detail.allowed_ips = configured.allowed_ips;
  detail.is_relayed = configured.is_relayed;
  set_detail(configured.public_key, peer, std::move(detail));
}

void Registry::end_configuration() {
  sort_noted_blocks();
  for (auto& [key, peer] : peers_) {
    if (!peer.configured || peer.generation == generation_) continue;
    peer.configured = false;
    peer.allowed_ips_configured = false;
    peer.fixed.reset();
    peer.host.reset();
    peer.hint_file.reset();
    for (std::size_t id = 0; id < sources_.size(); ++id) {
      if (sources_[id].point) unlist(static_cast<SourceId>(id), key);
    }
    set_detail(key, peer, PeerDetail{});
    touch(key, peer);  // take_touched() erases it when no source lists it
  }
  if (std::exchange(looks_for_gone_, false) && confirmed_.size() != only_in_table_) {
    std::sort(confirmed_.begin(), confirmed_.end());
    std::vector<wg::PublicKey> gone;
    table_.for_each([&](const wg::PublicKey& key, const PeerRecord&) {
      if (!peers_.contains(key) && !std::binary_search(confirmed_.begin(), confirmed_.end(), key))
        gone.push_back(key);
    });
    for (const wg::PublicKey& key : gone) {
      Peer& peer = peer_of(key);
      peer.configured = false;
      touch(key, peer);
    }
  }
  confirmed_ = {};
}

void Registry::set_point(SourceId id, const base::Endpoint& listen) {
  source(id).point = listen;
}

void Registry::note_read(SourceId id) {
  source(id).is_read = true;
  if (std::exchange(has_unread_, find_unread()) != has_unread_) refresh_hints();
}

bool Registry::is_configured(const wg::PublicKey& key) const {
  const auto it = peers_.find(key);
  if (it != peers_.end()) return it->second.configured;
  return only_in_table_ > 0 && table_.find_endpoints(key, PeerTable::hash(key)).has_value();
}

void Registry::restore(SourceId source, const SavedPeer& saved, base::Now now) {
  Peer& peer = peer_of(saved.key);
  Sighting& sighting = sighting_of(peer, source);
  sighting.allowed_ips = saved.allowed_ips;
  sighting.was_seen = sighting.was_seen || saved.was_seen;
  if (saved.sighting && now.wall - saved.sighting->last_seen < rules_.expire_after) {
    const auto& [endpoint, since, last_seen] = *saved.sighting;
    sighting.seen = Observation{endpoint, since, last_seen, to_steady(last_seen, now)};
    sighting.stale = true;
    sighting.row = UnsavedRows::State(last_seen);
    schedule(saved.key, sighting);
  }
  refresh_detail(saved.key, peer);
  touch(saved.key, peer);
}

void Registry::restore_unseen(SourceId id, const SavedPeer& saved, base::Now now) {
  const auto it = peers_.find(saved.key);
  const Sighting* known = it == peers_.end() ? nullptr : find_sighting(it->second, id);
  if (known != nullptr && known->seen) return;
  if (known == nullptr && !(source(id).point && is_configured(saved.key))) {
    if (source(id).point) unsaved_.note_gone({id, saved.key});  // an interface may list it yet
    return;
  }
  SavedPeer peer = saved;
  if (known != nullptr) peer.allowed_ips = known->allowed_ips;
  restore(id, peer, now);
}

void Registry::list(SourceId source, const wg::PublicKey& key,
                    std::vector<base::Prefix> allowed_ips) {
  Peer& peer = peer_of(key);
  const bool known = find_sighting(peer, source) != nullptr;
  Sighting& sighting = sighting_of(peer, source);
  if (known && sighting.allowed_ips == allowed_ips) return;
  doubt_blocks(peer, sighting.allowed_ips);
  doubt_blocks(peer, allowed_ips);
  sighting.allowed_ips = std::move(allowed_ips);
  note_change(key, sighting);
  refresh_detail(key, peer);
  touch(key, peer);
}

void Registry::unlist(SourceId id, const wg::PublicKey& key) {
  const auto it = peers_.find(key);
  if (it == peers_.end()) return;
  Peer& peer = it->second;
  Sighting* sighting = find_sighting(peer, id);
  if (sighting == nullptr) return;
  doubt_blocks(peer, sighting->allowed_ips);
  note_change(key, *sighting);
  peer.sightings.erase(peer.sightings.begin() + (sighting - peer.sightings.data()));
  --source(id).listed;
  refresh_detail(key, peer);
  touch(key, peer);
}

void Registry::set_own_key(SourceId id, const std::optional<wg::PublicKey>& key) {
  const std::optional<wg::PublicKey> before = std::exchange(source(id).own_key, key);
  if (before == key) return;
  for (const auto& changed : {before, key}) {
    if (!changed) continue;
    Peer& peer = peer_of(*changed);
    peer.is_own = std::any_of(sources_.begin(), sources_.end(),
                              [&](const Source& known) { return known.own_key == *changed; });
    refresh_detail(*changed, peer);
    touch(*changed, peer);
  }
}

void Registry::set_own_places(SourceId id, std::vector<base::Endpoint> places) {
  Source& known = source(id);
  if (std::exchange(known.own_places, std::move(places)) == known.own_places) return;
  if (known.own_key) touch(*known.own_key, peer_of(*known.own_key));
}

std::optional<wg::PublicKey> Registry::own_key(SourceId id) const {
  return id < sources_.size() ? sources_[id].own_key : std::nullopt;
}

void Registry::observe(SourceId source, const wg::PublicKey& key, const Observation& observation,
                       base::Now now) {
  if (now.steady - observation.seen >= rules_.expire_after) return;
  Peer& peer = peer_of(key);
  Sighting& sighting = sighting_of(peer, source);
  const bool stale = now.steady - observation.seen >= rules_.stale_after;
  const bool same = sighting.seen && sighting.seen->endpoint == observation.endpoint &&
                    sighting.seen->since == observation.since &&
                    sighting.seen->is_on_trial == observation.is_on_trial &&
                    sighting.stale == stale;
  if (!observation.is_on_trial) {
    sighting.proven.reset();
  } else if (sighting.seen && !sighting.seen->is_on_trial) {
    sighting.proven = std::make_unique<const Observation>(*sighting.seen);
  }
  sighting.seen = observation;
  sighting.stale = stale;
  schedule(key, sighting);
  const bool ends_hint = !std::exchange(sighting.was_seen, true) && peer.hint_file;
  // Points may be comparable now.
  if (peer.sightings.size() > 1 || ends_hint) refresh_detail(key, peer);
  if (same) {
    unsaved_.note_renewal({source, key}, sighting.row, observation.last_seen);
    return;
  }
  note_change(key, sighting);
  touch(key, peer);
}

void Registry::tick(base::Now now) {
  run_queue(stale_queue_, &Sighting::stale_due, rules_.stale_after, now,
            [&](const wg::PublicKey& key, Peer& peer, Sighting& sighting) {
              if (sighting.stale) return;
              sighting.stale = true;
              refresh_detail(key, peer);
              note_change(key, sighting);
              touch(key, peer);
            });
  run_queue(expire_queue_, &Sighting::expire_due, rules_.expire_after, now,
            [&](const wg::PublicKey& key, Peer& peer, Sighting& sighting) {
              sighting.seen.reset();
              sighting.proven.reset();
              note_change(key, sighting);
              touch(key, peer);
            });
  expire_hints(now);
}

/// Once for each file: no peer has a deadline of its own.
void Registry::expire_hints(base::Now now) {
  bool has_expired = false;
  for (const auto& file : hint_files_) {
    if (file->is_expired || file->expires > now.steady) continue;
    file->is_expired = true;
    has_expired = true;
  }
  if (has_expired) refresh_hints();
}

void Registry::refresh_hints() {
  for (auto& [key, peer] : peers_) {
    if (!peer.hint_file) continue;
    refresh_detail(key, peer);
    touch(key, peer);
  }
}

bool Registry::find_unread() const {
  return std::any_of(sources_.begin(), sources_.end(), [](const Source& known) {
    return known.configured && !known.point && !known.is_read;
  });
}

std::optional<base::SteadyTime> Registry::next_deadline() const {
  std::optional<base::SteadyTime> next;
  for (const auto& file : hint_files_) {
    if (!file->is_expired && (!next || file->expires < *next)) next = file->expires;
  }
  for (const DeadlineQueue* queue : {&stale_queue_, &expire_queue_}) {
    if (!queue->empty() && (!next || queue->top().due < *next)) next = queue->top().due;
  }
  return next;
}

std::vector<wg::PublicKey> Registry::take_touched() {
  for (const wg::PublicKey& key : touched_) {
    const auto it = peers_.find(key);
    if (it == peers_.end()) continue;
    it->second.touched = false;
    erase_if_unknown(it);
  }
  return std::exchange(touched_, {});
}

std::size_t Registry::listed_by(SourceId id) const {
  return id < sources_.size() ? sources_[id].listed : 0;
}

// Sources

Registry::Source& Registry::source(SourceId id) {
  if (sources_.size() <= id) sources_.resize(std::size_t{id} + 1);
  return sources_[id];
}

void Registry::forget_source(SourceId id) {
  source(id).is_read = false;
  if (source(id).listed == 0 && !source(id).own_key) return;
  set_own_key(id, std::nullopt);
  for (auto& [key, peer] : peers_) unlist(id, key);
}

// Peers

/// The peer; made if it is not known yet.
Registry::Peer& Registry::peer_of(const wg::PublicKey& key) {
  const auto [it, is_new] = peers_.try_emplace(key);
  if (!is_new) return it->second;
  if (auto recalled = recall(key)) {
    it->second = *std::move(recalled);
    --only_in_table_;
  }
  return it->second;
}

/// A peer that only the table has, as it was when move_to_table() left it there.
std::optional<Registry::Peer> Registry::recall(const wg::PublicKey& key) const {
  if (only_in_table_ == 0) return std::nullopt;
  auto record = table_.find(key);
  if (!record) return std::nullopt;
  Peer peer;
  peer.fixed = record->ipv4 ? record->ipv4 : record->ipv6;
  peer.detail = std::move(record->detail);
  if (peer.detail->host_target)
    peer.host = std::make_shared<const HostTarget>(*peer.detail->host_target);
  peer.configured = true;
  peer.allowed_ips_configured = !peer.detail->allowed_ips.empty();
  return peer;
}

void Registry::move_to_table(const wg::PublicKey& key) {
  const auto it = peers_.find(key);
  if (it == peers_.end()) return;
  const Peer& peer = it->second;
  if (!peer.configured || peer.is_own || peer.touched || !peer.sightings.empty()) return;
  // The table has no place for the file; a source may list the peer yet.
  if (peer.hint_file && !order_.empty()) return;
  if (moved_blocks_.contains(key)) return;  // nor for what the configuration says of its blocks
  if (looks_for_gone_ && peer.generation == generation_) confirmed_.push_back(key);
  peers_.erase(it);
  ++only_in_table_;
}

Registry::Sighting* Registry::find_sighting(Peer& peer, SourceId source) {
  const auto found = std::find_if(peer.sightings.begin(), peer.sightings.end(),
                                  [&](const Sighting& s) { return s.source == source; });
  return found == peer.sightings.end() ? nullptr : &*found;
}

Registry::Sighting& Registry::sighting_of(Peer& peer, SourceId id) {
  if (Sighting* known = find_sighting(peer, id)) return *known;
  ++source(id).listed;
  Sighting sighting;
  sighting.source = id;
  peer.sightings.push_back(std::move(sighting));
  return peer.sightings.back();
}

void Registry::erase_if_unknown(Peers::iterator it) {
  const Peer& peer = it->second;
  if (!peer.configured && !peer.is_own && peer.sightings.empty()) peers_.erase(it);
}

bool Registry::is_registered(const Peer& peer) const {
  return peer.configured || peer.is_own || (!rules_.listed_only && !peer.sightings.empty());
}

/// Null: the endpoint is the operator's word, or there is none.
std::shared_ptr<const Registry::HintFile> Registry::hint_file_of(const ConfiguredPeer& configured) {
  const auto& file = configured.endpoint_file;
  if (!configured.endpoint || !file) return nullptr;
  // The peers of a file follow each other.
  if (!hint_files_.empty() && *hint_files_.back()->file == *file) return hint_files_.back();
  const base::SteadyTime expires = to_steady(file->time, configured_at_) + rules_.expire_after;
  hint_files_.push_back(
      std::make_shared<HintFile>(HintFile{file, expires, expires <= configured_at_.steady}));
  return hint_files_.back();
}

// Notes for later

void Registry::touch(const wg::PublicKey& key, Peer& peer) {
  if (std::exchange(peer.touched, true)) return;
  touched_.push_back(key);
}

void Registry::schedule(const wg::PublicKey& key, Sighting& sighting) {
  if (!sighting.stale && !sighting.stale_due) {
    sighting.stale_due = sighting.seen->seen + rules_.stale_after;
    stale_queue_.push({*sighting.stale_due, key, sighting.source});
  }
  if (!sighting.expire_due) {
    sighting.expire_due = sighting.seen->seen + rules_.expire_after;
    expire_queue_.push({*sighting.expire_due, key, sighting.source});
  }
}

void Registry::requeue_all() {
  stale_queue_ = {};
  expire_queue_ = {};
  for (auto& [key, peer] : peers_) {
    for (Sighting& sighting : peer.sightings) {
      sighting.stale_due.reset();
      sighting.expire_due.reset();
      if (sighting.seen) schedule(key, sighting);
    }
  }
}

/// A sighting that was renewed meanwhile goes back into the queue here, so that a keepalive need
/// not move anything in the queue.
template <typename Due>
void Registry::run_queue(DeadlineQueue& queue, std::optional<base::SteadyTime> Sighting::*due,
                         std::chrono::seconds age, base::Now now, Due on_due) {
  while (!queue.empty() && queue.top().due <= now.steady) {
    const Deadline deadline = queue.top();
    queue.pop();
    const auto it = peers_.find(deadline.key);
    Sighting* sighting = it == peers_.end() ? nullptr : find_sighting(it->second, deadline.source);
    if (sighting == nullptr || sighting->*due != deadline.due) continue;
    (sighting->*due).reset();
    if (!sighting->seen) continue;
    const base::SteadyTime renewed = sighting->seen->seen + age;
    if (renewed <= now.steady) {
      on_due(deadline.key, it->second, *sighting);
      continue;
    }
    sighting->*due = renewed;
    queue.push({renewed, deadline.key, deadline.source});
  }
}

}  // namespace dnsd
