#include "dnsd/serve/tcp_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dns/request.hpp"
#include "dnsd/serve/tcp_framing.hpp"

namespace dnsd {
namespace {

using Wait = asio::posix::stream_descriptor::wait_type;

/// Accepts and queries per wake-up, so that one client does not keep the thread from the others.
constexpr int accepts_per_turn = 64;
constexpr int queries_per_turn = 32;
/// How long to leave the queue alone when this process can open no more descriptors.
constexpr std::chrono::milliseconds accept_pause{100};

base::IpAddress client_of(const base::IpAddress& address) {
  const auto network = base::Prefix::make(address, address.is_ipv4() ? 32 : 64);
  return network ? network->address() : address;
}

}  // namespace

/// One client. Reads when it is not owed too much, answers in order, writes when the socket takes
/// it; one timer watches the deadline that matters now.
class TcpConnections::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(TcpConnections& all, base::FileDescriptor socket, const base::IpAddress& address,
             View view, const void* listener)
      : all_(all),
        socket_(all.io_, socket.release()),
        timer_(all.io_),
        address_(address),
        client_(client_of(address)),
        listener_(listener),
        from_({.view = view, .transport = dns::Transport::tcp}) {}

  void start(ConnectionList::iterator place) {
    place_ = place;
    const auto now = base::read_steady();
    last_octet_ = message_begun_ = last_sent_ = last_query_ = now;
    go_on();
  }

  [[nodiscard]] const base::IpAddress& client() const { return client_; }
  [[nodiscard]] const void* listener() const { return listener_; }

  /// Only from TcpConnections::remove().
  void close() {
    asio::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

 private:
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  [[nodiscard]] std::size_t unsent() const { return replies_.size() - sent_; }
  [[nodiscard]] bool owes_too_much() const { return unsent() >= all_.limits_.unsent_replies; }
  void drop() {
    if (is_open()) all_.remove(place_);
  }

  void read() {
    if (may_hold_query_) return;  // first those that are here; go_on() waits again
    const auto size =
        ::recv(socket_.native_handle(), all_.received_.data(), all_.received_.size(), 0);
    if (size < 0) {
      if (errno == EAGAIN || errno == EINTR) return go_on();
      return drop();
    }
    if (size == 0) {
      finished_ = true;
    } else {
      last_octet_ = base::read_steady();
      if (framing_.waiting() == 0) message_begun_ = last_octet_;
      framing_.append(base::Bytes(all_.received_).first(static_cast<std::size_t>(size)));
    }
    answer();
  }

  /// Answers what is whole, as far as the client takes the replies.
  void answer() {
    int asked = 0;
    while (asked < queries_per_turn && !owes_too_much()) {
      const auto query = framing_.next();
      if (!query) break;
      ++asked;
      if (query->size() < dns::header_octets) return drop();  // not DNS
      const base::Now now = base::read_clock();
      const std::size_t size = all_.responder_.respond(*query, from_, {address_, now}, all_.reply_);
      all_.served_.log.note(*query, base::Bytes(all_.reply_).first(size), from_, address_,
                            now.steady);
      append_reply(size);
    }
    if (asked > 0) {
      framing_.compact();
      all_.served_.tcp.queries.fetch_add(static_cast<std::uint64_t>(asked),
                                         std::memory_order_relaxed);
      last_query_ = message_begun_ = base::read_steady();
      all_.connections_.splice(all_.connections_.end(), all_.connections_, place_);
    }
    may_hold_query_ = asked == queries_per_turn || owes_too_much();
    if (!send()) return drop();
    go_on();
  }

  void append_reply(std::size_t size) {
    if (size == 0) return;
    if (unsent() == 0) last_sent_ = base::read_steady();
    replies_.push_back(static_cast<std::uint8_t>(size >> 8U));
    replies_.push_back(static_cast<std::uint8_t>(size));
    const base::Bytes reply = base::Bytes(all_.reply_).first(size);
    replies_.insert(replies_.end(), reply.begin(), reply.end());
    all_.served_.tcp.replies.fetch_add(1, std::memory_order_relaxed);
  }

  /// Gives the socket what it takes. \return false: the connection is broken.
  bool send() {
    while (unsent() > 0) {
      const auto size = ::send(socket_.native_handle(), replies_.data() + sent_, unsent(),
                               MSG_NOSIGNAL | MSG_DONTWAIT);
      if (size < 0) return errno == EAGAIN || errno == EINTR;
      sent_ += static_cast<std::size_t>(size);
      last_sent_ = base::read_steady();
    }
    replies_.clear();
    replies_.shrink_to_fit();
    sent_ = 0;
    return true;
  }

  /// Waits for whatever can happen next.
  void go_on() {
    if (may_hold_query_ && !owes_too_much()) {
      answer_later();
    } else if (finished_ && unsent() == 0) {
      return drop();
    }
    if (unsent() > 0) wait_for(Wait::wait_write, writing_, &Connection::write);
    if (!finished_ && !may_hold_query_) wait_for(Wait::wait_read, reading_, &Connection::read);
    watch_deadline();
  }

  /// Lets the others of this thread have their turn first.
  void answer_later() {
    if (posted_) return;
    posted_ = true;
    asio::post(all_.io_, [self = shared_from_this()] {
      self->posted_ = false;
      if (self->is_open()) self->answer();
    });
  }

  void write() {
    const std::size_t before = unsent();
    if (!send()) return drop();
    if (before == unsent()) return go_on();
    answer();
  }

  void wait_for(Wait what, bool& waiting, void (Connection::*then)()) {
    if (waiting) return;
    waiting = true;
    socket_.async_wait(what,
                       [self = shared_from_this(), &waiting, then](const asio::error_code& ec) {
                         waiting = false;
                         if (ec || !self->is_open()) return;
                         (self.get()->*then)();
                       });
  }

  [[nodiscard]] base::SteadyTime deadline() const {
    const TcpLimits& limits = all_.limits_;
    if (unsent() > 0) return last_sent_ + limits.slow_reader;
    if (framing_.waiting() > 0) {
      return std::min(last_octet_ + limits.half_sent, message_begun_ + limits.message);
    }
    return last_query_ + limits.idle;
  }

  /// The timer is set anew only when the deadline came nearer; one that moved away is found out
  /// when it fires.
  void watch_deadline() {
    const auto next = deadline();
    if (watching_ && timer_.expiry() <= next) return;
    watching_ = true;
    timer_.expires_at(next);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& ec) {
      if (ec || !self->is_open()) return;
      self->watching_ = false;
      if (self->deadline() <= base::read_steady()) return self->drop();
      self->watch_deadline();
    });
  }

  TcpConnections& all_;
  asio::posix::stream_descriptor socket_;
  asio::steady_timer timer_;
  const base::IpAddress address_;
  const base::IpAddress client_;  // address_, or the network that it is counted as
  const void* const listener_;
  const Listener from_;
  ConnectionList::iterator place_;

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

TcpConnections::TcpConnections(asio::io_context& io, const Responder& responder,
                               ServedCounters& served, TcpLimits limits)
    : io_(io), responder_(responder), served_(served), limits_(limits) {}

TcpConnections::~TcpConnections() {
  while (close_oldest()) {
  }
}

void TcpConnections::adopt(base::FileDescriptor socket, const base::IpAddress& client, View view,
                           const void* listener) {
  make_room(client_of(client));
  served_.tcp_connections.fetch_add(1, std::memory_order_relaxed);
  const auto connection =
      std::make_shared<Connection>(*this, std::move(socket), client, view, listener);
  ++per_client_[connection->client()];
  connection->start(connections_.insert(connections_.end(), connection));
}

bool TcpConnections::close_oldest() {
  if (connections_.empty()) return false;
  remove(connections_.begin());
  return true;
}

void TcpConnections::close_of(const void* listener) {
  for (auto place = connections_.begin(); place != connections_.end();) {
    const auto here = place++;
    if ((*here)->listener() == listener) remove(here);
  }
}

void TcpConnections::make_room(const base::IpAddress& client) {
  const auto count = per_client_.find(client);
  if (count != per_client_.end() && count->second >= limits_.connections_per_client) {
    remove(std::find_if(connections_.begin(), connections_.end(),
                        [&](const auto& one) { return one->client() == client; }));
  } else if (connections_.size() >= limits_.connections) {
    close_oldest();
  }
}

void TcpConnections::remove(ConnectionList::iterator place) {
  const auto connection = *place;
  connections_.erase(place);
  const auto count = per_client_.find(connection->client());
  if (--count->second == 0) per_client_.erase(count);
  connection->close();
}

TcpServer::TcpServer(asio::io_context& io, base::FileDescriptor socket, View view,
                     TcpConnections& connections)
    : socket_(io, socket.release()), pause_(io), view_(view), connections_(connections) {}

void TcpServer::close() {
  asio::error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
  connections_.close_of(this);
}

void TcpServer::wait() {
  socket_.async_wait(Wait::wait_read, [self = shared_from_this()](const asio::error_code& ec) {
    if (ec || !self->socket_.is_open()) return;
    self->accept_waiting();
  });
}

void TcpServer::accept_waiting() {
  for (int i = 0; i < accepts_per_turn; ++i) {
    sockaddr_storage source{};
    socklen_t length = sizeof source;
    void* raw = &source;
    base::FileDescriptor client(::accept4(socket_.native_handle(), static_cast<sockaddr*>(raw),
                                          &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client) {
      const auto from = base::Endpoint::from_sockaddr(source);
      if (from) connections_.adopt(std::move(client), from->address, view_, this);
      continue;
    }
    const bool no_descriptor = errno == EMFILE || errno == ENFILE;
    if (no_descriptor && connections_.close_oldest()) continue;
    if (no_descriptor || errno == ENOBUFS || errno == ENOMEM) return pause();
    if (errno == EAGAIN) break;
    // Everything else was the fault of one client that is gone already (accept(2)).
  }
  wait();
}

void TcpServer::pause() {
  pause_.expires_after(accept_pause);
  pause_.async_wait([self = shared_from_this()](const asio::error_code& ec) {
    if (!ec && self->socket_.is_open()) self->wait();
  });
}

}  // namespace dnsd
