#include "base/notify.hpp"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

namespace base {
namespace {

// The whole text as a decimal number. \return nullopt: it is something else.
std::optional<long long> parse_number(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  long long value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (ec != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

void notify_systemd(std::string_view state) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  if (variable == nullptr) return;
  const std::string_view path(variable);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    spdlog::warn("NOTIFY_SOCKET={} is not the path of a socket", path);
    return;
  }
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  if (path.front() == '@') address.sun_path[0] = '\0';  // an abstract socket, unix(7)
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const void* raw = &address;
  if (fd < 0 || ::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                         static_cast<const sockaddr*>(raw), length) < 0) {
    spdlog::warn("the service manager at {} cannot be told \"{}\": {}", path, state,
                 std::strerror(errno));
  }
  if (fd >= 0) ::close(fd);
}

std::optional<std::chrono::microseconds> watchdog_interval() {
  const auto limit = parse_number(std::getenv("WATCHDOG_USEC"));
  if (!limit || *limit <= 0) return std::nullopt;
  const char* process = std::getenv("WATCHDOG_PID");
  if (process != nullptr && parse_number(process) != ::getpid()) return std::nullopt;
  return std::chrono::microseconds(*limit / 2);
}

}  // namespace base
