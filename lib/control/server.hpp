#pragma once

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>

#include "base/expected.hpp"
#include "control/reply.hpp"

namespace control {

/// Answers programs on this host over a Unix socket that only the owner and group of this program
/// may use. A client that asks is never kept out by silent ones. Every call and every handler runs
/// on the thread of `io`.
class Server {
 public:
  /// \param request without its newline.
  using Handler = std::function<Reply(std::string_view request)>;

  struct OpenError {
    bool is_in_use = false;  ///< another one answers there
    std::string message;     ///< one line that names the path
  };

  /// \param io outlives the server. \param program as messages call it.
  Server(asio::io_context& io, std::string program, Handler handler);
  /// Removes the socket file.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Makes the socket and its folder, and begins to answer. A socket file that nobody answers on is
  /// replaced.
  [[nodiscard]] base::Expected<void, OpenError> open(const std::string& path);

 private:
  class Session;
  using Sessions = std::list<std::shared_ptr<Session>>;
  void accept();

  asio::io_context& io_;
  const std::string program_;
  Handler handler_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::string path_;  // empty: not open
  /// The one that has moved last is last.
  std::shared_ptr<Sessions> sessions_ = std::make_shared<Sessions>();
};

}  // namespace control
