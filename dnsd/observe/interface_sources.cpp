#include "dnsd/observe/interface_sources.hpp"

// A poll on its way: poll() on the thread of `io` ─▶ read() ─▶ the device and InterfaceRules, on a
// thread of `pool_` ─▶ take(), in slices, and finish() on the thread of `io` again. The rules of
// what is seen at an interface are in interface_rules; which source counts is decided in the
// registry.

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <asio/post.hpp>
#include <system_error>
#include <utility>

#include "dnsd/observe/lost_blocks.hpp"

namespace dnsd {
namespace {

/// Interfaces that are read at the same time; one whose process hangs holds a thread for 2 s.
constexpr std::size_t device_threads = 4;

/// Peers of one poll that are taken in one go.
constexpr std::size_t taken_at_once = 4096;

/// Where WireGuard listens: on all addresses of both families.
std::vector<base::Endpoint> listening_at(base::Port port) {
  if (port == base::Port{0}) return {};  // not chosen yet
  return {{base::IpAddress(std::array<std::uint8_t, 4>{}), port},
          {base::IpAddress(std::array<std::uint8_t, 16>{}), port}};
}

}  // namespace

InterfaceSources::InterfaceSources(asio::io_context& io, Registry& registry, Publisher& publisher,
                                   Saver& saver, OwnPlaces& own_places, ReadDevice read_device)
    : io_(io),
      registry_(registry),
      publisher_(publisher),
      saver_(saver),
      own_places_(own_places),
      read_device_(std::move(read_device)),
      poll_timer_(io) {}

// Configuration

void InterfaceSources::configure(const std::vector<std::string>& configured,
                                 std::vector<std::string> place_files) {
  place_files_ = std::move(place_files);
  std::vector<std::shared_ptr<Interface>> interfaces;
  interfaces.reserve(configured.size());
  for (const std::string& name : configured) interfaces.push_back(find_or_make(name));
  for (const auto& old : interfaces_) {
    if (std::find(interfaces.begin(), interfaces.end(), old) != interfaces.end()) continue;
    saver_.forget_source(old->id);
    own_places_.listen(old->id, {});
  }
  interfaces_ = std::move(interfaces);
}

std::shared_ptr<InterfaceSources::Interface> InterfaceSources::find_or_make(
    const std::string& name) {
  for (const auto& interface : interfaces_) {
    if (interface->name == name) return interface;
  }
  auto interface = std::make_shared<Interface>();
  interface->id = registry_.source_id("interface:" + name);
  interface->name = name;
  saver_.add_source(interface->id);
  return interface;
}

std::shared_ptr<InterfaceSources::Interface> InterfaceSources::still_configured(
    const std::weak_ptr<Interface>& interface) const {
  const auto found = interface.lock();
  const bool is_known =
      std::find(interfaces_.begin(), interfaces_.end(), found) != interfaces_.end();
  return is_known && !stopped_ ? found : nullptr;
}

std::vector<SourceId> InterfaceSources::ids() const {
  std::vector<SourceId> result;
  result.reserve(interfaces_.size());
  for (const auto& interface : interfaces_) result.push_back(interface->id);
  return result;
}

std::vector<SourceStatus> InterfaceSources::status() const {
  std::vector<SourceStatus> result;
  result.reserve(interfaces_.size());
  for (const auto& interface : interfaces_)
    result.push_back({interface->name, interface->state == Interface::State::readable,
                      interface->problem, registry_.listed_by(interface->id)});
  return result;
}

void InterfaceSources::announce_ready() {
  if (std::all_of(interfaces_.begin(), interfaces_.end(),
                  [](const auto& interface) { return interface->known; }))
    publisher_.set_ready();
}

void InterfaceSources::settle_blocks() {
  const bool is_one_untried = std::any_of(
      interfaces_.begin(), interfaces_.end(),
      [](const auto& interface) { return interface->state == Interface::State::unread; });
  if (is_one_untried) return;
  for (const std::string& warning : warnings_of(registry_.settle_blocks(), registry_, place_files_))
    spdlog::warn("{}", warning);
}

bool InterfaceSources::restore(const StateStore::SavedSource& saved, StateStore& store,
                               base::Now now) {
  const SourceId id = registry_.source_id(saved.name);
  const auto found = std::find_if(interfaces_.begin(), interfaces_.end(),
                                  [&](const auto& interface) { return interface->id == id; });
  if (found == interfaces_.end()) return false;
  Interface& interface = **found;
  ChunkedLoad load(publisher_, now.steady, Publisher::Voice::quiet);
  store.load_peers(saved.name, [&](const SavedPeer& peer) {
    interface.rules.restore(peer, now);
    registry_.restore(id, peer, now);
    if (load.add()) spdlog::info("{}: {} peers known so far", saved.name, load.count());
  });
  registry_.set_own_key(id, saved.own_key);
  registry_.note_read(id);
  interface.known = true;
  spdlog::info("{}: {} peers known from the last run", interface.name, load.count());
  return true;
}

// Polls

void InterfaceSources::poll_every(std::chrono::milliseconds interval) {
  poll_interval_ = interval;
  poll();
}

void InterfaceSources::poll() {
  if (stopped_) return;
  for (const auto& interface : interfaces_) {
    if (!interface->in_flight) read(interface);
  }
  poll_timer_.expires_after(poll_interval_);
  poll_timer_.async_wait([weak = weak_from_this()](std::error_code ec) {
    const auto self = weak.lock();
    if (!ec && self) self->poll();
  });
}

void InterfaceSources::stop() {
  stopped_ = true;
  poll_timer_.cancel();
}

void InterfaceSources::read(const std::shared_ptr<Interface>& interface) {
  interface->in_flight = true;
  if (!pool_) pool_.emplace(device_threads);
  asio::post(*pool_, [weak = weak_from_this(), interface, &io = io_, read_device = read_device_] {
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
      const auto read_interface = self ? self->still_configured(weak_interface) : nullptr;
      if (!read_interface) return;
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
    saver_.note_own_key(interface->id);
  }
  if (poll->taken == 0) own_places_.listen(interface->id, listening_at(update.listen_port));
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
    publisher_.publish(poll->now.steady, Publisher::Voice::aloud);
    asio::post(io_, [weak = weak_from_this(), weak_interface = std::weak_ptr(interface), poll] {
      const auto self = weak.lock();
      const auto taken = self ? self->still_configured(weak_interface) : nullptr;
      if (taken) self->take(taken, poll);
    });
    return;
  }
  interface->in_flight = false;
  finish(*interface, *poll);
}

void InterfaceSources::finish(Interface& interface, const Poll& poll) {
  interface.known = true;
  registry_.note_read(interface.id);
  registry_.tick(poll.now);
  if (interface.state != Interface::State::readable)
    spdlog::info("{}: {} with {} peers", interface.name,
                 interface.state == Interface::State::lost ? "readable again" : "observed",
                 poll.peers);
  interface.state = Interface::State::readable;
  interface.problem.clear();
  settle_blocks();
  publisher_.publish(poll.now.steady, Publisher::Voice::aloud);
  announce_ready();
}

/// What was known is kept, and ages.
void InterfaceSources::lose(Interface& interface, const wg::DeviceError& error) {
  interface.problem = error.message;
  if (std::exchange(interface.state, Interface::State::lost) == Interface::State::lost) return;
  spdlog::warn("{}; what was known of its peers stays, and it is tried again", error.message);
  settle_blocks();  // this may have been the last one that was not tried
  publisher_.publish(base::read_steady(), Publisher::Voice::aloud);
}

}  // namespace dnsd
