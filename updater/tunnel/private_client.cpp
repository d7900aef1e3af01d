#include "updater/tunnel/private_client.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/file_descriptor.hpp"
#include "dns/update.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;

/// How long to wait after each sending. The first message may have to wait for a handshake.
constexpr std::array<std::chrono::milliseconds, 4> patience = {500ms, 1s, 2s, 4s};
constexpr std::size_t max_running = 8;
constexpr std::size_t max_reply = 65535;

}  // namespace

class PrivateClient::Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  Exchange(PrivateClient& client, const base::Endpoint& server, std::vector<std::uint8_t> message,
           Done done)
      : client_(client),
        server_(server),
        message_(std::move(message)),
        done_(std::move(done)),
        descriptor_(client.context_),
        timer_(client.context_) {}

  void start() {
    if (!open()) {
      const auto self = shared_from_this();
      asio::post(client_.context_,
                 [self] { self->finish(base::Unexpected(LookupError::unreachable)); });
      return;
    }
    wait();
    send();
  }

  void abandon() {
    is_over_ = true;
    close();
  }

 private:
  bool open() {
    const int family = server_.address.is_ipv4() ? AF_INET : AF_INET6;
    base::FileDescriptor socket(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const std::string& interface = client_.interface_;
    sockaddr_storage storage{};
    const socklen_t length = server_.to_sockaddr(storage);
    const void* raw = &storage;
    if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(),
                                static_cast<socklen_t>(interface.size())) != 0) {
      if (!std::exchange(client_.told_, true))
        spdlog::warn(
            "cannot bind a socket to {}, so the server in the tunnel is not asked: {}; CAP_NET_RAW "
            "allows it",
            interface, std::strerror(errno));
      return false;
    }
    if (::connect(socket.get(), static_cast<const sockaddr*>(raw), length) != 0) return false;
    std::error_code ec;
    descriptor_.assign(socket.get(), ec);
    if (!ec) (void)socket.release();
    return !ec;
  }

  void send() {
    // A failure counts as a lost packet: the next attempt sends again.
    (void)::send(descriptor_.native_handle(), message_.data(), message_.size(), MSG_NOSIGNAL);
    timer_.expires_after(patience.at(attempt_));
    timer_.async_wait([self = shared_from_this()](const std::error_code& ec) {
      if (ec || self->is_over_) return;
      if (++self->attempt_ == patience.size()) {
        self->finish(base::Unexpected(LookupError::timeout));
      } else {
        self->send();
      }
    });
  }

  void wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](const std::error_code& ec) {
                             if (ec || self->is_over_) return;
                             self->receive();
                             if (!self->is_over_) self->wait();
                           });
  }

  void receive() {
    std::vector<std::uint8_t> reply(max_reply);
    const auto size = ::recv(descriptor_.native_handle(), reply.data(), reply.size(), 0);
    // No server listens there, so asking again is useless.
    if (size < 0 && errno == ECONNREFUSED) finish(base::Unexpected(LookupError::unreachable));
    if (size < 2 || reply[0] != message_[0] || reply[1] != message_[1]) return;
    reply.resize(static_cast<std::size_t>(size));
    finish(std::move(reply));
  }

  void finish(const Result& result) {
    if (std::exchange(is_over_, true)) return;
    close();
    const Done done = std::move(done_);
    client_.end(shared_from_this());
    done(result);
  }

  void close() {
    std::error_code ignored;
    if (descriptor_.is_open()) descriptor_.close(ignored);
    timer_.cancel();
  }

  PrivateClient& client_;
  const base::Endpoint server_;
  const std::vector<std::uint8_t> message_;
  Done done_;
  asio::posix::stream_descriptor descriptor_;
  asio::steady_timer timer_;
  std::size_t attempt_ = 0;
  bool is_over_ = false;
};

PrivateClient::PrivateClient(asio::io_context& context, std::string interface)
    : context_(context), interface_(std::move(interface)) {}

PrivateClient::~PrivateClient() {
  for (const auto& exchange : running_) exchange->abandon();
}

void PrivateClient::exchange(const base::Endpoint& server, std::vector<std::uint8_t> message,
                             Done done) {
  waiting_.push_back(
      std::make_shared<Exchange>(*this, server, std::move(message), std::move(done)));
  start_next();
}

void PrivateClient::start_next() {
  while (!waiting_.empty() && running_.size() < max_running) {
    const auto next = waiting_.front();
    waiting_.pop_front();
    running_.insert(next);
    next->start();
  }
}

void PrivateClient::end(const std::shared_ptr<Exchange>& exchange) {
  running_.erase(exchange);
  start_next();
}

base::Expected<dns::Rcode, LookupError> read_update_rcode(const PrivateClient::Result& reply,
                                                          std::uint16_t id, dns::NameView zone) {
  if (!reply) return base::Unexpected(reply.error());
  const auto rcode = dns::parse_update_reply(*reply, id, zone);
  if (!rcode) return base::Unexpected(LookupError::malformed);
  return *rcode;
}

}  // namespace updater
