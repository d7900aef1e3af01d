#include "base/notify.hpp"

#include <doctest/doctest.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <iterator>
#include <string>

namespace {

// A service manager's socket in the abstract namespace, unique per process.
class Manager {
 public:
  Manager() : name_("@wg-notify-test-" + std::to_string(::getpid())) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name_.begin(), name_.end(), std::begin(address.sun_path));
    address.sun_path[0] = '\0';
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const void* raw = &address;
    REQUIRE(::bind(fd_, static_cast<const sockaddr*>(raw),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name_.size())) == 0);
    ::setenv("NOTIFY_SOCKET", name_.c_str(), 1);
  }
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(fd_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // The next message, or empty when there is none.
  [[nodiscard]] std::string take() const {
    std::array<char, 256> buffer{};
    const auto size = ::recv(fd_, buffer.data(), buffer.size(), 0);
    return size < 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

 private:
  std::string name_;
  int fd_ = -1;
};

}  // namespace

TEST_CASE("a state reaches the service manager as it is, one datagram each") {
  const Manager manager;
  base::notify_systemd("READY=1\nSTATUS=answering");
  base::notify_systemd("STOPPING=1");
  CHECK(manager.take() == "READY=1\nSTATUS=answering");
  CHECK(manager.take() == "STOPPING=1");
  CHECK(manager.take().empty());
}

TEST_CASE("a service manager that reads nothing holds up nobody") {
  const Manager manager;
  const auto level = spdlog::get_level();
  spdlog::set_level(spdlog::level::off);  // each lost message is warned of
  for (int i = 0; i < 2000; ++i)
    base::notify_systemd("WATCHDOG=1");  // its queue takes some hundreds
  spdlog::set_level(level);
  int taken = 0;
  while (!manager.take().empty()) ++taken;
  CHECK(taken > 0);
  CHECK(taken < 2000);
}

TEST_CASE("without a service manager, or with an impossible socket, nothing happens") {
  ::unsetenv("NOTIFY_SOCKET");
  base::notify_systemd("READY=1");
  for (const std::string& path : {std::string(), std::string(200, 'x'), std::string("/nowhere")}) {
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
    base::notify_systemd("READY=1");
  }
  ::unsetenv("NOTIFY_SOCKET");
}

TEST_CASE("the watchdog is due at half of what the manager allows, and only for this process") {
  const std::string us = std::to_string(::getpid());
  const struct {
    std::string name;
    const char* limit;
    const char* process;
    std::optional<std::chrono::microseconds> expected;
  } rows[] = {
      {"for us", "3000000", us.c_str(), std::chrono::microseconds(1500000)},
      {"for any process", "3000000", nullptr, std::chrono::microseconds(1500000)},
      {"for another process", "3000000", "1", std::nullopt},
      {"none", nullptr, nullptr, std::nullopt},
      {"zero", "0", nullptr, std::nullopt},
      {"not a number", "3s", nullptr, std::nullopt},
  };
  for (const auto& row : rows) {
    CAPTURE(row.name);
    row.limit != nullptr ? ::setenv("WATCHDOG_USEC", row.limit, 1) : ::unsetenv("WATCHDOG_USEC");
    row.process != nullptr ? ::setenv("WATCHDOG_PID", row.process, 1) : ::unsetenv("WATCHDOG_PID");
    CHECK(base::watchdog_interval() == row.expected);
  }
  ::unsetenv("WATCHDOG_USEC");
  ::unsetenv("WATCHDOG_PID");
}
