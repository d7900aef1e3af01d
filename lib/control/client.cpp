#include "control/client.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <span>
#include <system_error>

#include "base/file_descriptor.hpp"
#include "base/last_error.hpp"
#include "base/output.hpp"
#include "base/read_file.hpp"

namespace control {
namespace {

constexpr int nobody_answers = 2;
/// How often a silent daemon is looked at, and how often it must have been found stopped.
constexpr std::chrono::seconds look_interval{1};
constexpr int stopped_looks = 2;

std::error_code set_limit(int fd, int option, std::chrono::seconds limit) {
  const timeval time{limit.count(), 0};
  return ::setsockopt(fd, SOL_SOCKET, option, &time, sizeof time) == 0 ? std::error_code()
                                                                       : base::last_error();
}

std::error_code connect_to(const Daemon& daemon, int fd) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(daemon.path.begin(), daemon.path.end(), std::begin(address.sun_path));
  // While its queue is full, connect() waits as long as a send may.
  if (const auto error = set_limit(fd, SO_SNDTIMEO, daemon.patience)) return error;
  if (const auto error = set_limit(fd, SO_RCVTIMEO, look_interval)) return error;
  const void* raw = &address;
  return ::connect(fd, static_cast<const sockaddr*>(raw), sizeof address) == 0 ? std::error_code()
                                                                               : base::last_error();
}

std::error_code send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (size < 0 && errno != EINTR) return base::last_error();
    if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
  }
  return {};
}

/// The process that listens on the other end. \return nullopt: it is not of our PID namespace.
std::optional<int> process_of(int fd) {
  ucred who{};
  socklen_t length = sizeof who;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) != 0 || who.pid <= 0)
    return std::nullopt;
  return who.pid;
}

/// Whether a signal has stopped it, or a debugger (proc(5), stat: the letter behind the name).
bool is_stopped(int process) {
  const auto stat = base::read_file(fmt::format("/proc/{}/stat", process));
  if (!stat) return false;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= stat->size()) return false;
  const char state = (*stat)[name_end + 2];
  return state == 'T' || state == 't';
}

bool is_timeout(const std::error_code& error) {
  return error == std::errc::resource_unavailable_try_again;
}

std::string describe_silence(const Daemon& daemon) {
  return fmt::format("{} on {} has sent nothing for {} s: it is busy, or hangs; look into its log",
                     daemon.program, daemon.path, daemon.patience.count());
}

std::string describe(const Daemon& daemon, const std::error_code& error) {
  if (is_timeout(error)) return describe_silence(daemon);
  if (error == std::errc::permission_denied)
    return fmt::format("{}: {}; be root, or a member of the group of the daemon", daemon.path,
                       error.message());
  return fmt::format("no {} answers on {}: {}; --control names another socket", daemon.program,
                     daemon.path, error.message());
}

/// Waits for the next piece. \return octets; 0: the end. \error why it does not come
base::Expected<std::size_t, std::string> receive(const Daemon& daemon, int fd,
                                                 std::span<char> out) {
  const auto deadline = std::chrono::steady_clock::now() + daemon.patience;
  int stopped = 0;
  for (;;) {
    const ssize_t size = ::recv(fd, out.data(), out.size(), 0);
    if (size >= 0) return static_cast<std::size_t>(size);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return 0;
    const auto process = process_of(fd);
    stopped = process && is_stopped(*process) ? stopped + 1 : 0;
    if (stopped == stopped_looks)
      return base::Unexpected(fmt::format("{} on {} is stopped: `kill -CONT {}` lets it go on",
                                          daemon.program, daemon.path, *process));
    if (std::chrono::steady_clock::now() >= deadline)
      return base::Unexpected(describe_silence(daemon));
  }
}

}  // namespace

base::Expected<Result, std::string> ask(const Daemon& daemon, const std::string& request,
                                        const std::function<bool(std::string_view)>& take) {
  const base::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  std::error_code error = socket ? std::error_code() : base::last_error();
  if (daemon.path.size() > max_path) error = std::make_error_code(std::errc::filename_too_long);
  if (!error) error = connect_to(daemon, socket.get());
  if (error) return base::Unexpected(describe(daemon, error));
  // A daemon that ends the connection early may have said why: its reply tells.
  if (is_timeout(send_all(socket.get(), request)))
    return base::Unexpected(describe_silence(daemon));

  ReplyReader reader;
  std::array<char, 65536> received{};
  while (reader.state() == ReplyReader::State::reading) {
    const auto size = receive(daemon, socket.get(), received);
    if (!size) return base::Unexpected(size.error());
    if (*size == 0 || !take(reader.feed({received.data(), *size}))) break;
  }
  if (reader.state() != ReplyReader::State::done) {
    return base::Unexpected(fmt::format("the reply on {} was cut short", daemon.path));
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
    is_written = base::print_output(out, text);
    return is_written;
  });
  if (!is_written) return fail("the output cannot be written");
  if (!result) return fail(result.error());
  if (!result->error.empty()) fmt::print(stderr, "{}: {}\n", daemon.program, result->error);
  return result->exit;
}

}  // namespace control
