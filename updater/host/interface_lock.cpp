#include "updater/host/interface_lock.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>

namespace updater {
namespace {

using namespace std::chrono_literals;

/// Between bind() and listen(), and while a holder ends, nobody can be asked. That is over soon.
constexpr int max_tries = 50;
constexpr auto try_interval = 10ms;
constexpr int max_waiting = 64;
constexpr int socket_flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
constexpr const char* default_folder = "/run/wg-updater";

struct Name {
  sockaddr_un address{};
  socklen_t length = 0;

  [[nodiscard]] const sockaddr* get() const {
    const void* raw = &address;
    return static_cast<const sockaddr*>(raw);
  }
};

/// \param interface 1–15 octets.
Name name_of(const std::string& interface) {
  Name name;
  name.address.sun_family = AF_UNIX;
  const std::string text = "wg-updater/" + interface;
  std::copy(text.begin(), text.end(), name.address.sun_path + 1);  // abstract: begins with NUL
  name.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  return name;
}

/// \return nullopt: the holder cannot be asked.
std::optional<ucred> find_holder(const Name& name) {
  const base::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | socket_flags, 0));
  ucred holder{};
  socklen_t length = sizeof holder;
  if (!socket || ::connect(socket.get(), name.get(), name.length) != 0 ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &holder, &length) != 0)
    return std::nullopt;
  return holder;
}

/// Abstract names have no owner and no mode: any user of this host can take one. Only those who may
/// run an updater are believed: root, this user, and the user of the systemd unit.
bool may_hold(uid_t user) {
  struct stat folder {};
  return user == 0 || user == ::geteuid() ||
         (::stat(default_folder, &folder) == 0 && user == folder.st_uid);
}

std::string refuse(const std::string& interface, pid_t holder) {
  // The kernel says 0 for a process of another container.
  const std::string who = holder > 0 ? fmt::format("process {}", holder) : "a process elsewhere";
  return fmt::format(
      "{0}: wg-updater runs on it already, {1}; two would undo each other's work. Ask that one "
      "with "
      "`wg-updater status {0}`, or stop it first: `systemctl stop wg-updater@{0}`{2}",
      interface, who, holder > 0 ? fmt::format(", or `kill {}`", holder) : "");
}

base::FileDescriptor go_without(std::string_view why) {
  spdlog::warn("a second wg-updater on this interface would not be noticed: {}", why);
  return {};
}

}  // namespace

base::Expected<base::FileDescriptor, std::string> lock_interface(const std::string& interface) {
  const Name name = name_of(interface);
  base::FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | socket_flags, 0));
  if (!socket) return go_without(std::strerror(errno));
  for (int i = 0; i < max_tries; ++i) {
    if (::bind(socket.get(), name.get(), name.length) == 0) {
      if (::listen(socket.get(), max_waiting) != 0) return go_without(std::strerror(errno));
      return socket;
    }
    if (errno != EADDRINUSE) return go_without(std::strerror(errno));
    if (const auto holder = find_holder(name)) {
      if (may_hold(holder->uid)) return base::Unexpected(refuse(interface, holder->pid));
      return go_without(fmt::format("process {} of user {} holds the name @wg-updater/{}",
                                    holder->pid, holder->uid, interface));
    }
    std::this_thread::sleep_for(try_interval);
  }
  return base::Unexpected(refuse(interface, 0));
}

InterfaceLock::InterfaceLock(asio::io_context& context, base::FileDescriptor lock)
    : socket_(context) {
  if (!lock) return;
  socket_.assign(lock.release());
  wait();
}

/// The kernel tells who holds the lock as soon as somebody connects.
void InterfaceLock::wait() {
  socket_.async_wait(asio::posix::descriptor_base::wait_read, [this](const std::error_code& ec) {
    if (ec) return;
    const base::FileDescriptor asker(
        ::accept4(socket_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC));
    wait();
  });
}

}  // namespace updater
