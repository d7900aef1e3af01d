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

int run_control_command(const std::string& path, const ControlRequest& request, std::FILE* out) {
  asio::io_context io;
  asio::local::stream_protocol::socket socket(io);
  asio::error_code ec;
  socket.connect(asio::local::stream_protocol::endpoint(path), ec);
  if (ec == asio::error::access_denied) {
    return fail(
        fmt::format("{}: {}; be root, or a member of the group of the daemon", path, ec.message()));
  }
  if (ec) {
    return fail(fmt::format("no wg-dnsd answers on {}: {}; --control names another socket", path,
                            ec.message()));
  }
  asio::write(socket, asio::buffer(write_control_request(request)), ec);

  ControlReplyReader reader;
  std::array<char, 65536> received{};
  while (!ec && reader.state() == ControlReplyReader::State::reading) {
    const std::size_t size = socket.read_some(asio::buffer(received), ec);
    const std::string_view text = reader.feed({received.data(), size});
    if (std::fwrite(text.data(), 1, text.size(), out) != text.size()) {
      return fail("the output cannot be written");
    }
  }
  if (std::fflush(out) != 0) return fail("the output cannot be written");
  if (reader.state() != ControlReplyReader::State::done) {
    return fail(fmt::format("the reply on {} was cut short", path));
  }
  if (!reader.result().error.empty()) {
    fmt::print(stderr, "wg-dnsd: {}\n", reader.result().error);
  }
  return reader.result().exit;
}

}  // namespace dnsd
