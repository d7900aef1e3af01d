// WireGuard devices in user space, through their Unix sockets: connect, send one request, read its
// answer, and describe what went wrong. Blocks, with time limits, on the caller's thread; nothing
// is kept between calls. The text of requests and answers is in uapi.cpp, devices of the kernel are
// in netlink.cpp.

#include "wg/uapi_socket.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/clock.hpp"
#include "base/last_error.hpp"
#include "base/secret.hpp"
#include "wg/uapi.hpp"

namespace wg {
namespace {

/// How long a device may send nothing, and how long a whole answer may take. wireguard-go writes
/// its maximum, 65 536 peers, in half a second.
constexpr std::chrono::seconds silence_limit{2};
constexpr std::chrono::seconds reply_limit{10};
constexpr std::size_t piece_size = std::size_t{64} * 1024;

std::string socket_path(const std::string& name, const std::string& directory) {
  return directory + '/' + name + ".sock";
}

DeviceError make_error(DeviceError::Kind kind, std::error_code code, std::string message) {
  return {kind, code, std::move(message)};
}

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

base::Expected<Socket, std::error_code> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return base::Unexpected(std::make_error_code(std::errc::filename_too_long));
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return base::Unexpected(base::last_error());
  const timeval limit{silence_limit.count(), 0};
  const void* raw = &address;
  if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
      ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
      ::connect(socket.get(), static_cast<const sockaddr*>(raw), sizeof address) != 0)
    return base::Unexpected(base::last_error());
  return socket;
}

/// \return no error also if the device answers and closes the connection before it has read
/// everything: its answer tells why.
std::error_code send_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      text.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EPIPE) {
      return {};
    } else if (errno != EINTR) {
      return base::last_error();
    }
  }
  return {};
}

std::error_code receive_all(int descriptor, UapiReader& reader) {
  const auto deadline = base::read_steady() + reply_limit;
  base::WipedBuffer<char> buffer(piece_size);
  const std::span<char> piece = buffer.span();
  for (;;) {
    const ssize_t received = ::recv(descriptor, piece.data(), piece.size(), 0);
    if (received == 0) return {};
    if (received < 0) {
      if (errno == EINTR) continue;
      return base::last_error();
    }
    if (!reader.feed({piece.data(), static_cast<std::size_t>(received)})) return {};
    if (base::read_steady() > deadline) return std::make_error_code(std::errc::timed_out);
  }
}

DeviceError describe(const std::string& name, const std::string& path, std::error_code code) {
  using Kind = DeviceError::Kind;
  if (code == std::errc::no_such_file_or_directory || code == std::errc::connection_refused)
    return make_error(Kind::no_such_device, code,
                      fmt::format("{}: no program serves {}", name, path));
  if (code == std::errc::permission_denied || code == std::errc::operation_not_permitted)
    return make_error(
        Kind::no_permission, code,
        fmt::format("{}: no permission to open {}: run as root, or give this user access to it",
                    name, path));
  if (code == std::errc::resource_unavailable_try_again || code == std::errc::timed_out)
    return make_error(
        Kind::system, std::make_error_code(std::errc::timed_out),
        fmt::format("{}: the program behind {} does not answer: look whether it hangs", name,
                    path));
  return make_error(Kind::system, code,
                    fmt::format("{}: talking to {} failed: {}", name, path, code.message()));
}

/// Sends one request and reads its answer, which may report success or an error.
base::Expected<UapiReply, DeviceError> ask(const std::string& name, const std::string& directory,
                                           std::string_view request) {
  const std::string path = socket_path(name, directory);
  auto socket = connect_to(path);
  if (!socket) return base::Unexpected(describe(name, path, socket.error()));
  UapiReader reader(std::chrono::system_clock::now());
  std::error_code code = send_all(socket->get(), request);
  if (!code) code = receive_all(socket->get(), reader);
  if (code) return base::Unexpected(describe(name, path, code));
  auto reply = std::move(reader).finish();
  if (reply) return std::move(*reply);
  const UapiError& error = reply.error();
  return base::Unexpected(make_error(
      DeviceError::Kind::protocol, {},
      fmt::format("{}: the program behind {} does not speak WireGuard's protocol: line {}: {}",
                  name, path, error.line, error.message)));
}

DeviceError describe_refusal(const std::string& name, const std::string& path, int error) {
  const std::error_code code(error, std::generic_category());
  return make_error(
      DeviceError::Kind::system, code,
      fmt::format("{}: the program behind {} refused: {}", name, path, code.message()));
}

base::Expected<void, DeviceError> set_uapi(const std::string& name, const std::string& request,
                                           const std::string& directory) {
  const auto reply = ask(name, directory, request);
  if (!reply) return base::Unexpected(reply.error());
  if (reply->error == 0) return {};
  // Only reading a device shows whether it is boringtun. It refused update_only, the first line
  // that has an effect, so nothing has changed.
  const auto device = ask(name, directory, uapi_get);
  if (device && device->is_boringtun)
    return base::Unexpected(make_error(
        DeviceError::Kind::read_only, {reply->error, std::generic_category()},
        fmt::format("{}: it is run by boringtun, which cannot change a peer that it has: it can be "
                    "observed only; use the kernel's WireGuard or wireguard-go",
                    name)));
  return base::Unexpected(describe_refusal(name, socket_path(name, directory), reply->error));
}

}  // namespace

base::Expected<Device, DeviceError> read_uapi_device(const std::string& name,
                                                     const std::string& directory) {
  auto reply = ask(name, directory, uapi_get);
  if (!reply) return base::Unexpected(reply.error());
  if (reply->error != 0)
    return base::Unexpected(describe_refusal(name, socket_path(name, directory), reply->error));
  reply->device.name = name;
  return std::move(reply->device);
}

base::Expected<void, DeviceError> set_uapi_peers(const std::string& name,
                                                 std::span<const PeerUpdate> updates,
                                                 const std::string& directory) {
  return set_uapi(name, write_uapi_set(updates), directory);
}

base::Expected<void, DeviceError> change_uapi_membership(const std::string& name,
                                                         const Membership& change,
                                                         const std::string& directory) {
  return set_uapi(name, write_uapi_membership(change), directory);
}

std::vector<std::string> list_uapi_devices(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code code;
  for (std::filesystem::directory_iterator file(directory, code), end; !code && file != end;
       file.increment(code)) {
    const std::filesystem::path& path = file->path();
    if (path.extension() == ".sock" && connect_to(path)) names.push_back(path.stem());
  }
  return names;
}

}  // namespace wg
