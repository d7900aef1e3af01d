#pragma once

#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/expected.hpp"

/// The Unix socket over which a running updater is asked. The client sends one request: a JSON
/// object on one line of at most 4096 octets, `{"command":"why","peer":"xTIB"}`. The answer is one
/// line of JSON, `{"exit":0,"octets":123}` or `{"exit":2,"error":"why","octets":0}`, then so many
/// octets of text.
namespace updater {

struct ControlRequest {
  enum class Command : std::uint8_t { status, why, doctor };
  Command command{};
  bool json = false;  ///< status: for programs instead of for people
  std::string peer;   ///< why: a key, or its beginning

  friend bool operator==(const ControlRequest&, const ControlRequest&) = default;
};

struct ControlReply {
  int exit = 0;       ///< of the program that asked
  std::string error;  ///< one line for standard error; empty: none
  std::string text;

  friend bool operator==(const ControlReply&, const ControlReply&) = default;
};

inline constexpr std::size_t max_control_line = 4096;

/// \param line without its newline. \error one sentence.
[[nodiscard]] base::Expected<ControlRequest, std::string> parse_control_request(
    std::string_view line);
/// With its newline.
[[nodiscard]] std::string write_control_request(const ControlRequest& request);
[[nodiscard]] std::string write_control_reply(const ControlReply& reply);
/// \return nullopt: cut short, or malformed.
[[nodiscard]] std::optional<ControlReply> parse_control_reply(std::string_view received);

/// $RUNTIME_DIRECTORY/IFACE.sock, else /run/wg-updater/IFACE.sock.
[[nodiscard]] std::string default_control_socket(const std::string& interface);

/// Answers on the thread of its io_context. Only owner and group may ask.
class ControlServer {
 public:
  using Handler = std::function<ControlReply(const ControlRequest&)>;

  /// \param context outlives the server.
  ControlServer(asio::io_context& context, Handler handler);
  /// Removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Makes the socket and its folder. A socket that nobody answers on is replaced.
  /// \return what is wrong, in one line that names the path; empty: nothing.
  [[nodiscard]] std::string open(const std::string& path);

 private:
  class Session;
  void accept();

  Handler handler_;
  asio::local::stream_protocol::acceptor acceptor_;
  std::string path_;  // empty: not open
  std::shared_ptr<int> sessions_ = std::make_shared<int>(0);
};

/// Asks. Blocks. \error one sentence that names `path`: nobody answers there, or not in full.
[[nodiscard]] base::Expected<ControlReply, std::string> ask_daemon(const std::string& path,
                                                                   const ControlRequest& request);

/// Asks, prints the text to `out` and errors to standard error. Blocks. \return the exit code; 2
/// when nobody answers on `path`.
[[nodiscard]] int run_control_command(const std::string& path, const ControlRequest& request,
                                      std::FILE* out);

}  // namespace updater
