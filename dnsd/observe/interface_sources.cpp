#include "dnsd/observe/interface_sources.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

namespace dnsd {
namespace {

/// Interfaces that are read at the same time; one whose process hangs holds a thread for 2 s.
constexpr std::size_t device_threads = 4;

/// Peers of one poll that are taken in one go.
constexpr std::size_t taken_at_once = 4096;

}  // namespace

InterfaceSources::InterfaceSources(asio::io_context& io, Registry& registry, ReadDevice read_device,
                                   std::function<void(base::Now now)> taken)
    : io_(io),
      registry_(registry),
      read_device_(std::move(read_device)),
      taken_(std::move(taken)),
      pool_(device_threads) {}

// Configuration

std::vector<std::string> InterfaceSources::configure(
    const std::vector<std::string>& configured,
    const std::function<SourceId(const std::string& saved_name)>& draw_id) {
  std::vector<std::shared_ptr<Interface>> interfaces;
  interfaces.reserve(configured.size());
  for (const std::string& name : configured) interfaces.push_back(find_or_make(name, draw_id));
  std::vector<std::string> gone;
  for (const auto& old : interfaces_) {
    if (std::find(interfaces.begin(), interfaces.end(), old) == interfaces.end())
      gone.push_back(saved_name(old->name));
  }
  interfaces_ = std::move(interfaces);
  return gone;
}

std::shared_ptr<InterfaceSources::Interface> InterfaceSources::find_or_make(
    const std::string& name,
    const std::function<SourceId(const std::string& saved_name)>& draw_id) {
  for (const auto& interface : interfaces_) {
    if (interface->name == name) return interface;
  }
  auto interface = std::make_shared<Interface>();
  interface->id = draw_id(saved_name(name));
  interface->name = name;
  unsaved_.push_back(interface->id);
  return interface;
}

std::string InterfaceSources::saved_name(const std::string& interface) {
  return "interface:" + interface;
}

std::string InterfaceSources::name_of(SourceId id) const {
  const auto found = std::find_if(interfaces_.begin(), interfaces_.end(),
                                  [&](const auto& interface) { return interface->id == id; });
  return found == interfaces_.end() ? std::string() : (*found)->name;
}

bool InterfaceSources::are_known() const {
  return std::all_of(interfaces_.begin(), interfaces_.end(),
                     [](const auto& interface) { return interface->known; });
}

// Polls

void InterfaceSources::poll() {
  for (const auto& interface : interfaces_) {
    if (!interface->in_flight) read(interface);
  }
}

/// While it is in flight, the rules of the interface belong to the other thread.
void InterfaceSources::read(const std::shared_ptr<Interface>& interface) {
  interface->in_flight = true;
  asio::post(pool_, [weak = weak_from_this(), interface, &io = io_, read_device = read_device_] {
    auto result = read_device(interface->name);
    base::Expected<Poll, wg::DeviceError> poll = Poll{};
    if (result) {
      poll->now = base::read_clock();
      poll->peers = result->peers.size();
      poll->update = interface->rules.update(*result, poll->now);
    } else {
      poll = base::Unexpected(result.error());
    }
    // Shared: a handler must be copyable.
    asio::post(io, [weak, weak_interface = std::weak_ptr(interface),
                    poll = std::make_shared<decltype(poll)>(std::move(poll))] {
      const auto self = weak.lock();
      const auto read_interface = weak_interface.lock();  // none: the reload dropped it
      if (!self || !read_interface || self->stopped_) return;
      if (*poll) {
        self->take(read_interface, std::shared_ptr<Poll>(poll, &**poll));
      } else {
        read_interface->in_flight = false;
        self->lose(*read_interface, poll->error());
      }
    });
  });
}

void InterfaceSources::take(const std::shared_ptr<Interface>& interface,
                            const std::shared_ptr<Poll>& poll) {
  const InterfaceRules::Update& update = poll->update;
  if (poll->taken == 0 && registry_.own_key(interface->id) != update.own_key) {
    registry_.set_own_key(interface->id, update.own_key);
    unsaved_.push_back(interface->id);
  }
  const std::size_t seen_at = update.listed.size();
  const std::size_t gone_at = seen_at + update.seen.size();
  const std::size_t all = gone_at + update.gone.size();
  const std::size_t end = std::min(all, poll->taken + taken_at_once);
  for (; poll->taken < end; ++poll->taken) {
    const std::size_t i = poll->taken;
    if (i < seen_at) {
      registry_.list(interface->id, update.listed[i].key, update.listed[i].allowed_ips);
    } else if (i < gone_at) {
      const auto& seen = update.seen[i - seen_at];
      registry_.observe(interface->id, seen.key, seen.observation, poll->now);
    } else {
      registry_.unlist(interface->id, update.gone[i - gone_at]);
    }
  }
  if (end < all) {
    taken_(poll->now);
    asio::post(io_, [weak = weak_from_this(), weak_interface = std::weak_ptr(interface), poll] {
      const auto self = weak.lock();
      const auto taken = weak_interface.lock();
      if (self && taken && !self->stopped_) self->take(taken, poll);
    });
    return;
  }
  interface->in_flight = false;
  finish(*interface, *poll);
}

void InterfaceSources::finish(Interface& interface, const Poll& poll) {
  interface.known = true;
  registry_.tick(poll.now);
  if (interface.state != Interface::State::readable)
    spdlog::info("{}: {} with {} peers", interface.name,
                 interface.state == Interface::State::lost ? "readable again" : "observed",
                 poll.peers);
  interface.state = Interface::State::readable;
  interface.problem.clear();
  taken_(poll.now);
}

/// What was known stays, and ages.
void InterfaceSources::lose(Interface& interface, const wg::DeviceError& error) {
  interface.problem = error.message;
  if (std::exchange(interface.state, Interface::State::lost) == Interface::State::lost) return;
  spdlog::warn("{}; what was known of its peers stays, and it is tried again", error.message);
}

// State

bool InterfaceSources::restore(const StateStore::SavedSource& saved, StateStore& store,
                               base::Now now, const std::function<void()>& each) {
  const auto found = std::find_if(
      interfaces_.begin(), interfaces_.end(),
      [&](const auto& interface) { return saved_name(interface->name) == saved.name; });
  if (found == interfaces_.end()) return false;
  Interface& interface = **found;
  std::size_t count = 0;
  store.load_peers(saved.name, [&](const SavedPeer& peer) {
    interface.rules.restore(peer, now);
    registry_.restore(interface.id, peer, now);
    ++count;
    each();
  });
  registry_.set_own_key(interface.id, saved.own_key);
  interface.known = true;
  spdlog::info("{}: {} peers known from the last run", interface.name, count);
  return true;
}

void InterfaceSources::mark_all_unsaved() {
  for (const auto& interface : interfaces_) unsaved_.push_back(interface->id);
}

void InterfaceSources::mark_unsaved(const StateStore::Batch& batch) {
  for (const auto& interface : interfaces_) {
    const std::string name = saved_name(interface->name);
    for (const StateStore::SavedRow& row : batch.peers) {
      if (row.source == name) registry_.mark_unsaved({interface->id, row.key});
    }
    for (const StateStore::SavedSource& saved : batch.sources) {
      if (saved.name == name) unsaved_.push_back(interface->id);
    }
  }
}

void InterfaceSources::take_unsaved(StateStore::Batch& batch,
                                    std::map<SourceId, std::string>& names) {
  for (const auto& interface : interfaces_) {
    const std::string name = names[interface->id] = saved_name(interface->name);
    std::erase(batch.forgotten_sources, name);  // a later reload brought it back
  }
  for (const SourceId id : std::exchange(unsaved_, {})) {
    if (names.contains(id)) batch.sources.push_back({names[id], registry_.own_key(id)});
  }
}

}  // namespace dnsd
