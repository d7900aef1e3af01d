#include "dnsd/serve/tcp_server.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/endpoint.hpp"

namespace dnsd {
namespace {

using Wait = asio::posix::stream_descriptor::wait_type;

/// Connections accepted per wake-up, so that new clients do not keep the thread from the others.
constexpr int accepts_per_turn = 64;
/// Pause before accepting again, when this process can open no more descriptors.
constexpr std::chrono::milliseconds accept_pause{100};

}  // namespace

TcpConnections::TcpConnections(asio::io_context& io, const Responder& responder, Served& served,
                               TcpLimits limits)
    : room_{.io = io, .responder = responder, .served = served, .limits = limits},
      most_(limits.connections) {}

TcpConnections::~TcpConnections() {
  while (close_oldest()) {
  }
}

void TcpConnections::adopt(base::FileDescriptor socket, const base::IpAddress& client, View view,
                           const void* listener) {
  make_room(TcpConnection::client_of(client));
  room_.served.tcp_connections.fetch_add(1, std::memory_order_relaxed);
  const auto connection =
      std::make_shared<TcpConnection>(room_, *this, std::move(socket), client, view, listener);
  ++per_client_[connection->client()];
  connection->start(connections_.insert(connections_.end(), connection));
}

void TcpConnections::set_most(std::size_t most) {
  most_ = std::min(most, room_.limits.connections);
  while (connections_.size() > most_) close_oldest();
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
  if (count != per_client_.end() && count->second >= room_.limits.connections_per_client) {
    remove(std::find_if(connections_.begin(), connections_.end(),
                        [&](const auto& one) { return one->client() == client; }));
  } else if (connections_.size() >= most_) {
    close_oldest();
  }
}

void TcpConnections::note_query(TcpConnectionList::iterator place) {
  connections_.splice(connections_.end(), connections_, place);
}

void TcpConnections::remove(TcpConnectionList::iterator place) {
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
  std::error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
  connections_.close_of(this);
}

void TcpServer::wait() {
  socket_.async_wait(Wait::wait_read, [self = shared_from_this()](const std::error_code& ec) {
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
    // Any other error concerns one client, which is gone already (accept(2)).
  }
  wait();
}

void TcpServer::pause() {
  pause_.expires_after(accept_pause);
  pause_.async_wait([self = shared_from_this()](const std::error_code& ec) {
    if (!ec && self->socket_.is_open()) self->wait();
  });
}

}  // namespace dnsd
