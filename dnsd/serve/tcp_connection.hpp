#pragma once

#include <array>
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "base/ip_address.hpp"
#include "dnsd/answer/responder.hpp"
#include "dnsd/serve/served.hpp"
#include "dnsd/serve/tcp_framing.hpp"

namespace dnsd {

/// How much time and room TCP clients get (RFC 7766 §6.2, RFC 9210 §4). Counts are for one answer
/// thread.
struct TcpLimits {
  /// Open connections. One more closes the connection whose last query is oldest, so that a crowd
  /// of silent clients keeps nobody out (RFC 9210 §4.4).
  std::size_t connections = 1000;
  /// The same for one client: an IPv4 address or an IPv6 /64, which one subscriber holds.
  std::size_t connections_per_client = 100;
  /// How long a client may ask nothing while no reply is pending: long enough for the next lookup
  /// of a resolver (RFC 7766 §6.2.3 asks for "a few seconds").
  std::chrono::milliseconds idle{10'000};
  /// How long the next octet of a message that has begun may take. NSD and Knot are as strict;
  /// nearly every message is one segment.
  std::chrono::milliseconds half_sent{500};
  /// How long a whole message may take, however steadily its octets trickle in.
  std::chrono::milliseconds message{10'000};
  /// How long the client may accept no octet of its replies. Leaves room for several
  /// retransmissions on a bad path (RFC 6298: 1 s, then 2 s).
  std::chrono::milliseconds slow_reader{5'000};
  /// While this many octets of replies wait for the client, its next query waits too.
  std::size_t unsent_replies = 65536;
};

/// What all TCP connections of one answer thread share. Used on the thread of `io` alone.
struct TcpRoom {
  asio::io_context& io;
  const Responder& responder;
  Served& served;
  const TcpLimits limits;

  // Buffers: each is used within one call and holds nothing between calls.
  std::array<std::uint8_t, 16384> received{};
  std::array<std::uint8_t, 65535> reply{};
};

class TcpConnection;
using TcpConnectionList = std::list<std::shared_ptr<TcpConnection>>;

/// Lists the connections and closes them. A connection calls it with its own position in the list.
class TcpConnectionOwner {
 public:
  TcpConnectionOwner() = default;
  TcpConnectionOwner(const TcpConnectionOwner&) = delete;
  TcpConnectionOwner& operator=(const TcpConnectionOwner&) = delete;
  virtual ~TcpConnectionOwner() = default;

  /// The connection has just asked something.
  virtual void note_query(TcpConnectionList::iterator place) = 0;
  /// The connection is over: takes it out of the list, and calls its close().
  virtual void remove(TcpConnectionList::iterator place) = 0;
};

/// The connection of one client. Reads only while less than unsent_replies waits for the client,
/// answers in order, and writes when the socket takes it. One timer watches the deadline that comes
/// next. Held by shared_ptr: a wait that is under way keeps it alive. Everything happens on the
/// thread of `room.io`.
class TcpConnection : public std::enable_shared_from_this<TcpConnection> {
 public:
  /// \param room, owner outlive the connection while it is open. \param socket non-blocking.
  /// \param listener identifies the server that accepted it: only compared.
  TcpConnection(TcpRoom& room, TcpConnectionOwner& owner, base::FileDescriptor socket,
                const base::IpAddress& address, View view, const void* listener);

  /// Begins to read. \param place in the owner's list
  void start(TcpConnectionList::iterator place);
  /// For the owner alone. Nothing is read, written or reported afterwards.
  void close();

  /// The client as it is counted: client_of() its address.
  [[nodiscard]] const base::IpAddress& client() const { return client_; }
  [[nodiscard]] const void* listener() const { return listener_; }

  /// An IPv4 address itself; of an IPv6 address the /64.
  [[nodiscard]] static base::IpAddress client_of(const base::IpAddress& address);

 private:
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] std::size_t unsent() const { return replies_.size() - sent_; }
  [[nodiscard]] bool owes_too_much() const { return unsent() >= room_.limits.unsent_replies; }
  void drop();

  void read();
  void answer();
  void append_reply(std::size_t size);
  [[nodiscard]] bool send();
  void write();

  void wait_for_next();
  void answer_later();
  void wait_for(asio::posix::stream_descriptor::wait_type what, bool& waiting,
                void (TcpConnection::*then)());
  [[nodiscard]] base::SteadyTime deadline() const;
  void watch_deadline();

  TcpRoom& room_;
  TcpConnectionOwner& owner_;
  asio::posix::stream_descriptor socket_;
  asio::steady_timer timer_;
  const base::IpAddress address_;
  const base::IpAddress client_;
  const void* const listener_;
  const Listener from_;
  TcpConnectionList::iterator place_;

  TcpFraming framing_;
  std::vector<std::uint8_t> replies_;  // with their lengths before them
  std::size_t sent_ = 0;               // octets at the start of replies_
  bool finished_ = false;              // the client sends nothing more
  bool may_hold_query_ = false;        // framing_ may hold a whole query that was left for later
  bool posted_ = false;                // answer() will be called
  bool reading_ = false;               // a wait is under way
  bool writing_ = false;
  bool watching_ = false;

  base::SteadyTime last_octet_;
  base::SteadyTime message_begun_;
  base::SteadyTime last_sent_;
  base::SteadyTime last_query_;
};

}  // namespace dnsd
