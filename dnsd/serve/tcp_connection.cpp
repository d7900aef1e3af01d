#include "dnsd/serve/tcp_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/post.hpp>
#include <cerrno>
#include <utility>

#include "dns/request.hpp"

namespace dnsd {
namespace {

using Wait = asio::posix::stream_descriptor::wait_type;

/// Queries per wake-up, so that one client does not keep the thread from the others.
constexpr int queries_per_turn = 32;

}  // namespace

TcpConnection::TcpConnection(TcpRoom& room, TcpConnectionOwner& owner, base::FileDescriptor socket,
                             const base::IpAddress& address, View view, const void* listener)
    : room_(room),
      owner_(owner),
      socket_(room.io, socket.release()),
      timer_(room.io),
      address_(address),
      client_(client_of(address)),
      listener_(listener),
      from_({.view = view, .transport = dns::Transport::tcp}) {}

base::IpAddress TcpConnection::client_of(const base::IpAddress& address) {
  const auto network = base::Prefix::make(address, address.is_ipv4() ? 32 : 64);
  return network ? network->address() : address;
}

void TcpConnection::start(TcpConnectionList::iterator place) {
  place_ = place;
  last_octet_ = message_begun_ = last_sent_ = last_query_ = base::read_steady();
  wait_for_next();
}

void TcpConnection::close() {
  std::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
}

void TcpConnection::drop() {
  if (is_open()) owner_.remove(place_);
}

void TcpConnection::read() {
  if (may_hold_query_) return;  // queries that are here come first
  const auto size =
      ::recv(socket_.native_handle(), room_.received.data(), room_.received.size(), 0);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return wait_for_next();
    return drop();
  }
  if (size == 0) {
    finished_ = true;
  } else {
    last_octet_ = base::read_steady();
    if (framing_.waiting() == 0) message_begun_ = last_octet_;
    framing_.append(base::Bytes(room_.received).first(static_cast<std::size_t>(size)));
  }
  answer();
}

/// Answers whole messages, until too many replies wait for the client.
void TcpConnection::answer() {
  int asked = 0;
  while (asked < queries_per_turn && !owes_too_much()) {
    const auto query = framing_.next();
    if (!query) break;
    ++asked;
    if (query->size() < dns::header_octets) return drop();  // not DNS
    const base::Now now = base::read_clock();
    const std::size_t size = room_.responder.respond(*query, from_, {address_, now}, room_.reply);
    room_.served.log.note(*query, base::Bytes(room_.reply).first(size), from_, address_,
                          now.steady);
    append_reply(size);
  }
  if (asked > 0) {
    framing_.compact();
    room_.served.tcp.queries.fetch_add(static_cast<std::uint64_t>(asked),
                                       std::memory_order_relaxed);
    last_query_ = message_begun_ = base::read_steady();
    owner_.note_query(place_);
  }
  may_hold_query_ = asked == queries_per_turn || owes_too_much();
  if (!send()) return drop();
  wait_for_next();
}

void TcpConnection::append_reply(std::size_t size) {
  if (size == 0) return;
  if (unsent() == 0) last_sent_ = base::read_steady();
  replies_.push_back(static_cast<std::uint8_t>(size >> 8U));
  replies_.push_back(static_cast<std::uint8_t>(size));
  const base::Bytes reply = base::Bytes(room_.reply).first(size);
  replies_.insert(replies_.end(), reply.begin(), reply.end());
  room_.served.tcp.replies.fetch_add(1, std::memory_order_relaxed);
}

/// Sends as much as the socket takes. \return false: the connection is broken.
bool TcpConnection::send() {
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

void TcpConnection::write() {
  const std::size_t before = unsent();
  if (!send()) return drop();
  if (before == unsent()) return wait_for_next();
  answer();
}

/// Waits for whatever can happen next.
void TcpConnection::wait_for_next() {
  if (may_hold_query_ && !owes_too_much()) {
    answer_later();
  } else if (finished_ && unsent() == 0) {
    return drop();
  }
  if (unsent() > 0) wait_for(Wait::wait_write, writing_, &TcpConnection::write);
  if (!finished_ && !may_hold_query_) wait_for(Wait::wait_read, reading_, &TcpConnection::read);
  watch_deadline();
}

/// Answers after the other sockets of this thread have had their turn.
void TcpConnection::answer_later() {
  if (posted_) return;
  posted_ = true;
  asio::post(room_.io, [self = shared_from_this()] {
    self->posted_ = false;
    if (self->is_open()) self->answer();
  });
}

void TcpConnection::wait_for(Wait what, bool& waiting, void (TcpConnection::*then)()) {
  if (waiting) return;
  waiting = true;
  socket_.async_wait(what, [self = shared_from_this(), &waiting, then](const std::error_code& ec) {
    waiting = false;
    if (ec || !self->is_open()) return;
    (self.get()->*then)();
  });
}

base::SteadyTime TcpConnection::deadline() const {
  const TcpLimits& limits = room_.limits;
  if (unsent() > 0) return last_sent_ + limits.slow_reader;
  if (framing_.waiting() > 0) {
    return std::min(last_octet_ + limits.half_sent, message_begun_ + limits.message);
  }
  return last_query_ + limits.idle;
}

/// The timer is set again only when the deadline came nearer. A timer that fires before its
/// deadline, because the deadline has moved later, is set again too.
void TcpConnection::watch_deadline() {
  const auto next = deadline();
  if (watching_ && timer_.expiry() <= next) return;
  watching_ = true;
  timer_.expires_at(next);
  timer_.async_wait([self = shared_from_this()](const std::error_code& ec) {
    if (ec || !self->is_open()) return;
    self->watching_ = false;
    if (self->deadline() <= base::read_steady()) return self->drop();
    self->watch_deadline();
  });
}

}  // namespace dnsd
