#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>

#include "base/file_descriptor.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/serve/loop_guard.hpp"
#include "dnsd/serve/served.hpp"

namespace dnsd {

/// Buffers for one batch of queries and their replies. One per answer thread; its sockets use it in
/// turn.
class UdpBatch {
 public:
  UdpBatch();
  ~UdpBatch();

 private:
  friend class UdpServer;
  class Buffers;
  std::unique_ptr<Buffers> buffers_;
};

/// Answers the datagrams of one socket, in batches. Held by shared_ptr: a wait that is under way
/// keeps it alive. Everything happens on the thread of `io`.
///
/// A reply leaves from the address that was asked. A socket bound to one address does that by
/// itself; on a wildcard socket each reply names its source address, and for a link-local one its
/// interface. Datagrams sent to a broadcast or multicast address get no reply, nor do those from
/// port 0 or from one of our own listeners. A reply that the kernel does not take at once is
/// dropped: the client asks again.
///
/// Under load the socket is taken out of epoll and polled: while it is watched, each reply sent
/// costs the kernel a wake-up check, half of our own work.
class UdpServer : public std::enable_shared_from_this<UdpServer> {
 public:
  /// \param socket bound, non-blocking, one of ListenSockets. The references outlive the server.
  UdpServer(asio::io_context& io, base::FileDescriptor socket, const Listener& listener,
            const Responder& responder, const LoopGuard& guard, UdpBatch& batch, Served& served);

  /// Begins to answer.
  void start() { take_turn(); }
  /// Answers nothing more.
  void close();

 private:
  void take_turn();
  void wait();
  void go_on();
  [[nodiscard]] bool answer_waiting(int socket);

  // The socket is in one of these two: in watched_ while we wait for it.
  base::FileDescriptor socket_;
  asio::posix::stream_descriptor watched_;
  const Listener listener_;
  const Responder& responder_;
  const LoopGuard& loop_guard_;
  UdpBatch& batch_;
  Served& served_;
};

}  // namespace dnsd
