#include "control/client.hpp"

#include <fmt/format.h>

#include <array>
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/write.hpp>

namespace control {
namespace {

using Protocol = asio::local::stream_protocol;

constexpr int nobody_answers = 2;

}  // namespace

base::Expected<Result, std::string> ask(const Daemon& daemon, const std::string& request,
                                        const std::function<bool(std::string_view)>& take) {
  const std::string& path = daemon.path;
  asio::io_context io;
  Protocol::socket socket(io);
  std::error_code ec;
  if (path.size() > max_path) {
    ec = asio::error::name_too_long;
  } else {
    socket.connect(Protocol::endpoint(path), ec);
  }
  if (ec == asio::error::access_denied) {
    return base::Unexpected(
        fmt::format("{}: {}; be root, or a member of the group of the daemon", path, ec.message()));
  }
  if (ec) {
    return base::Unexpected(fmt::format("no {} answers on {}: {}; --control names another socket",
                                        daemon.program, path, ec.message()));
  }
  asio::write(socket, asio::buffer(request), ec);

  ReplyReader reader;
  std::array<char, 65536> received{};
  while (!ec && reader.state() == ReplyReader::State::reading) {
    const std::size_t size = socket.read_some(asio::buffer(received), ec);
    if (!take(reader.feed({received.data(), size}))) break;
  }
  if (reader.state() != ReplyReader::State::done) {
    return base::Unexpected(fmt::format("the reply on {} was cut short", path));
  }
  return reader.result();
}

base::Expected<std::string, std::string> ask_text(const Daemon& daemon,
                                                  const std::string& request) {
  std::string text;
  const auto result = ask(daemon, request, [&](std::string_view piece) {
    text += piece;
    return true;
  });
  if (!result) return base::Unexpected(result.error());
  if (result->exit != 0) return base::Unexpected(result->error);
  return text;
}

int run_command(const Daemon& daemon, const std::string& request, std::FILE* out) {
  const auto fail = [&](const std::string& why) {
    fmt::print(stderr, "{}: {}\n", daemon.program, why);
    return nobody_answers;
  };
  bool is_written = true;
  const auto result = ask(daemon, request, [&](std::string_view text) {
    is_written = std::fwrite(text.data(), 1, text.size(), out) == text.size();
    return is_written;
  });
  if (!is_written || std::fflush(out) != 0) return fail("the output cannot be written");
  if (!result) return fail(result.error());
  if (!result->error.empty()) fmt::print(stderr, "{}: {}\n", daemon.program, result->error);
  return result->exit;
}

}  // namespace control
