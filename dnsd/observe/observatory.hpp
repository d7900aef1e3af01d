#pragma once

#include <asio/io_context.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/host/host_addresses.hpp"
#include "dnsd/observe/interface_sources.hpp"
#include "dnsd/observe/own_places.hpp"
#include "dnsd/observe/point_sources.hpp"
#include "dnsd/observe/sightings.hpp"
#include "dnsd/observe/source_status.hpp"
#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/registry/publisher.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/state/saver.hpp"
#include "dnsd/state/state_store.hpp"

namespace dnsd {

/// The observing half of the daemon: owns everything between what is observed and the peer table,
/// ties it together, and hands the configuration to it.
///
///     InterfaceSources ─┐               ┌─▶ Publisher ─▶ PeerTable, PtrLists, Serial
///                       ├─▶ Registry ───┤
///     PointSources ─────┘               └─▶ Saver ─▶ StateStore
///
/// Lives on the control thread: every call is on the thread of `io`. Devices, the disk and the
/// points' sockets are waited for on threads of the parts' own; what those complete runs on `io`.
class Observatory : public SightingReader {
 public:
  using ReadDevice = InterfaceSources::ReadDevice;

  /// All references outlive the observatory. \param inner gets the packets inside the points'
  /// tunnels, on the points' threads: what it uses outlives the observatory too. \param read_device
  /// called on other threads, for one interface not twice at a time.
  Observatory(asio::io_context& io, PeerTable& peers, LiveState& live, StateStore& store,
              InnerHandler inner, ReadDevice read_device = wg::read_device);
  /// Waits for a device that is being read. What is unsaved is lost unless stop() was called.
  ~Observatory() override = default;
  Observatory(const Observatory&) = delete;
  Observatory& operator=(const Observatory&) = delete;

  /// Puts the configured peers and the saved state into the table, then begins to poll, and opens
  /// the points. What was saved is served, stale until seen again, from the first answer on. Blocks
  /// while it loads. \error one sentence: a point could not be opened. All else works.
  [[nodiscard]] base::Expected<void, std::string> start(const Config& config);
  /// Applies a new configuration by difference: observations of peers and sources that stay are
  /// kept, and points that stay keep their sessions. Counts as a change of content. \error as
  /// start()
  [[nodiscard]] base::Expected<void, std::string> reload(const Config& config);
  /// A peer that is configured now and that reload(next) would remove, although the operator may
  /// not have meant it: what is wrong in the files of peers cost it, or one that cannot be told.
  /// \param running what is in force now.
  [[nodiscard]] std::optional<wg::PublicKey> lost_by(const Config& next,
                                                     const Config& running) const;
  /// Where this host is reached, for its own keys: its addresses, and the zone's name servers. Call
  /// it before start() and reload().
  void set_host(HostAddresses host, std::vector<NameServer> name_servers);
  /// The same when they have changed meanwhile.
  void follow_host(HostAddresses host, std::vector<NameServer> name_servers);
  /// Where others reach what listens there on this host.
  [[nodiscard]] std::optional<base::Endpoint> reached_at(const base::Endpoint& listen) const {
    return own_places_.reached_at(listen);
  }
  /// What the zone says apart from the peers was replaced: a change of content like any other.
  void content_changed() { publisher_->content_changed(); }
  /// Names of peers that survive a restart: Saver::keep_names().
  void keep_names(PeerNames names) { saver_->keep_names(std::move(names)); }
  std::optional<KnownName> keep_name(const wg::PublicKey& key, std::optional<KnownName> name) {
    return saver_->keep_name(key, std::move(name));
  }
  [[nodiscard]] const PeerNames& names() const { return saver_->names(); }
  /// Saves what is not yet saved. Nothing is polled or received afterwards.
  void stop();

  [[nodiscard]] const PointSources& points() const { return *points_; }
  [[nodiscard]] ObservatoryStatus status() const;
  /// Where each source saw a peer.
  [[nodiscard]] PeerSightings sightings(const wg::PublicKey& key) const override;

 private:
  void configure(const Config& config, Publisher::Voice voice);
  void restore(base::Now now);

  PeerTable& peers_;
  StateStore& store_;
  std::size_t configured_peers_ = 0;

  // Each refers to those above it, and ends before them. Shared only with their own handlers.
  Registry registry_;
  OwnPlaces own_places_{registry_};
  const std::shared_ptr<Publisher> publisher_;
  const std::shared_ptr<Saver> saver_;
  const std::shared_ptr<InterfaceSources> interfaces_;
  const std::shared_ptr<PointSources> points_;
};

}  // namespace dnsd
