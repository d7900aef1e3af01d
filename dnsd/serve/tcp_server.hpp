#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <map>
#include <memory>

#include "base/file_descriptor.hpp"
#include "base/ip_address.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/serve/served.hpp"
#include "dnsd/serve/tcp_connection.hpp"

namespace dnsd {

/// The TCP connections of one answer thread, of all its listeners. Everything happens on the thread
/// of `io`.
class TcpConnections final : public TcpConnectionOwner {
 public:
  /// The references outlive this object.
  TcpConnections(asio::io_context& io, const Responder& responder, Served& served,
                 TcpLimits limits);
  ~TcpConnections() override;

  /// Serves a connection that was accepted. \param socket non-blocking. \param listener the server
  /// that accepted it.
  void adopt(base::FileDescriptor socket, const base::IpAddress& client, View view,
             const void* listener);
  /// From now on holds at most `most`, and never more than TcpLimits::connections. Closes those
  /// above, oldest last query first.
  void set_most(std::size_t most);
  [[nodiscard]] std::size_t count() const { return connections_.size(); }
  /// Closes the connection whose last query is oldest. \return false: there is none.
  bool close_oldest();
  /// Closes the connections that this listener accepted.
  void close_of(const void* listener);

 private:
  void note_query(TcpConnectionList::iterator place) override;
  void remove(TcpConnectionList::iterator place) override;
  void make_room(const base::IpAddress& client);

  TcpRoom room_;
  std::size_t most_;
  TcpConnectionList connections_;  // oldest last query first; a new one is last
  std::map<base::IpAddress, std::size_t> per_client_;
};

/// Accepts on one listening socket. Held by shared_ptr: a wait that is under way keeps it alive.
/// Everything happens on the thread of `io`.
class TcpServer : public std::enable_shared_from_this<TcpServer> {
 public:
  /// \param socket listening, non-blocking, one of ListenSockets. The references outlive the
  /// server.
  TcpServer(asio::io_context& io, base::FileDescriptor socket, View view,
            TcpConnections& connections);

  /// Begins to accept.
  void start() { wait(); }
  /// Accepts nothing more, and closes the connections that it accepted.
  void close();

 private:
  void wait();
  void accept_waiting();
  void pause();

  asio::posix::stream_descriptor socket_;
  asio::steady_timer pause_;
  const View view_;
  TcpConnections& connections_;
};

}  // namespace dnsd
