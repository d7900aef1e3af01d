#include "dnsd/control_client.hpp"

#include <fmt/format.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>
#include <string_view>

namespace dnsd {
namespace {

constexpr int no_daemon = 2;

int fail(const std::string& why) {
  fmt::print(stderr, "wg-dnsd: {}\n", why);
  return no_daemon;
}

}  // namespace

base::Expected<ControlResult, std::string> ask_daemon(
    const std::string& path, const ControlRequest& request,
    const std::function<bool(std::string_view)>& take) {
  asio::io_context io;
  asio::local::stream_protocol::socket socket(io);
  asio::error_code ec;
  socket.connect(asio::local::stream_protocol::endpoint(path), ec);
  if (ec == asio::error::access_denied) {
    return base::Unexpected(
        fmt::format("{}: {}; be root, or a member of the group of the daemon", path, ec.message()));
  }
  if (ec) {
    return base::Unexpected(fmt::format(
        "no wg-dnsd answers on {}: {}; --control names another socket", path, ec.message()));
  }
  asio::write(socket, asio::buffer(write_control_request(request)), ec);

  ControlReplyReader reader;
  std::array<char, 65536> received{};
  while (!ec && reader.state() == ControlReplyReader::State::reading) {
    const std::size_t size = socket.read_some(asio::buffer(received), ec);
    if (!take(reader.feed({received.data(), size}))) break;
  }
  if (reader.state() != ControlReplyReader::State::done) {
    return base::Unexpected(fmt::format("the reply on {} was cut short", path));
  }
  return reader.result();
}

int run_control_command(const std::string& path, const ControlRequest& request, std::FILE* out) {
  bool is_written = true;
  const auto result = ask_daemon(path, request, [&](std::string_view text) {
    is_written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
    return is_written;
  });
  if (!is_written || std::fflush(out) != 0) return fail("the output cannot be written");
  if (!result) return fail(result.error());
  if (!result->error.empty()) fmt::print(stderr, "wg-dnsd: {}\n", result->error);
  return result->exit;
}

}  // namespace dnsd
