#pragma once

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/expected.hpp"
#include "dnsd/control_protocol.hpp"

namespace dnsd {

/// What a command prints and how it ends.
struct ControlReply {
  std::string text;  ///< what is printed first, of any size
  /// Makes the next piece of what is printed, empty at the end; called when the client has taken
  /// the one before, so a large reply is never in memory as a whole. Null: `text` is all.
  std::function<std::string()> more;
  ControlResult result;
};

/// Answers programs on this host over a Unix socket that only the owner and group of the daemon may
/// use. Lives on the control thread: every call and every handler runs on `io`.
class ControlServer {
 public:
  using Handler = std::function<ControlReply(const ControlRequest&)>;

  struct OpenError {
    bool is_in_use = false;  ///< another daemon answers there
    std::string message;     ///< one line that names the path
  };

  /// \param io outlives the server.
  ControlServer(asio::io_context& io, Handler handler);
  /// Removes the socket file.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Makes the socket and its folder, and begins to answer. A socket file that nobody answers on is
  /// replaced. \param path at most 107 octets.
  [[nodiscard]] base::Expected<void, OpenError> open(const std::string& path);

 private:
  class Session;
  void accept();

  asio::io_context& io_;
  Handler handler_;
  asio::local::stream_protocol::acceptor acceptor_;
  asio::steady_timer pause_;
  std::string path_;                                          // empty: not open
  std::shared_ptr<int> sessions_ = std::make_shared<int>(0);  // how many there are
};

}  // namespace dnsd
