#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/expected.hpp"
#include "dnsd/observe/interface_rules.hpp"
#include "dnsd/observe/own_places.hpp"
#include "dnsd/observe/source_status.hpp"
#include "dnsd/registry/publisher.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/state/saver.hpp"
#include "dnsd/state/state_store.hpp"
#include "wg/device.hpp"

namespace dnsd {

/// The WireGuard interfaces as sources: reads each at every poll interval, on threads of its own,
/// and takes what they say into the registry, in slices. Every call and every completion is on the
/// thread of `io`. Timers and completions hold this weakly, so it is made with std::make_shared.
class InterfaceSources : public std::enable_shared_from_this<InterfaceSources> {
 public:
  using ReadDevice =
      std::function<base::Expected<wg::Device, wg::DeviceError>(const std::string& name)>;

  /// All references outlive this. \param read_device called on other threads, for one interface not
  /// twice at a time.
  InterfaceSources(asio::io_context& io, Registry& registry, Publisher& publisher, Saver& saver,
                   OwnPlaces& own_places, ReadDevice read_device);

  /// Replaces the list of interfaces to read. \param place_files Config::place_files
  void configure(const std::vector<std::string>& configured, std::vector<std::string> place_files);
  /// In configuration order.
  [[nodiscard]] std::vector<SourceId> ids() const;
  /// In configuration order.
  [[nodiscard]] std::vector<SourceStatus> status() const;
  /// Registry::settle_blocks(), with a warning for each, if each interface was read or tried in
  /// this run. The caller publishes.
  void settle_blocks();
  /// Tells the publisher if each interface was read once, or restored.
  void announce_ready();

  /// Takes what an earlier run saved of one source. \return false: not a configured interface.
  [[nodiscard]] bool restore(const StateStore::SavedSource& saved, StateStore& store,
                             base::Now now);
  /// Reads all of them now, and again after each `interval`. One that is still being read is left
  /// out.
  void poll_every(std::chrono::milliseconds interval);
  /// Stops polling. A reading that is under way is dropped.
  void stop();

 private:
  struct Interface {
    enum class State : std::uint8_t { unread, readable, lost };

    SourceId id{};
    std::string name;
    InterfaceRules rules;  // while in_flight: of the thread that reads
    State state = State::unread;
    std::string problem;     // why it is lost
    bool known = false;      // read once, or restored
    bool in_flight = false;  // being read on another thread
  };

  /// What one poll brought, taken in slices: a million peers do not hold this thread.
  struct Poll {
    base::Now now{};
    std::size_t peers = 0;
    InterfaceRules::Update update;
    std::size_t taken = 0;  // of all that is in `update`
  };

  [[nodiscard]] std::shared_ptr<Interface> find_or_make(const std::string& name);
  /// The interface, if what was read of it may be taken. nullptr: a reload dropped it, or stop()
  /// was called. The thread that read it can still hold a dropped one.
  [[nodiscard]] std::shared_ptr<Interface> still_configured(
      const std::weak_ptr<Interface>& interface) const;
  void poll();
  void read(const std::shared_ptr<Interface>& interface);
  void take(const std::shared_ptr<Interface>& interface, const std::shared_ptr<Poll>& poll);
  void finish(Interface& interface, const Poll& poll);
  void lose(Interface& interface, const wg::DeviceError& error);

  asio::io_context& io_;
  Registry& registry_;
  Publisher& publisher_;
  Saver& saver_;
  OwnPlaces& own_places_;
  const ReadDevice read_device_;
  std::vector<std::shared_ptr<Interface>> interfaces_;  // in configuration order
  std::vector<std::string> place_files_;
  std::chrono::milliseconds poll_interval_{};
  asio::steady_timer poll_timer_;
  bool stopped_ = false;
  // Made when a device is read first. Last: its threads end before what they use.
  std::optional<asio::thread_pool> pool_;
};

}  // namespace dnsd
