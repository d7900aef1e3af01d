#pragma once

#include <fcntl.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <system_error>
#include <utility>

#include "base/file_descriptor.hpp"

namespace dnsd {

/// Tells when a socket can be read. For the thread of the io_context.
class SocketWatch {
 public:
  /// \param fd borrowed
  SocketWatch(asio::io_context& io, int fd) : watched_(io, ::fcntl(fd, F_DUPFD_CLOEXEC, 0)) {}

  /// Calls `handler` once, when there is something to read.
  template <typename Handler>
  void wait(Handler handler) {
    if (paused_) watched_.assign(paused_.release());
    watched_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [handler = std::move(handler)](const std::error_code& ec) mutable {
                          if (!ec) handler();
                        });
  }

  /// Until the next wait(), which is not under way. While datagrams wait anyway, nobody has to be
  /// told of them, and a socket that is watched also reports each datagram that leaves: 2 to 5 % of
  /// what it costs to pass one on.
  void pause() {
    if (watched_.is_open()) paused_ = base::FileDescriptor(watched_.release());
  }

 private:
  asio::posix::stream_descriptor watched_;
  base::FileDescriptor paused_;  // of watched_, while it is not watched
};

}  // namespace dnsd
