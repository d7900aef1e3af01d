#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <vector>

#include "base/file_descriptor.hpp"
#include "base/ip_address.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/serve/served_counters.hpp"

namespace dnsd {

/// How much patience and room TCP clients get (RFC 7766 §6.2, RFC 9210 §4). Counts are for one
/// answer thread.
struct TcpLimits {
  /// Open connections. One more closes the one that asked nothing for the longest time, so that a
  /// crowd of silent clients keeps nobody out (RFC 9210 §4.4).
  std::size_t connections = 1000;
  /// The same for one client: an IPv4 address or an IPv6 /64, which one subscriber holds.
  std::size_t connections_per_client = 100;
  /// Nothing asked, nothing owed: long enough for the next lookup of a resolver (RFC 7766 §6.2.3
  /// asks for "a few seconds").
  std::chrono::milliseconds idle{10'000};
  /// No further octet of a message that has begun. NSD and Knot are as strict; a message is one
  /// segment nearly always.
  std::chrono::milliseconds half_sent{500};
  /// A whole message, however steadily its octets trickle in: the patience for silence bounds the
  /// patience for noise.
  std::chrono::milliseconds message{10'000};
  /// The client takes no octet of what it is owed. Leaves room for several retransmissions on a bad
  /// path (RFC 6298: 1 s, then 2 s).
  std::chrono::milliseconds slow_reader{5'000};
  /// Octets of replies that wait for the client before its next query is looked at.
  std::size_t unsent_replies = 65536;
};

/// The TCP connections of one answer thread, of all its listeners. Everything happens on the thread
/// of `io`.
class TcpConnections {
 public:
  /// The references outlive this object.
  TcpConnections(asio::io_context& io, const Responder& responder, ServedCounters& served,
                 TcpLimits limits);
  ~TcpConnections();

  /// Serves a connection that was accepted. \param socket non-blocking. \param listener who
  /// accepted it.
  void adopt(base::FileDescriptor socket, const base::IpAddress& client, View view,
             const void* listener);
  /// Closes the connection that asked nothing for the longest time. \return false: there is none.
  bool close_oldest();
  /// Closes the connections that this listener accepted.
  void close_of(const void* listener);

 private:
  class Connection;
  using ConnectionList = std::list<std::shared_ptr<Connection>>;

  void remove(ConnectionList::iterator place);
  void make_room(const base::IpAddress& client);

  asio::io_context& io_;
  const Responder& responder_;
  ServedCounters& served_;
  const TcpLimits limits_;
  ConnectionList connections_;  // the one that asked nothing for the longest time first
  std::map<base::IpAddress, std::size_t> per_client_;

  // Room that one call uses at a time.
  std::array<std::uint8_t, 16384> received_{};
  std::array<std::uint8_t, 65535> reply_{};
};

/// Accepts on one listening socket. Held by shared_ptr: a wait that is under way keeps it alive.
/// Everything happens on the thread of `io`.
class TcpServer : public std::enable_shared_from_this<TcpServer> {
 public:
  /// \param socket listening, non-blocking, from open_tcp_socket(). The references outlive the
  /// server.
  TcpServer(asio::io_context& io, base::FileDescriptor socket, View view,
            TcpConnections& connections);

  /// Begins to accept.
  void start() { wait(); }
  /// Accepts nothing more, and closes the connections that came in here.
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
