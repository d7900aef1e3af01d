#pragma once

#include <asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/observe/sightings.hpp"
#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/registry/observation.hpp"
#include "dnsd/settings/config.hpp"
#include "wg/device.hpp"

namespace dnsd {

class StateStore;
struct PointMemory;
struct PointReport;

/// For `wg-dnsd status`.
struct SourceStatus {
  std::string name;       ///< wg0
  bool readable = false;  ///< the last poll succeeded
  std::string problem;    ///< why not; empty: readable, or not polled yet
  std::size_t peers = 0;  ///< that it lists, or listed when it was last readable
};
struct ObservatoryStatus {
  std::vector<SourceStatus> sources;  ///< in configuration order
  std::size_t peers = 0;              ///< registered
  std::uint32_t serial = 0;
  std::size_t public_list_cut = 0;   ///< peers that list-max keeps out of the public PTR list
  std::size_t private_list_cut = 0;  ///< and of the private one
  bool durable = false;              ///< state survives a restart
};

/// Everything between the sources and the peer table: polls the interfaces, applies the rules of
/// design §3, remembers what was confirmed, writes the table, keeps the PTR lists, steps the
/// serial. Lives on the control thread: every call and every completion handler runs on `io`;
/// devices and the disk are waited for on threads of its own.
///
///     InterfaceSources ─┐
///                       ├─▶ Registry ─▶ PeerTable, PtrLists, Serial
///     PointSources ─────┘      │
///                              └──────▶ StateStore
class Observatory : public SightingReader {
 public:
  using ReadDevice =
      std::function<base::Expected<wg::Device, wg::DeviceError>(const std::string& name)>;

  /// All references outlive the observatory, `config` the call of start(). \param read_device
  /// called on other threads, for one interface not twice at a time.
  Observatory(asio::io_context& io, const Config& config, PeerTable& peers, LiveState& live,
              StateStore& store, ReadDevice read_device = wg::read_device);
  /// Waits for a device that is being read. What is unsaved is lost unless stop() was called.
  ~Observatory() override;
  Observatory(const Observatory&) = delete;
  Observatory& operator=(const Observatory&) = delete;

  /// Puts the configured peers and the saved state into the table, then begins to poll. What was
  /// saved is served, stale until seen again, from the first answer on. Blocks while it loads.
  void start();
  /// Applies a new configuration by difference: observations of peers and interfaces that stay are
  /// kept. Another state-dir counts from the next start.
  void reload(const Config& config);
  /// The zone itself was replaced (reload): a change of content like any other.
  void content_changed();
  /// What an earlier run of a configured built-in point left; after start(), or after the reload()
  /// that brought the point. It is there once.
  [[nodiscard]] PointMemory take_memory(const base::Endpoint& point);
  /// A point's own key: published with role=hub. \return the key that an earlier run had.
  [[nodiscard]] std::optional<wg::PublicKey> point_key(const base::Endpoint& point) const;
  void set_point_key(const base::Endpoint& point, const wg::PublicKey& key);
  /// What a point has learnt. A point that is not configured any more is not listened to.
  void take(const base::Endpoint& point, const PointReport& report);
  /// Saves what is not yet saved. Nothing is polled afterwards.
  void stop();

  [[nodiscard]] ObservatoryStatus status() const;
  /// Where each source saw a peer.
  [[nodiscard]] PeerSightings sightings(const wg::PublicKey& key) const override;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // completions of other threads hold it weakly
};

}  // namespace dnsd
