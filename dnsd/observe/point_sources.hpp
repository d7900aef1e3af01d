#pragma once

#include <asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/expected.hpp"
#include "dnsd/observe/own_places.hpp"
#include "dnsd/point/inner_packet.hpp"
#include "dnsd/point/observation_point.hpp"
#include "dnsd/point/peer_oddity.hpp"
#include "dnsd/point/trial_budget.hpp"
#include "dnsd/registry/publisher.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/state/saver.hpp"
#include "dnsd/state/state_store.hpp"

namespace dnsd {

/// The built-in observation points as sources: opens and closes them as the configuration says,
/// each with the configured peers, and takes what they report into the registry. What must survive
/// a restart besides (own key, timestamps) goes to the saver.
///
/// A configuration is two calls, because an opened point speaks to its peers at once: configure(),
/// then open() when the registry knows the same configuration, and at the start what was restored.
///
/// Every call is on the thread of `io`. The points' threads only post their reports; they are
/// handled on the thread of `io`, too. Posted reports hold this weakly, so it is made with
/// std::make_shared.
class PointSources : public std::enable_shared_from_this<PointSources> {
 public:
  /// All references outlive this. \param inner called on the points' threads
  PointSources(asio::io_context& io, Registry& registry, Publisher& publisher, Saver& saver,
               OwnPlaces& own_places, InnerHandler inner);
  PointSources(const PointSources&) = delete;
  PointSources& operator=(const PointSources&) = delete;

  /// Replaces the list of points. Closes points that are gone.
  void configure(const std::vector<ConfiguredPoint>& configured);
  /// Takes what an earlier run saved of one source. Call it before open(). \return false: not a
  /// configured point.
  [[nodiscard]] bool restore(const StateStore::SavedSource& saved, StateStore& store,
                             base::Now now);
  /// Opens those that are not open, and gives all of them the configured peers. Points that stay
  /// keep their sessions. \error one sentence; what could be done is done.
  [[nodiscard]] base::Expected<void, std::string> open(const Config& config);
  /// Closes all of them. Reports that were not taken yet are dropped.
  void stop();

  /// Of the configured points, open or not. In configuration order.
  [[nodiscard]] std::vector<SourceId> ids() const;
  /// Those that are open, in configuration order. The pointers are valid until the next
  /// configure(), open() or stop().
  [[nodiscard]] std::vector<const ObservationPoint*> opened() const;
  /// Which peers behave oddly at any of them.
  [[nodiscard]] PeerOddities oddities() const;
  /// Forgets the newest timestamp of a peer whose clock was set back.
  void reset_peer(const wg::PublicKey& key) const;

 private:
  struct Entry {
    SourceId id{};
    ConfiguredPoint settings;
    PointMemory memory;                       // of the last run, until it is opened
    std::unique_ptr<ObservationPoint> point;  // null: not opened, or it could not be
  };

  [[nodiscard]] base::Expected<void, std::string> open(Entry& entry, const Config& config);
  void publish_relays(const Config& config);
  void restore_routes(Entry& entry, StateStore& store, base::Now now);
  void take(SourceId id, const PointReport& report);
  void take_routes(SourceId id, const PointReport& report, base::Now now);

  asio::io_context& io_;
  Registry& registry_;
  Publisher& publisher_;
  Saver& saver_;
  OwnPlaces& own_places_;
  const InnerHandler inner_;
  TrialBudget trial_budget_;
  std::vector<Entry> points_;  // in configuration order
};

}  // namespace dnsd
