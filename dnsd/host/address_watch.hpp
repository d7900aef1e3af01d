#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "base/interfaces.hpp"

namespace dnsd {

/// Reports when the addresses of this host have changed. Addresses change in bursts (a whole
/// interface comes up), so it waits for the burst to end and reports once. Lives on the thread of
/// `io`; its handlers must not run after it is gone.
class AddressWatch {
 public:
  /// \param changed called on the thread of `io`.
  AddressWatch(asio::io_context& io, std::function<void()> changed)
      : changed_(std::move(changed)), descriptor_(io), settling_(io) {}

  /// Begins to watch. If that cannot be done, the log says so, and `changed` is never called.
  void start();

 private:
  void wait();
  void settle();

  std::function<void()> changed_;
  std::optional<base::InterfaceWatch> watch_;
  asio::posix::stream_descriptor descriptor_;  // a duplicate: it closes what it holds
  asio::steady_timer settling_;
};

}  // namespace dnsd
