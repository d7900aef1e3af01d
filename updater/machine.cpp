#include "updater/machine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;

constexpr auto poll_interval = 1s;
/// While some peer is being punched: its handshake decides what comes next.
constexpr auto punching_poll_interval = 250ms;
/// By so much a clock is not adjusted, but set. Smaller steps add up until they are told.
constexpr auto clock_jump = 10s;
/// A clock behind a handshake by less is nothing that harms.
constexpr auto clock_tolerance = 5s;
/// A resolver that fails for one name and works for the next is told this often.
constexpr auto resolver_note_interval = 600s;

}  // namespace

Machine::Machine(Settings settings, Memory memory, std::uint32_t seed)
    : settings_(std::move(settings)),
      memory_(std::move(memory)),
      saved_(memory_),
      random_(seed),
      resolver_notes_(resolver_note_interval) {}

Plan Machine::step(const base::Now& now, const wg::Device& device,
                   std::span<const base::InterfaceAddress> host) {
  Plan plan;
  meet_peers(now, device);
  tell_missing_hubs(device, plan);
  watch_clock(now, plan);
  look_up_own(now, device, plan);
  const auto hub_addresses = find_hub_addresses(device);
  Scene scene{now, device, host, random_, hub_addresses};
  if (own_ && own_->is_asked()) scene.own = own_->endpoints();
  if (own_) scene.own_mapping = own_->mapping();
  std::optional<std::string> hub_kick;
  for (const wg::DevicePeer& shown : device.peers) {
    auto* peer = std::get_if<DirectPeer>(&peers_.at(shown.public_key));
    if (peer == nullptr) continue;
    const std::size_t told = plan.notes.size();
    const auto before = peer->state();
    const bool was_hopeless = peer->is_hopeless();
    peer->step(scene, settings_, shown, memory_[shown.public_key], plan);
    metrics_.count_step(now.steady, shown.public_key, before, peer->state());
    if (peer->is_hopeless() && !was_hopeless) metrics_.count_hopeless();
    for (std::size_t i = told; i < plan.notes.size(); ++i) plan.notes[i].peer = shown.public_key;
    if (auto reason = peer->take_hub_kick()) hub_kick = std::move(reason);
  }
  // A suspicion that proves wrong is no reason.
  if (hub_kick && own_ && is_any_unreached()) own_->hurry(now.steady);
  for (const wg::DevicePeer& shown : device.peers) {
    auto* hub = std::get_if<Hub>(&peers_.at(shown.public_key));
    if (hub == nullptr) continue;
    if (hub_kick) hub->request_kick(*hub_kick);
    hub->step(scene, settings_, shown, memory_[shown.public_key], plan);
  }
  record(now, plan.notes);
  for (const Change& change : plan.changes)
    stories_[change.peer].add(now.wall, updater::describe(change.updates) + ": " + change.reason);
  plan.remember = memory_ != saved_;
  if (plan.remember) saved_ = memory_;
  plan.next = next_step(now.steady);
  return plan;
}

/// Makes peers_ those of the reading. One whose counters went back was removed and added again.
void Machine::meet_peers(const base::Now& now, const wg::Device& device) {
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    if (device.find(peer->first) != nullptr) {
      ++peer;
      continue;
    }
    memory_[peer->first].keepalive.release();
    stories_.erase(peer->first);
    metrics_.forget(peer->first);
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
    if (settings_.of(shown.public_key).ignore) {
      peers_.emplace(shown.public_key, Ignored());
    } else if (settings_.hubs.count(shown.public_key) != 0) {
      peers_.emplace(shown.public_key,
                     Hub(now.steady, shown.public_key, SessionHealth(now, shown)));
    } else {
      PeerMemory& memory = memory_[shown.public_key];
      memory.keepalive.meet(shown.persistent_keepalive,
                            shown.endpoint && shown.endpoint == memory.last_good);
      peers_.emplace(shown.public_key, DirectPeer(now, shown, settings_.of(shown.public_key)));
      metrics_.meet(now.steady, shown.public_key);
    }
  }
}

/// A mistyped --hub would have the real one punched.
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

/// Nothing here waits for the wall clock, but WireGuard's handshakes carry it.
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
                          fmt::format("this host's clock was set back by {} s: who has seen a "
                                      "handshake of later than now ignores this host until then",
                                      -change.count())});
  }
}

/// A mapping of ours that changed is a new chance for every peer: it can find us now.
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
  for (auto& [key, role] : peers_) {
    if (auto* peer = std::get_if<DirectPeer>(&role)) peer->hurry(now, what);
  }
}

bool Machine::is_any_unreached() const {
  return std::any_of(peers_.begin(), peers_.end(), [](const auto& item) {
    const auto* peer = std::get_if<DirectPeer>(&item.second);
    return peer != nullptr && !peer->is_hopeless() &&
           (peer->state() == DirectPeer::State::waiting ||
            peer->state() == DirectPeer::State::punching);
  });
}

void Machine::change_local(const base::Now& now, const std::set<base::IpAddress>& source_changed) {
  const std::string what = "this host's addresses or routes changed";
  if (own_) own_->hurry(now.steady);
  for (auto& [key, role] : peers_) {
    if (auto* peer = std::get_if<DirectPeer>(&role))
      peer->change_local(now.steady, what, source_changed);
    if (auto* hub = std::get_if<Hub>(&role)) hub->request_reset(what);
  }
}

void Machine::learn_round_trip(const wg::PublicKey& peer, std::chrono::microseconds round_trip) {
  const auto known = peers_.find(peer);
  if (known == peers_.end()) return;
  if (auto* direct = std::get_if<DirectPeer>(&known->second)) direct->learn_round_trip(round_trip);
}

/// The name at the beginning of a note says nothing in a peer's own story.
void Machine::record(const base::Now& now, const std::vector<Note>& notes) {
  for (const Note& note : notes) {
    if (!note.peer) continue;
    const std::string name = settings_.describe(*note.peer) + ": ";
    const bool has_name = note.text.rfind(name, 0) == 0;
    stories_[*note.peer].add(now.wall, has_name ? note.text.substr(name.size()) : note.text);
  }
}

Report Machine::describe(const base::Now& now, const wg::Device& device) const {
  Report report;
  if (own_ && !own_->endpoints().empty()) report.seen_at = own_->endpoints().front();
  if (own_) report.nat = own_->mapping();
  for (const wg::DevicePeer& shown : device.peers) {
    if (shown.latest_handshake && *shown.latest_handshake > now.wall + clock_tolerance) {
      const auto behind =
          std::chrono::ceil<std::chrono::seconds>(*shown.latest_handshake - now.wall);
      report.clock_behind = std::max(report.clock_behind.value_or(behind), behind);
    }
    const auto known = peers_.find(shown.public_key);
    if (known == peers_.end()) continue;
    PeerReport peer;
    if (const auto* direct = std::get_if<DirectPeer>(&known->second)) {
      peer = direct->describe(now, shown);
    } else {
      const auto* hub = std::get_if<Hub>(&known->second);
      peer.key = shown.public_key;
      peer.is_hub = hub != nullptr;
      peer.state = peer.is_hub ? "hub" : "ignored";
      peer.endpoint = shown.endpoint;
      peer.endpoint_from = shown.endpoint ? "wireguard" : "-";
      peer.rx_bytes = shown.rx_bytes;
      peer.tx_bytes = shown.tx_bytes;
      const auto handshake = hub != nullptr ? hub->health().last_handshake() : std::nullopt;
      if (handshake)
        peer.handshake_age =
            std::chrono::duration_cast<std::chrono::seconds>(now.steady - *handshake);
    }
    peer.name = settings_.of(peer.key).name;
    if (const auto story = stories_.find(peer.key); story != stories_.end())
      peer.story = story->second;
    report.peers.push_back(std::move(peer));
  }
  return report;
}

std::vector<Note> Machine::learn(const base::Now& now, const LookupResult& result) {
  metrics_.count_lookup(result);
  std::vector<Note> notes = learn_any(now, result);
  record(now, notes);
  return notes;
}

std::vector<Note> Machine::learn_any(const base::Now& now, const LookupResult& result) {
  std::vector<Note> notes;
  const bool failed = !result.endpoints && !is_about_peer(result.endpoints.error());
  if (failed && !resolver_error_ && resolver_notes_.allow(now.steady)) {
    resolver_error_ = result.endpoints.error();
    notes.push_back({Note::Level::trouble, fmt::format("look-ups fail, which changes nothing: {}",
                                                       to_string(*resolver_error_))});
  } else if (!failed && resolver_error_) {
    resolver_error_.reset();
    notes.push_back({Note::Level::change, "look-ups work again"});
  }
  if (own_ && result.peer == own_key_) {
    own_->learn(now, result, is_any_unreached() ? DnsView::Pace::urgent : DnsView::Pace::calm,
                random_);
    const auto& change = own_->last_change();
    if (change && change->at == now.steady) {
      notes.push_back({Note::Level::change, fmt::format("the world sees this host at {} now",
                                                        change->endpoint.to_string())});
      hurry_peers(now.steady, "our own mapping changed");
    }
    return notes;
  }
  const auto known = peers_.find(result.peer);
  if (known == peers_.end()) return notes;
  auto* peer = std::get_if<DirectPeer>(&known->second);
  if (peer == nullptr) return notes;
  if (result.text && result.text->is_hub) {
    become_hub(now, result.peer, notes);
    return notes;
  }
  const std::size_t told = notes.size();
  peer->learn(now, result, random_, notes);
  for (std::size_t i = told; i < notes.size(); ++i) notes[i].peer = result.peer;
  return notes;
}

std::vector<Note> Machine::learn_private(const base::Now& now, const wg::PublicKey& peer,
                                         const PublishedText& text) {
  std::vector<Note> notes;
  if (own_ && peer == own_key_) own_->learn_private(text);
  const auto known = peers_.find(peer);
  auto* direct = known == peers_.end() ? nullptr : std::get_if<DirectPeer>(&known->second);
  if (direct == nullptr) return notes;
  if (text.is_hub) {
    become_hub(now, peer, notes);
  } else {
    direct->learn_private(text);
  }
  record(now, notes);
  return notes;
}

void Machine::become_hub(const base::Now& now, const wg::PublicKey& peer,
                         std::vector<Note>& notes) {
  auto& role = peers_.at(peer);
  notes.push_back(
      {Note::Level::change, fmt::format("{}: the public host's own (role=hub): never punched",
                                        settings_.describe(peer))});
  role = Hub(now.steady, peer, SessionHealth(std::get<DirectPeer>(role).health()));
}

std::vector<Note> Machine::learn_lan(const base::Now& now, const LanResult& result) {
  std::vector<Note> notes;
  const auto known = peers_.find(result.peer);
  if (known == peers_.end()) return notes;
  if (auto* peer = std::get_if<DirectPeer>(&known->second)) peer->learn_lan(result, notes);
  for (Note& note : notes) note.peer = result.peer;
  record(now, notes);
  return notes;
}

std::vector<Note> Machine::observe_mesh(const base::Now& now, const wg::Device& device,
                                        unsigned interface_index) {
  auto notes = updater::observe_mesh(settings_, device, interface_index, memory_);
  record(now, notes);
  return notes;
}

MeshPlan Machine::plan_mesh(const base::Now& now, const wg::Device& device,
                            unsigned interface_index, const base::IpAddress& server,
                            std::span<const base::InterfaceAddress> host, const MeshList& list) {
  MeshPlan plan =
      updater::plan_mesh(settings_, device, interface_index, server, host, list, memory_);
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

/// No peer's own network has them.
std::vector<base::IpAddress> Machine::find_hub_addresses(const wg::Device& device) const {
  std::vector<base::IpAddress> addresses;
  for (const wg::DevicePeer& shown : device.peers) {
    if (shown.endpoint && std::holds_alternative<Hub>(peers_.at(shown.public_key)))
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
    const auto role = peers_.find(shown.public_key);
    const auto* peer = role == peers_.end() ? nullptr : std::get_if<DirectPeer>(&role->second);
    auto endpoint = peer == nullptr ? std::vector<wg::PeerUpdate>() : peer->leave(shown);
    if (!endpoint.empty())
      changes.push_back({shown.public_key, std::move(endpoint), "the candidate is put back",
                         Note::Level::change});
    const auto known = memory_.find(shown.public_key);
    if (known == memory_.end()) continue;
    Keepalive& keepalive = known->second.keepalive;
    keepalive.observe(shown.persistent_keepalive);
    if (keepalive.ours().empty() || keepalive.user() == shown.persistent_keepalive) continue;
    changes.push_back({shown.public_key,
                       {{shown.public_key, std::nullopt, keepalive.user()}},
                       "the user's keepalive is put back",
                       Note::Level::change});
  }
  return changes;
}

void Machine::forget_keepalives() {
  for (auto& [key, peer] : memory_) peer.keepalive.forget();
  saved_ = memory_;
}

bool Machine::is_settled() const {
  return std::all_of(peers_.begin(), peers_.end(), [](const auto& item) {
    const auto* peer = std::get_if<DirectPeer>(&item.second);
    return peer == nullptr || peer->is_settled();
  });
}

/// What was due is done: only what lies ahead counts, and what waits in vain wakes nobody again.
SteadyTime Machine::next_step(SteadyTime now) const {
  SteadyTime next = now + poll_interval;
  const auto come_by = [&](std::optional<SteadyTime> due) {
    if (due && *due > now) next = std::min(next, *due);
  };
  if (own_) come_by(own_->next());
  for (const auto& [key, role] : peers_) {
    const auto* peer = std::get_if<DirectPeer>(&role);
    if (peer == nullptr) continue;
    if (peer->state() == DirectPeer::State::punching || peer->state() == DirectPeer::State::suspect)
      next = std::min(next, now + punching_poll_interval);
    come_by(peer->next_step());
  }
  return next;
}

}  // namespace updater
