#pragma once

#include <asio/io_context.hpp>
#include <asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/expected.hpp"
#include "dnsd/observe/interface_rules.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/state/state_store.hpp"
#include "wg/device.hpp"

namespace dnsd {

/// The WireGuard interfaces as sources of the observatory: reads them on threads of its own, and
/// takes what they say into the registry. Every call and callback is on the thread of `io`; what
/// other threads complete holds this weakly, so it is made with std::make_shared.
class InterfaceSources : public std::enable_shared_from_this<InterfaceSources> {
 public:
  using ReadDevice =
      std::function<base::Expected<wg::Device, wg::DeviceError>(const std::string& name)>;

  struct Interface {
    enum class State : std::uint8_t { unread, readable, lost };

    SourceId id{};
    std::string name;
    InterfaceRules rules;
    State state = State::unread;
    std::string problem;     // why it is lost
    bool known = false;      // read once, or restored
    bool in_flight = false;  // being read on another thread
  };

  /// \param io, registry outlive this. \param read_device called on other threads, for one
  /// interface not twice at a time. \param taken the registry got a part of what an interface says;
  /// it may have touched peers.
  InterfaceSources(asio::io_context& io, Registry& registry, ReadDevice read_device,
                   std::function<void(base::Now now)> taken);

  /// Exactly these from now on. \param draw_id the id of a saved name, the same each time.
  /// \return the saved names of those that are gone
  [[nodiscard]] std::vector<std::string> configure(
      const std::vector<std::string>& configured,
      const std::function<SourceId(const std::string& saved_name)>& draw_id);
  /// In configuration order.
  [[nodiscard]] const std::vector<std::shared_ptr<Interface>>& all() const { return interfaces_; }
  /// \return empty: no interface has this id.
  [[nodiscard]] std::string name_of(SourceId id) const;
  /// Whether each was read once, or restored.
  [[nodiscard]] bool are_known() const;

  /// What an earlier run saved of one. \param each called after each of its peers. \return false:
  /// not a configured interface.
  bool restore(const StateStore::SavedSource& saved, StateStore& store, base::Now now,
               const std::function<void()>& each);
  /// Reads those that are not being read already.
  void poll();
  /// What is being read is not taken any more.
  void stop() { stopped_ = true; }

  /// Besides the sightings, which the registry keeps.
  [[nodiscard]] bool has_unsaved() const { return !unsaved_.empty(); }
  void mark_all_unsaved();
  /// What of a batch that was not written is theirs is unsaved again.
  void mark_unsaved(const StateStore::Batch& batch);
  /// Adds what is unsaved. \param names gets the saved name of each id
  void take_unsaved(StateStore::Batch& batch, std::map<SourceId, std::string>& names);

 private:
  /// What one poll brought, taken in slices: a million peers do not hold this thread.
  struct Poll {
    base::Now now{};
    std::size_t peers = 0;
    InterfaceRules::Update update;
    std::size_t taken = 0;  // of all that is in `update`
  };

  [[nodiscard]] static std::string saved_name(const std::string& interface);
  [[nodiscard]] std::shared_ptr<Interface> find_or_make(
      const std::string& name,
      const std::function<SourceId(const std::string& saved_name)>& draw_id);
  void read(const std::shared_ptr<Interface>& interface);
  void take(const std::shared_ptr<Interface>& interface, const std::shared_ptr<Poll>& poll);
  void finish(Interface& interface, const Poll& poll);
  static void lose(Interface& interface, const wg::DeviceError& error);

  asio::io_context& io_;
  Registry& registry_;
  ReadDevice read_device_;
  std::function<void(base::Now now)> taken_;
  std::vector<std::shared_ptr<Interface>> interfaces_;  // in configuration order
  std::vector<SourceId> unsaved_;                       // that are not on disk, or their own key
  bool stopped_ = false;
  asio::thread_pool pool_;  // last: its threads end before what they were given
};

}  // namespace dnsd
