#include "updater/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "updater/tunnel/mesh_routes.hpp"

// All peers of one device. A step compares the peers with the reading, lets each direct peer take
// its turn, and then the hubs, which learn from the direct peers whether to kick. The decisions
// for one peer are in peer/direct_peer.cpp and peer/hub.cpp, those about joining the mesh in
// tunnel/mesh.cpp; loop.cpp carries the plans out. One thread: the caller's.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;

constexpr auto poll_interval = 1s;
/// A clock that moved this far was set, not adjusted. Smaller steps add up until they are reported.
constexpr auto clock_jump = 10s;
/// How often the addresses of the zone's name servers are looked up, and how soon after a failure.
constexpr auto name_server_interval = 300s;
constexpr auto name_server_retry = 10s;
/// How often the log mentions a resolver that fails for one name and works for the next.
constexpr auto resolver_note_interval = 600s;

/// The peer of that key, if it has this role; else null.
template <typename Role, typename Peers>
auto* find_as(Peers& peers, const wg::PublicKey& key) {
  const auto known = peers.find(key);
  return std::get_if<Role>(known == peers.end() ? nullptr : &known->second);
}

/// All peers that have this role, in the order of their keys.
template <typename Role, typename Peers>
auto find_all(Peers& peers) {
  std::vector<decltype(std::get_if<Role>(&peers.begin()->second))> found;
  for (auto& [key, peer] : peers) {
    if (auto* role = std::get_if<Role>(&peer)) found.push_back(role);
  }
  return found;
}

}  // namespace

Machine::Machine(Settings settings, Memory memory, std::uint32_t seed)
    : settings_(std::move(settings)),
      memory_(std::move(memory)),
      saved_(memory_),
      random_(seed),
      limit_(settings_.one_round),
      resolver_notes_(resolver_note_interval) {
  for (const auto& [key, peer] : memory_) {
    if (peer.last_good) limit_.trust(peer.last_good->address);
  }
}

Plan Machine::step(const base::Now& now, const wg::Device& device,
                   std::span<const base::InterfaceAddress> host) {
  Plan plan;
  meet_peers(now, device);
  names_.settle(device, settings_, memory_, plan.notes);
  tell_missing_hubs(device, plan);
  watch_clock(now, plan);
  look_up_own(now, device, plan);
  if (settings_.hubs.empty() && !settings_.one_round && now.steady >= name_servers_due_) {
    name_servers_due_ = now.steady + jittered(name_server_interval, random_);
    plan.name_servers = true;
  }
  const auto hub_addresses = find_hub_addresses(device);
  for (const wg::DevicePeer& shown : device.peers) limit_.observe(now, shown);
  Scene scene{now, device, host, random_, limit_, hub_addresses};
  if (own_ && own_->is_asked()) scene.own = own_->endpoints();
  if (own_) scene.own_mapping = own_->mapping();
  scene.name_servers = name_servers_;
  scene.relays = find_relays(now, device);
  scene.gateways = find_gateways(device, settings_.hubs, settings_.private_server);
  if (!settings_.one_round) settle_loans(device, plan);
  std::optional<std::string> hub_kick;
  for (const wg::DevicePeer& shown : device.peers) {
    auto* peer = find_as<DirectPeer>(peers_, shown.public_key);
    if (peer == nullptr) continue;
    Turn turn{scene, settings_, shown, memory_[shown.public_key], plan};
    const auto before = peer->state();
    const bool was_hopeless = peer->is_hopeless();
    peer->step(turn);
    metrics_.count_step(now.steady, shown.public_key, before, peer->state());
    if (peer->is_hopeless() && !was_hopeless) metrics_.count_hopeless();
    const auto& routes = turn.memory.routes;
    const bool is_routed = turn.memory.mesh == PeerMemory::Mesh::added && !has_all(shown, routes);
    metrics_.count_path(now.steady, shown.public_key, peer->path(shown, is_routed));
    if (auto reason = peer->take_hub_kick()) hub_kick = std::move(reason);
  }
  // A suspicion alone is no reason to look this host up: it may prove wrong.
  if (hub_kick && own_ && is_any_unreached()) own_->hurry(now.steady);
  for (const wg::DevicePeer& shown : device.peers) {
    auto* hub = find_as<Hub>(peers_, shown.public_key);
    if (hub == nullptr) continue;
    Turn turn{scene, settings_, shown, memory_[shown.public_key], plan};
    if (hub_kick) hub->request_kick(*hub_kick);
    hub->step(turn);
  }
  record(now, plan.notes);
  for (const Change& change : plan.changes) record(now, {make_note(change)});
  plan.remember = memory_ != saved_;
  if (plan.remember) saved_ = memory_;
  plan.next = next_step(now.steady);
  return plan;
}

/// Makes peers_ those of the reading. A peer whose counters went back was removed and added again.
void Machine::meet_peers(const base::Now& now, const wg::Device& device) {
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    if (device.find(peer->first) != nullptr) {
      ++peer;
      continue;
    }
    memory_[peer->first].keepalive.release();
    stories_.erase(peer->first);
    metrics_.forget(peer->first);
    limit_.forget(peer->first);
    peer = peers_.erase(peer);
  }
  for (const wg::DevicePeer& shown : device.peers) {
    const auto known = peers_.find(shown.public_key);
    if (known != peers_.end()) {
      const bool continues =
          std::visit([&](const auto& role) { return role.continues(shown); }, known->second);
      if (continues) continue;
      memory_[shown.public_key].keepalive.release();
      peers_.erase(known);
    }
    meet(now, device, shown);
  }
}

/// A peer that is new on the device gets its role.
void Machine::meet(const base::Now& now, const wg::Device& device, const wg::DevicePeer& shown) {
  const wg::PublicKey& key = shown.public_key;
  if (settings_.of(key).ignore) {
    peers_.emplace(key, Ignored());
  } else if (settings_.hubs.count(key) != 0) {
    peers_.emplace(key, Hub(now.steady, SessionHealth(now, shown)));
  } else {
    PeerMemory& memory = memory_[key];
    // A relayed peer was left where the hub is.
    const bool is_at_hub =
        std::any_of(device.peers.begin(), device.peers.end(), [&](const wg::DevicePeer& other) {
          return settings_.hubs.count(other.public_key) != 0 && other.endpoint == shown.endpoint;
        });
    const bool is_as_left = shown.endpoint && (shown.endpoint == memory.last_good || is_at_hub);
    memory.keepalive.meet(shown.persistent_keepalive, is_as_left);
    peers_.emplace(key, DirectPeer(now, shown, settings_.of(key)));
    metrics_.meet(now.steady, key);
  }
}

/// Warns if the device lacks a key of --hub: with a mistyped --hub the real one would be punched.
void Machine::tell_missing_hubs(const wg::Device& device, Plan& plan) {
  for (const wg::PublicKey& hub : settings_.hubs) {
    if (device.find(hub) != nullptr) {
      missing_hubs_.erase(hub);
    } else if (missing_hubs_.insert(hub).second) {
      plan.notes.push_back({Note::Level::trouble, fmt::format("--hub {} is no peer of {}",
                                                              hub.to_base64(), device.name)});
    }
  }
}

/// Nothing here waits for the wall clock, but WireGuard's handshakes contain it.
void Machine::watch_clock(const base::Now& now, Plan& plan) {
  const auto lead = std::chrono::round<std::chrono::seconds>(now.wall.time_since_epoch() -
                                                             now.steady.time_since_epoch());
  const auto change = lead - clock_.value_or(lead);
  if (clock_ && std::chrono::abs(change) < clock_jump) return;
  clock_ = lead;
  if (change > 0s) {
    plan.notes.push_back({Note::Level::change,
                          fmt::format("this host's clock went forward by {} s: it was set, or this "
                                      "host slept",
                                      change.count())});
  } else if (change < 0s) {
    plan.notes.push_back({Note::Level::trouble,
                          fmt::format("this host's clock was set back by {} s: peers that saw a "
                                      "later handshake of this host ignore it until its clock has "
                                      "passed that time",
                                      -change.count())});
  }
}

/// A gateway gets back what it lent to a peer of the mesh that somebody removed.
void Machine::settle_loans(const wg::Device& device, Plan& plan) {
  for (auto& [key, memory] : memory_) {
    if (memory.lenders.empty()) continue;
    auto updates = updater::settle_loans(key, device, memory);
    if (updates.empty()) continue;
    const wg::PublicKey gateway = updates.front().public_key;
    plan.changes.push_back(
        {gateway, std::move(updates), "the peer that had it is gone", Note::Level::change});
  }
}

/// This host looks itself up, too: when its own mapping changed, every peer gets another attempt
/// (learn_own()).
void Machine::look_up_own(const base::Now& now, const wg::Device& device, Plan& plan) {
  if (settings_.one_round) return;
  if (own_key_ != device.public_key) {
    own_key_ = device.public_key;
    own_ = own_key_ ? std::optional<DnsView>(now.steady) : std::nullopt;
  }
  if (own_ && own_->ask_if_due(now.steady))
    plan.lookups.push_back({*own_key_, own_->wants_text(now.steady)});
}

void Machine::hurry_peers(SteadyTime now, const std::string& what) {
  for (DirectPeer* peer : find_all<DirectPeer>(peers_)) peer->hurry(now, what);
}

bool Machine::is_any_unreached() const {
  const auto peers = find_all<DirectPeer>(peers_);
  return std::any_of(peers.begin(), peers.end(), [](const DirectPeer* peer) {
    return !peer->is_hopeless() && (peer->state() == DirectPeer::State::waiting ||
                                    peer->state() == DirectPeer::State::punching);
  });
}

void Machine::change_local(const base::Now& now, const std::set<base::IpAddress>& source_changed) {
  const std::string what = "this host's addresses or routes changed";
  if (own_) own_->hurry(now.steady);
  for (DirectPeer* peer : find_all<DirectPeer>(peers_))
    peer->change_local(now.steady, what, source_changed);
  for (Hub* hub : find_all<Hub>(peers_)) hub->request_reset(what);
}

void Machine::kick_hub(const wg::PublicKey& hub) {
  if (auto* known = find_as<Hub>(peers_, hub))
    known->request_kick("peers are reached through it now, and it cannot be told");
}

void Machine::see(const wg::PublicKey& peer, const base::Endpoint& endpoint) {
  if (auto* direct = find_as<DirectPeer>(peers_, peer)) direct->see(endpoint);
}

void Machine::learn_pause(const wg::PublicKey& peer, bool is_granted) {
  if (auto* direct = find_as<DirectPeer>(peers_, peer)) direct->learn_pause(is_granted);
}

void Machine::learn_hub(const base::Now& now, const HubResult& result) {
  if (auto* hub = find_as<Hub>(peers_, result.hub)) hub->learn(now.steady, result);
}

void Machine::learn_name_servers(const base::Now& now, std::vector<base::IpAddress> addresses) {
  if (addresses.empty()) {
    name_servers_due_ = std::min<SteadyTime>(name_servers_due_, now.steady + name_server_retry);
    return;
  }
  name_servers_ = std::move(addresses);
}

void Machine::learn_round_trip(const wg::PublicKey& peer, std::chrono::microseconds round_trip) {
  limit_.take_reply(peer);
  if (auto* direct = find_as<DirectPeer>(peers_, peer)) direct->learn_round_trip(round_trip);
  if (auto* hub = find_as<Hub>(peers_, peer)) hub->learn_round_trip(round_trip);
}

/// Adds the notes about peers to their stories.
void Machine::record(const base::Now& now, const std::vector<Note>& notes) {
  for (const Note& note : notes) {
    if (note.peer) stories_[*note.peer].add(now.wall, note.text);
  }
}

std::vector<Note> Machine::learn(const base::Now& now, const LookupResult& result) {
  metrics_.count_lookup(result);
  std::vector<Note> notes;
  watch_resolver(now, result, notes);
  if (own_ && result.peer == own_key_) {
    learn_own(now, result, notes);
    return notes;
  }
  auto* peer = find_as<DirectPeer>(peers_, result.peer);
  if (peer == nullptr) return notes;
  peer->learn(now, result, random_, notes);
  record(now, notes);
  return notes;
}

/// Logs once that look-ups fail, and once that they work again.
void Machine::watch_resolver(const base::Now& now, const LookupResult& result,
                             std::vector<Note>& notes) {
  const bool failed = !result.endpoints && !is_about_peer(result.endpoints.error());
  if (failed && !resolver_error_ && resolver_notes_.allow(now.steady)) {
    resolver_error_ = result.endpoints.error();
    notes.push_back(
        {Note::Level::trouble, fmt::format("DNS cannot be asked, endpoints stay as they are: {}",
                                           to_string(*resolver_error_))});
  } else if (!failed && resolver_error_) {
    resolver_error_.reset();
    notes.push_back({Note::Level::change, "DNS can be asked again"});
  }
}

void Machine::learn_own(const base::Now& now, const LookupResult& result,
                        std::vector<Note>& notes) {
  own_->learn(now, result, is_any_unreached() ? DnsView::Pace::urgent : DnsView::Pace::calm,
              random_);
  const auto& change = own_->last_change();
  if (!change || change->at != now.steady) return;
  notes.push_back({Note::Level::change, fmt::format("the world sees this host at {} now",
                                                    change->endpoint.to_string())});
  hurry_peers(now.steady, "the world sees this host elsewhere now");
}

void Machine::learn_private(const wg::PublicKey& peer, const PublishedText& text) {
  if (own_ && peer == own_key_) own_->learn_private(text);
  if (auto* direct = find_as<DirectPeer>(peers_, peer)) direct->learn_private(text);
  if (peers_.count(peer) != 0) names_.learn_told(peer, text.name);
}

std::vector<Note> Machine::learn_lan(const base::Now& now, const LanResult& result) {
  std::vector<Note> notes;
  if (auto* peer = find_as<DirectPeer>(peers_, result.peer)) peer->learn_lan(result, notes);
  record(now, notes);
  return notes;
}

std::vector<Note> Machine::observe_mesh(const base::Now& now, const wg::Device& device,
                                        unsigned interface_index) {
  auto notes = updater::observe_mesh(device, interface_index, memory_);
  record(now, notes);
  return notes;
}

MeshPlan Machine::plan_mesh(const base::Now& now, const wg::Device& device,
                            unsigned interface_index, const base::IpAddress& server,
                            std::span<const base::InterfaceAddress> host, const MeshList& list) {
  for (const ListedPeer& peer : list.peers) names_.learn_told(peer.key, peer.name);
  MeshPlan plan =
      updater::plan_mesh(settings_, device, interface_index, server, host, list, memory_);
  // The list is read every 20 s, and refuses the same peers each time.
  std::erase_if(plan.notes, [&](const Note& note) {
    return note.level == Note::Level::trouble && note.peer &&
           std::exchange(refusals_[*note.peer], note.text) == note.text;
  });
  for (const Note& note : plan.notes) {
    if (note.peer && device.find(*note.peer) == nullptr)
      names_.name_newcomer(*note.peer, settings_);
  }
  record(now, plan.notes);
  return plan;
}

std::set<wg::PublicKey> Machine::hubs() const {
  std::set<wg::PublicKey> hubs;
  for (const auto& [key, role] : peers_) {
    if (std::holds_alternative<Hub>(role)) hubs.insert(key);
  }
  return hubs;
}

/// The hubs, read before any peer decides: where they are now, and whether they answer. One that
/// does is nobody's victim, however many peers are pointed at it.
std::vector<RelayHub> Machine::find_relays(const base::Now& now, const wg::Device& device) {
  std::vector<RelayHub> relays;
  for (const wg::DevicePeer& shown : device.peers) {
    auto* hub = find_as<Hub>(peers_, shown.public_key);
    if (hub == nullptr) continue;
    hub->observe(now, shown);
    if (!shown.endpoint) continue;
    relays.push_back(
        {shown.public_key, *shown.endpoint, hub->answers(now.steady), hub->round_trip()});
    if (relays.back().answers) limit_.trust(shown.endpoint->address);
  }
  return relays;
}

/// Addresses that no peer's own network has.
std::vector<base::IpAddress> Machine::find_hub_addresses(const wg::Device& device) const {
  std::vector<base::IpAddress> addresses;
  for (const wg::DevicePeer& shown : device.peers) {
    if (shown.endpoint && find_as<Hub>(peers_, shown.public_key) != nullptr)
      addresses.push_back(shown.endpoint->address);
  }
  return addresses;
}

void Machine::lose_device() {
  peers_.clear();
  for (auto& [key, peer] : memory_) peer.keepalive.release();
  saved_ = memory_;
}

std::vector<Change> Machine::give_back(const wg::Device& device) {
  std::vector<Change> changes;
  for (const wg::DevicePeer& shown : device.peers) {
    const auto* peer = find_as<DirectPeer>(peers_, shown.public_key);
    auto endpoint = peer == nullptr ? std::vector<wg::PeerUpdate>() : peer->leave(shown);
    if (!endpoint.empty())
      changes.push_back({shown.public_key, std::move(endpoint),
                         "it did not answer elsewhere, and wg-updater ends", Note::Level::change});
    const auto known = memory_.find(shown.public_key);
    if (known == memory_.end()) continue;
    if (known->second.mesh == PeerMemory::Mesh::added && has_any(shown, known->second.routes))
      changes.push_back({shown.public_key, make_return(shown, known->second),
                         "the hub carries them from now on", Note::Level::change});
    Keepalive& keepalive = known->second.keepalive;
    keepalive.observe(shown.persistent_keepalive);
    if (keepalive.ours().empty() || keepalive.user() == shown.persistent_keepalive) continue;
    changes.push_back({shown.public_key,
                       {{shown.public_key, std::nullopt, keepalive.user()}},
                       "as it was before wg-updater",
                       Note::Level::change});
  }
  return changes;
}

void Machine::forget_keepalives() {
  for (auto& [key, peer] : memory_) peer.keepalive.forget();
  saved_ = memory_;
}

bool Machine::is_settled() const {
  const auto peers = find_all<DirectPeer>(peers_);
  return std::all_of(peers.begin(), peers.end(),
                     [](const DirectPeer* peer) { return peer->is_settled(); });
}

/// Deadlines in the past are ignored: this step has handled them.
SteadyTime Machine::next_step(SteadyTime now) const {
  SteadyTime next = now + poll_interval;
  const auto come_by = [&](std::optional<SteadyTime> due) {
    if (due && *due > now) next = std::min(next, *due);
  };
  if (own_) come_by(own_->next());
  for (const DirectPeer* peer : find_all<DirectPeer>(peers_)) {
    next = std::min<SteadyTime>(next, now + peer->pause(now));
    come_by(peer->next_step());
  }
  for (const Hub* hub : find_all<Hub>(peers_)) come_by(hub->next_step());
  return next;
}

}  // namespace updater
