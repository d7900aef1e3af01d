#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <memory>

#include "base/file_descriptor.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/serve/loop_guard.hpp"
#include "dnsd/serve/served_counters.hpp"

namespace dnsd {

/// Room for one batch of queries and their replies. One per answer thread, used by its sockets in
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

/// Answers the datagrams of one socket, in batches. A reply leaves from the address that was asked:
/// a socket of one address does that by itself; on a wildcard socket we say so, and for a
/// link-local one through which interface, and what was sent to more than this host gets no reply.
/// A reply that the kernel does not take at once is dropped: the client asks again. What says that
/// it comes from port 0 or from one of our own listeners gets no reply. Held by shared_ptr: a wait
/// that is under way keeps it alive. Everything happens on the thread of `io`.
///
/// While full batches come one after the other, the socket is asked in turns without being watched:
/// as long as an event loop watches a socket, the kernel looks for somebody to wake with every
/// reply that leaves, which costs as much as half of our own work.
class UdpServer : public std::enable_shared_from_this<UdpServer> {
 public:
  /// \param socket bound, non-blocking, one of ListenSockets. The references outlive the server.
  UdpServer(asio::io_context& io, base::FileDescriptor socket, View view,
            const Responder& responder, const LoopGuard& guard, UdpBatch& batch,
            ServedCounters& served);

  /// Begins to answer.
  void start() { take_turn(); }
  /// Answers nothing more.
  void close();

 private:
  void take_turn();
  void wait();
  void go_on();
  [[nodiscard]] bool answer_waiting(int socket);

  // The socket is in one of them: watched while we wait, else not.
  base::FileDescriptor socket_;
  asio::posix::stream_descriptor watched_;
  const Listener listener_;
  const Responder& responder_;
  const LoopGuard& loop_guard_;
  UdpBatch& batch_;
  ServedCounters& served_;
};

}  // namespace dnsd
