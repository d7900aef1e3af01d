#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/file_descriptor.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/serve/loop_guard.hpp"
#include "dnsd/serve/served.hpp"
#include "dnsd/serve/tcp_server.hpp"

namespace dnsd {

/// The sockets of one listener, ready to be served. Each answer thread gets one of each transport;
/// the kernel spreads the clients over them (SO_REUSEPORT). `tcp` is empty for a shortcut;
/// inherited sockets may lack a transport or be more than the threads.
struct ListenSockets {
  std::vector<base::FileDescriptor> udp;
  std::vector<base::FileDescriptor> tcp;
};

/// The threads that answer queries. Each has an event loop, and a UDP and a TCP socket of its own
/// for every listener, so that no thread waits for another. Listeners come and go while the threads
/// run. Called from one thread, the control thread.
class AnswerThreads {
 public:
  enum class ListenerId : std::uint64_t {};

  /// \param responder outlives the threads. \param count at least 1.
  AnswerThreads(const Responder& responder, std::size_t count, TcpLimits limits = {});
  /// Closes everything and waits for the threads to end.
  ~AnswerThreads();
  AnswerThreads(const AnswerThreads&) = delete;
  AnswerThreads& operator=(const AnswerThreads&) = delete;

  [[nodiscard]] std::size_t count() const { return threads_.size(); }

  /// Begins to answer. \param sockets the i-th of each transport goes to thread i modulo count().
  /// \param listener for all of them; each socket has its own transport.
  ListenerId add(ListenSockets sockets, Listener listener);
  /// Closes a listener's sockets and connections; returns when that is done, so that the place is
  /// free.
  void remove(ListenerId id);

  /// From now on, ignores datagrams whose source `guard` rejects. At first none are ignored.
  void set_loop_guard(const LoopGuard& guard);

  /// From now on each thread holds at most `most` TCP connections, and never more than TcpLimits
  /// says.
  void set_most_connections(std::size_t most);
  /// TCP connections that are open now.
  [[nodiscard]] std::size_t count_connections() const;

  /// Returns when every thread has shown that it still takes work.
  void touch();

  [[nodiscard]] const Served& served() const { return *served_; }
  [[nodiscard]] QueryLog& query_log() { return served_->log; }

 private:
  class Thread;

  std::unique_ptr<Served> served_;
  std::vector<std::unique_ptr<Thread>> threads_;
  std::uint64_t next_id_ = 1;
};

}  // namespace dnsd
