#include "control/server.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <utility>

#include "base/last_error.hpp"

namespace control {
namespace {

using Protocol = asio::local::stream_protocol;

constexpr ::mode_t socket_mode = 0660;
/// Clients at a time. Programs on this host that may talk to us are trusted, but may hang: one more
/// ends the one that keeps us waiting longest.
constexpr std::size_t max_sessions = 16;
/// For the request, which programs send at once.
constexpr std::chrono::seconds request_patience{5};
/// For each piece of the reply: somebody may read it with a pager.
constexpr std::chrono::minutes reply_patience{10};
constexpr std::size_t piece_octets = 65536;
/// After an accept that failed: no descriptor is free.
constexpr std::chrono::milliseconds accept_pause{100};

}  // namespace

/// One client: one request, one reply.
class Server::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Protocol::socket socket, const Handler& handler, std::shared_ptr<Sessions> all)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        handler_(handler),
        all_(std::move(all)) {}

  /// Ends the session whose client has been silent longest: at best one that has not asked yet.
  static void end_one(const Sessions& all) {
    const auto silent =
        std::find_if(all.begin(), all.end(), [](const auto& one) { return !one->has_asked_; });
    const std::shared_ptr<Session> one = silent == all.end() ? all.front() : *silent;
    one->end();
  }

  void start() {
    place_ = all_->insert(all_->end(), shared_from_this());
    limit(request_patience);
    asio::async_read_until(
        socket_, asio::dynamic_buffer(buffer_, max_request + 1), '\n',
        [self = shared_from_this()](const std::error_code& ec, std::size_t size) {
          if (ec) return self->end();
          self->answer(std::string_view(self->buffer_).substr(0, size - 1));
        });
  }

 private:
  void answer(std::string_view line) {
    has_asked_ = true;
    reply_ = handler_(line);
    send();
  }

  /// Sends the next piece; the result behind the last one.
  void send() {
    buffer_.clear();
    if (reply_.text.size() == taken_ && reply_.more) {
      reply_.text = reply_.more();
      taken_ = 0;
    }
    const std::string_view piece = std::string_view(reply_.text).substr(taken_, piece_octets);
    taken_ += piece.size();
    const bool is_last = piece.empty();
    buffer_ = is_last ? write_result(reply_.result) : write_chunk(piece);
    all_->splice(all_->end(), *all_, place_);
    limit(reply_patience);
    asio::async_write(socket_, asio::buffer(buffer_),
                      [self = shared_from_this(), is_last](const std::error_code& ec, std::size_t) {
                        if (ec || is_last) return self->end();
                        self->send();
                      });
  }

  void limit(std::chrono::steady_clock::duration patience) {
    timer_.expires_after(patience);
    timer_.async_wait([self = shared_from_this()](const std::error_code& ec) {
      if (!ec) self->end();
    });
  }

  /// May be called again, by the handlers that it cancels.
  void end() {
    if (!socket_.is_open()) return;
    std::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
    all_->erase(place_);
  }

  Protocol::socket socket_;
  asio::steady_timer timer_;
  const Handler& handler_;
  const std::shared_ptr<Sessions> all_;
  Sessions::iterator place_;
  bool has_asked_ = false;
  std::string buffer_;
  Reply reply_;
  std::size_t taken_ = 0;  // octets at the start of reply_.text
};

Server::Server(asio::io_context& io, std::string program, Handler handler)
    : io_(io),
      program_(std::move(program)),
      handler_(std::move(handler)),
      acceptor_(io),
      pause_(io) {}

Server::~Server() {
  while (!sessions_->empty()) Session::end_one(*sessions_);
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

base::Expected<void, Server::OpenError> Server::open(const std::string& path) {
  const auto fail = [&](const std::error_code& why) {
    return base::Unexpected(OpenError{false, fmt::format("{}: {}", path, why.message())});
  };
  std::error_code ec;
  if (path.size() > max_path) return fail(std::make_error_code(std::errc::filename_too_long));
  const auto folder = std::filesystem::path(path).parent_path();
  if (!folder.empty()) std::filesystem::create_directories(folder, ec);
  if (ec) return fail(ec);

  const Protocol::endpoint place(path);
  Protocol::socket probe(io_);
  probe.open(Protocol(), ec);
  probe.non_blocking(true, ec);
  probe.connect(place, ec);
  if (!ec || ec == asio::error::try_again) {  // try_again: its queue is full
    return base::Unexpected(
        OpenError{true, fmt::format("another {} answers on {}", program_, path)});
  }
  // Only a socket that no program answers on is removed, never another file.
  if (ec == asio::error::connection_refused && std::filesystem::is_socket(path)) {
    std::filesystem::remove(path, ec);
  }

  acceptor_.open(Protocol(), ec);
  // Before bind(), so that other users can connect at no moment. The umask may have removed more
  // bits, so chmod() follows.
  if (!ec && ::fchmod(acceptor_.native_handle(), socket_mode) != 0) {
    return fail(base::last_error());
  }
  if (!ec) acceptor_.bind(place, ec);
  if (!ec && ::chmod(path.c_str(), socket_mode) != 0) {
    return fail(base::last_error());
  }
  if (!ec) acceptor_.listen(static_cast<int>(max_sessions), ec);
  if (ec) return fail(ec);
  path_ = path;
  accept();
  return {};
}

void Server::accept() {
  acceptor_.async_accept([this](const std::error_code& ec, Protocol::socket socket) {
    if (ec == asio::error::operation_aborted) return;
    if (ec) {
      pause_.expires_after(accept_pause);
      pause_.async_wait([this](const std::error_code& stopped) {
        if (!stopped) accept();
      });
      return;
    }
    if (sessions_->size() >= max_sessions) Session::end_one(*sessions_);
    std::make_shared<Session>(std::move(socket), handler_, sessions_)->start();
    accept();
  });
}

}  // namespace control
