#include "dns/server_question.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "base/file_descriptor.hpp"
#include "dns/query.hpp"
#include "dns/response.hpp"

namespace dns {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int udp_attempts = 2;

using Octets = std::vector<std::uint8_t>;

bool has_same_id(base::Bytes reply, base::Bytes query) {
  return reply.size() >= 2 && std::equal(reply.begin(), reply.begin() + 2, query.begin());
}

ServerError explain(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
      return ServerError::closed;
    case ETIMEDOUT:
    case EAGAIN:
      return ServerError::timeout;
    default:
      return ServerError::unreachable;
  }
}

/// One socket to one server, with a deadline for everything.
class Connection {
 public:
  Connection(const base::Endpoint& server, int type, Clock::time_point deadline)
      : socket_(::socket(server.address.is_ipv4() ? AF_INET : AF_INET6,
                         type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)),
        deadline_(deadline) {
    sockaddr_storage storage{};
    const socklen_t length = server.to_sockaddr(storage);
    const void* raw = &storage;
    if (::connect(socket_.get(), static_cast<const sockaddr*>(raw), length) != 0) error_ = errno;
    if (error_ != EINPROGRESS) return;
    error_ = 0;
    if (!wait(POLLOUT)) return;
    socklen_t size = sizeof error_;
    if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error_, &size) != 0) error_ = errno;
  }

  [[nodiscard]] bool ok() const { return error_ == 0; }
  [[nodiscard]] ServerError error() const { return explain(error_); }

  bool send(base::Bytes octets) {
    while (ok() && !octets.empty()) {
      const auto size = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (size >= 0) {
        octets = octets.subspan(static_cast<std::size_t>(size));
      } else if (errno != EAGAIN || !wait(POLLOUT)) {
        if (ok()) error_ = errno;
      }
    }
    return ok();
  }

  /// \return octets received; 0: none, and error() says why.
  std::size_t receive(base::MutableBytes out) {
    while (ok() && wait(POLLIN)) {
      const auto size = ::recv(socket_.get(), out.data(), out.size(), 0);
      if (size > 0) return static_cast<std::size_t>(size);
      if (size == 0) error_ = ECONNRESET;
      if (size < 0 && errno != EAGAIN) error_ = errno;
    }
    return 0;
  }

 private:
  bool wait(short events) {
    for (;;) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
      pollfd one{.fd = socket_.get(), .events = events, .revents = 0};
      const int ready = ::poll(&one, 1, static_cast<int>(std::max<long>(left, 0)));
      if (ready > 0) return true;
      if (ready < 0 && errno == EINTR) continue;
      error_ = ready == 0 ? ETIMEDOUT : errno;
      return false;
    }
  }

  base::FileDescriptor socket_;
  Clock::time_point deadline_;
  int error_ = 0;
};

base::Expected<Octets, ServerError> exchange_udp(const base::Endpoint& server, base::Bytes query,
                                                 std::chrono::milliseconds patience) {
  ServerError last = ServerError::timeout;
  for (int attempt = 0; attempt < udp_attempts; ++attempt) {
    Connection connection(server, SOCK_DGRAM, Clock::now() + patience);
    (void)connection.send(query);
    while (connection.ok()) {
      Octets reply(max_message_octets);
      reply.resize(connection.receive(reply));
      if (has_same_id(reply, query)) return reply;  // otherwise forged: keep waiting
    }
    last = connection.error();
    if (last != ServerError::timeout) break;
  }
  return base::Unexpected(last);
}

base::Expected<Octets, ServerError> exchange_tcp(const base::Endpoint& server, base::Bytes query,
                                                 std::chrono::milliseconds patience) {
  Connection connection(server, SOCK_STREAM, Clock::now() + patience);
  Octets framed{static_cast<std::uint8_t>(query.size() >> 8U),
                static_cast<std::uint8_t>(query.size())};
  framed.insert(framed.end(), query.begin(), query.end());
  if (!connection.ok() || !connection.send(framed)) return base::Unexpected(connection.error());
  Octets received;
  for (;;) {
    std::array<std::uint8_t, 4096> buffer{};
    const std::size_t size = connection.receive(buffer);
    if (size == 0) return base::Unexpected(connection.error());
    received.insert(received.end(), buffer.begin(), buffer.begin() + static_cast<long>(size));
    if (received.size() < 2) continue;
    const std::size_t length = base::ByteReader(received).u16();
    if (received.size() - 2 < length) continue;
    const Octets reply(received.begin() + 2, received.begin() + 2 + static_cast<long>(length));
    if (!has_same_id(reply, query)) return base::Unexpected(ServerError::malformed);
    return reply;
  }
}

}  // namespace

std::string_view to_string(ServerError error) {
  switch (error) {
    case ServerError::timeout:
      return "nothing comes back";
    case ServerError::closed:
      return "nobody listens there";
    case ServerError::unreachable:
      return "this host has no route to it";
    case ServerError::malformed:
      break;
  }
  return "what comes back is no reply";
}

base::Expected<Reply, ServerError> ask_server(const base::Endpoint& server, Transport transport,
                                              const Name& name, RrType type,
                                              std::chrono::milliseconds patience) {
  const Octets query = write_query(random_id(), name, type, our_udp_octets);
  const bool is_udp = transport == Transport::udp;
  const auto octets =
      is_udp ? exchange_udp(server, query, patience) : exchange_tcp(server, query, patience);
  if (!octets) return base::Unexpected(octets.error());
  auto reply = parse_reply(*octets, name, type);
  if (!reply || (reply->truncated && !is_udp)) return base::Unexpected(ServerError::malformed);
  if (reply->truncated) return ask_server(server, Transport::tcp, name, type, patience);
  return *std::move(reply);
}

}  // namespace dns
