#include "updater/control.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

namespace updater {
namespace {

using Json = nlohmann::json;
using Protocol = asio::local::stream_protocol;

constexpr int nobody_answers = 2;
constexpr ::mode_t socket_mode = 0660;
/// Clients at a time. Programs on this host that may talk to us are trusted, but may hang.
constexpr int max_sessions = 16;
constexpr std::chrono::seconds patience{10};
/// A reply for a thousand peers has about half a megabyte.
constexpr std::size_t max_reply = 64U << 20U;

struct Word {
  ControlRequest::Command command;
  const char* word;
};
constexpr std::array<Word, 3> commands{{{ControlRequest::Command::status, "status"},
                                        {ControlRequest::Command::why, "why"},
                                        {ControlRequest::Command::doctor, "doctor"}}};

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

base::Expected<ControlRequest, std::string> parse_control_request(std::string_view line) {
  const auto refuse = [](const char* why) { return base::Unexpected(std::string(why)); };
  if (line.size() > max_control_line) return refuse("the request is too long");
  const Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return refuse("the request is not a JSON object");
  ControlRequest request;
  const Json command = json.value("command", Json());
  const auto known = std::find_if(commands.begin(), commands.end(),
                                  [&](const auto& one) { return command == one.word; });
  if (known == commands.end())
    return refuse("the request has no command that is known: status, why, doctor");
  request.command = known->command;
  const Json is_json = json.value("json", Json(false));
  const Json peer = json.value("peer", Json(""));
  if (!is_json.is_boolean()) return refuse("json is neither true nor false");
  if (!peer.is_string()) return refuse("peer is not a text");
  request.json = is_json.get<bool>();
  request.peer = peer.get<std::string>();
  return request;
}

std::string write_control_request(const ControlRequest& request) {
  Json json{{"command", std::find_if(commands.begin(), commands.end(), [&](const auto& one) {
                          return one.command == request.command;
                        })->word}};
  if (request.json) json["json"] = true;
  if (!request.peer.empty()) json["peer"] = request.peer;
  return dump(json) + "\n";
}

std::string write_control_reply(const ControlReply& reply) {
  Json json{{"exit", reply.exit}, {"octets", reply.text.size()}};
  if (!reply.error.empty()) json["error"] = reply.error;
  return dump(json) + "\n" + reply.text;
}

std::optional<ControlReply> parse_control_reply(std::string_view received) {
  const std::size_t end = received.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const Json json = Json::parse(received.substr(0, end), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const Json exit = json.value("exit", Json());
  const Json octets = json.value("octets", Json());
  const Json error = json.value("error", Json(""));
  if (!exit.is_number_unsigned() || !octets.is_number_unsigned() || !error.is_string())
    return std::nullopt;
  if (exit.get<std::uint64_t>() > 255 || octets.get<std::uint64_t>() != received.size() - end - 1)
    return std::nullopt;
  return ControlReply{exit.get<int>(), error.get<std::string>(),
                      std::string(received.substr(end + 1))};
}

std::string default_control_socket(const std::string& interface) {
  const char* folder = std::getenv("RUNTIME_DIRECTORY");
  return fmt::format("{}/{}.sock", folder != nullptr ? folder : "/run/wg-updater", interface);
}

/// One client: one request, one reply.
class ControlServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Protocol::socket socket, const Handler& handler, std::shared_ptr<int> count)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        handler_(handler),
        count_(std::move(count)) {
    ++*count_;
  }
  ~Session() { --*count_; }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    timer_.expires_after(patience);
    timer_.async_wait([self = shared_from_this()](const asio::error_code& ec) {
      if (!ec) self->end();
    });
    asio::async_read_until(
        socket_, asio::dynamic_buffer(buffer_, max_control_line + 1), '\n',
        [self = shared_from_this()](const asio::error_code& ec, std::size_t size) {
          if (ec) return self->end();
          self->answer(std::string_view(self->buffer_).substr(0, size - 1));
        });
  }

 private:
  void answer(std::string_view line) {
    const auto request = parse_control_request(line);
    const ControlReply reply =
        request ? handler_(*request) : ControlReply{nobody_answers, request.error(), ""};
    buffer_ = write_control_reply(reply);
    asio::async_write(
        socket_, asio::buffer(buffer_),
        [self = shared_from_this()](const asio::error_code&, std::size_t) { self->end(); });
  }

  void end() {
    asio::error_code ignored;
    socket_.close(ignored);
    timer_.cancel();
  }

  Protocol::socket socket_;
  asio::steady_timer timer_;
  const Handler& handler_;
  std::shared_ptr<int> count_;
  std::string buffer_;
};

ControlServer::ControlServer(asio::io_context& context, Handler handler)
    : handler_(std::move(handler)), acceptor_(context) {}

ControlServer::~ControlServer() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove(path_, ignored);
}

std::string ControlServer::open(const std::string& path) {
  const auto fail = [&](const std::error_code& why) {
    return fmt::format("{}: {}", path, why.message());
  };
  asio::error_code ec;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ec);
  if (ec) return fail(ec);
  sockaddr_un shape{};
  if (path.size() >= sizeof shape.sun_path) return path + ": the path is too long for a socket";
  const Protocol::endpoint place(path);
  Protocol::socket probe(acceptor_.get_executor());
  probe.open(Protocol(), ec);
  probe.non_blocking(true, ec);
  probe.connect(place, ec);
  if (!ec || ec == asio::error::try_again) return "another wg-updater answers on " + path;
  // Only a socket that nobody answers on is removed, never a file of somebody.
  if (ec == asio::error::connection_refused && std::filesystem::is_socket(path))
    std::filesystem::remove(path, ec);
  acceptor_.open(Protocol(), ec);
  // Before bind(), so that there is no moment at which others may connect.
  if (!ec && ::fchmod(acceptor_.native_handle(), socket_mode) != 0)
    return fail({errno, std::generic_category()});
  if (!ec) acceptor_.bind(place, ec);
  if (!ec) acceptor_.listen(max_sessions, ec);
  if (ec) return fail(ec);
  path_ = path;
  accept();
  return {};
}

void ControlServer::accept() {
  acceptor_.async_accept([this](const asio::error_code& ec, Protocol::socket socket) {
    if (ec == asio::error::operation_aborted) return;
    if (!ec && *sessions_ < max_sessions)
      std::make_shared<Session>(std::move(socket), handler_, sessions_)->start();
    accept();
  });
}

base::Expected<ControlReply, std::string> ask_daemon(const std::string& path,
                                                     const ControlRequest& request) {
  asio::io_context context;
  Protocol::socket socket(context);
  asio::error_code ec;
  socket.connect(Protocol::endpoint(path), ec);
  if (ec)
    return base::Unexpected(fmt::format(
        "no wg-updater answers on {}: {}; --control names another socket", path, ec.message()));
  asio::write(socket, asio::buffer(write_control_request(request)), ec);
  std::string received;
  std::array<char, 65536> piece{};
  while (!ec && received.size() < max_reply)
    received.append(piece.data(), socket.read_some(asio::buffer(piece), ec));
  auto reply = parse_control_reply(received);
  if (!reply) return base::Unexpected(fmt::format("the reply on {} was cut short", path));
  return *std::move(reply);
}

int run_control_command(const std::string& path, const ControlRequest& request, std::FILE* out) {
  const auto fail = [](const std::string& why) {
    fmt::print(stderr, "wg-updater: {}\n", why);
    return nobody_answers;
  };
  const auto reply = ask_daemon(path, request);
  if (!reply) return fail(reply.error());
  if (!reply->error.empty()) fmt::print(stderr, "wg-updater: {}\n", reply->error);
  if (std::fwrite(reply->text.data(), 1, reply->text.size(), out) != reply->text.size() ||
      std::fflush(out) != 0)
    return fail("the output cannot be written");
  return reply->exit;
}

}  // namespace updater
