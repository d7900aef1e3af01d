#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "updater/plan/plan.hpp"
#include "wg/device.hpp"

namespace updater {

/// Looks at peers of one device every 1 to 2 ms, and tells where WireGuard's roaming takes them,
/// if only for a moment (doc/protocol.md §4.14). On a thread of its own, which reads only while
/// there is something to watch.
class EndpointWatch {
 public:
  using Done = std::function<void(const wg::PublicKey& peer, const base::Endpoint& endpoint)>;

  /// Reads the device; nullopt: it cannot be read now. Called on the watch's thread.
  using Read = std::function<std::optional<wg::Device>()>;

  /// \param done is called from the io_context, never from inside a call of the watch. \param
  /// context outlives the watch.
  EndpointWatch(asio::io_context& context, Read read, Done done);
  /// Waits for a reading that is under way.
  ~EndpointWatch();
  EndpointWatch(const EndpointWatch&) = delete;
  EndpointWatch& operator=(const EndpointWatch&) = delete;

  /// Watches these from now on, instead of those before; empty: nothing. The same place of a peer
  /// is told once, until it was elsewhere.
  void follow(std::vector<WatchRequest> requests);
  /// Call it when the device was written to: what was read before is not told any more.
  void forget();

 private:
  class Reader;
  std::shared_ptr<Reader> reader_;
};

}  // namespace updater
