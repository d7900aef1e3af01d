#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "dnsd/config.hpp"
#include "dnsd/live_state.hpp"
#include "dnsd/peer_table.hpp"

namespace dnsd {

class StateStore;

/// Everything between the sources and the peer table: polls the interfaces, applies the rules of
/// design §3, remembers what was confirmed, writes the table, keeps the PTR lists, steps the
/// serial. Lives on the control thread: every call and every completion handler runs on `io`.
class Observatory {
 public:
  /// All references outlive the observatory.
  Observatory(asio::io_context& io, const Config& config, PeerTable& peers, LiveState& live,
              StateStore& store);
  ~Observatory();

  /// Puts the configured peers and the saved state into the table, then begins to poll. What was
  /// saved is served, stale until seen again, from the first answer on.
  void start();
  /// Applies a new configuration by difference: observations of peers and interfaces that stay are
  /// kept.
  void reload(const Config& config);
  /// The zone itself was replaced (reload): a change of content like any other.
  void content_changed();
  /// Saves what is not yet saved. Nothing is polled afterwards.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace dnsd
