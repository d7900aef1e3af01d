#include "wg/netlink.hpp"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/netlink.h>

#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include "base/last_error.hpp"
#include "base/netlink.hpp"
#include "base/secret.hpp"
#include "wg/netlink_codec.hpp"

namespace wg {
namespace {

/// The kernel fills up to 32 KiB per datagram of a dump (netlink_dump).
constexpr std::size_t datagram_size = std::size_t{64} * 1024;
/// A dump that a change of the device's configuration interrupts is worthless. Handshakes and
/// traffic do not interrupt it.
constexpr int max_dumps = 10;

/// Our codes for a malformed answer and for an interrupted dump.
const std::error_code malformed = std::make_error_code(std::errc::bad_message);
const std::error_code interrupted = std::make_error_code(std::errc::interrupted);

class NetlinkSocket {
 public:
  /// \param protocol NETLINK_GENERIC or NETLINK_ROUTE.
  static base::Expected<NetlinkSocket, std::error_code> open(int protocol) {
    auto socket = base::open_netlink(protocol);
    if (!socket) return base::Unexpected(socket.error());
    return NetlinkSocket(std::move(*socket));
  }

  /// Sends a request that asks for a dump or an acknowledgement, and hands each piece of its answer
  /// to `visit(payload) → bool`. \return bad_message: `visit` returned false, or the octets are not
  /// netlink; interrupted: start the dump again; otherwise what the kernel says.
  template <typename Visit>
  std::error_code ask(const NetlinkRequest& request, std::uint32_t sequence, Visit visit) {
    if (mnl_socket_sendto(socket_.get(), request.data(), request.size()) < 0)
      return base::last_error();
    bool was_interrupted = false;
    for (;;) {
      const ssize_t size =
          mnl_socket_recvfrom(socket_.get(), buffer_.span().data(), buffer_.span().size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return base::last_error();
      base::Bytes datagram = buffer_.span().first(static_cast<std::size_t>(size));
      while (!datagram.empty()) {
        const auto message = take_message(datagram);
        if (!message) return malformed;
        if (message->sequence != sequence) continue;  // the answer to another request
        was_interrupted = was_interrupted || message->was_interrupted;
        if (message->kind == NetlinkMessage::Kind::error)
          return {message->error, std::generic_category()};
        if (message->kind == NetlinkMessage::Kind::done)
          return was_interrupted ? interrupted : std::error_code();
        if (!visit(message->payload)) return malformed;
      }
    }
  }

 private:
  explicit NetlinkSocket(base::NetlinkHandle socket) : socket_(std::move(socket)) {}

  base::NetlinkHandle socket_;
  base::WipedBuffer<std::uint8_t> buffer_{datagram_size};
};

DeviceError describe(const std::string& name, std::error_code code) {
  using Kind = DeviceError::Kind;
  if (code == std::errc::operation_not_permitted || code == std::errc::permission_denied)
    return {
        Kind::no_permission, code,
        fmt::format("{}: the kernel shows and sets WireGuard devices only with CAP_NET_ADMIN: run "
                    "as root, or grant it (systemd: AmbientCapabilities=CAP_NET_ADMIN)",
                    name)};
  if (code == std::errc::no_such_device)
    return {
        Kind::no_such_device, code,
        fmt::format("{}: there is no such interface, and no program serves a device of that name: "
                    "create it, or look for its name with `wg show interfaces`",
                    name)};
  if (code == std::errc::operation_not_supported)
    return {
        Kind::no_such_device, code,
        fmt::format("{}: this interface is not WireGuard, and no program serves a device of that "
                    "name: look for its name with `wg show interfaces`",
                    name)};
  if (code == interrupted)
    return {
        Kind::system, code,
        fmt::format("{}: the device was changed {} times while it was being read: wait until it "
                    "is configured",
                    name, max_dumps)};
  if (code == malformed)
    return {
        Kind::protocol, code,
        fmt::format("{}: the kernel's answer is not WireGuard's netlink protocol: is the module "
                    "wireguard an unofficial one?",
                    name)};
  return {Kind::system, code,
          fmt::format("{}: the kernel's WireGuard failed: {}", name, code.message())};
}

/// A socket and the number that the kernel gave the family `wireguard`.
struct Connection {
  NetlinkSocket socket;
  std::uint16_t family;
};

base::Expected<Connection, DeviceError> connect_to_wireguard(const std::string& name) {
  auto socket = NetlinkSocket::open(NETLINK_GENERIC);
  if (!socket) return base::Unexpected(describe(name, socket.error()));
  std::optional<std::uint16_t> family;
  const std::error_code code = socket->ask(write_family_request(0), 0, [&](base::Bytes payload) {
    family = parse_family(payload);
    return family.has_value();
  });
  if (code == std::errc::no_such_file_or_directory)
    return base::Unexpected(DeviceError{
        DeviceError::Kind::no_wireguard, code,
        fmt::format(
            "{}: no program serves a device of that name, and this kernel has no WireGuard: "
            "load the module wireguard, or start wireguard-go",
            name)});
  if (code || !family) return base::Unexpected(describe(name, code ? code : malformed));
  return Connection{std::move(*socket), *family};
}

/// \param write (family, first sequence number) → requests, of which each is acknowledged.
template <typename Write>
base::Expected<void, DeviceError> set_kernel(const std::string& name, Write write) {
  auto connection = connect_to_wireguard(name);
  if (!connection) return base::Unexpected(connection.error());
  std::uint32_t sequence = 1;
  for (const NetlinkRequest& request : write(connection->family, sequence)) {
    const std::error_code code =
        connection->socket.ask(request, sequence++, [](base::Bytes) { return true; });
    if (code) return base::Unexpected(describe(name, code));
  }
  return {};
}

}  // namespace

base::Expected<Device, DeviceError> read_kernel_device(const std::string& name) {
  auto connection = connect_to_wireguard(name);
  if (!connection) return base::Unexpected(connection.error());
  std::error_code code = interrupted;
  for (std::uint32_t sequence = 1; sequence <= max_dumps && code == interrupted; ++sequence) {
    NetlinkDeviceReader reader;
    code =
        connection->socket.ask(write_device_request(connection->family, sequence, name), sequence,
                               [&](base::Bytes payload) { return reader.read(payload); });
    if (code) continue;
    Device device = std::move(reader).take();
    device.name = name;
    return device;
  }
  return base::Unexpected(describe(name, code));
}

base::Expected<void, DeviceError> set_kernel_peers(const std::string& name,
                                                   std::span<const PeerUpdate> updates) {
  return set_kernel(name, [&](std::uint16_t family, std::uint32_t sequence) {
    return write_set_requests(family, sequence, name, updates);
  });
}

base::Expected<void, DeviceError> change_kernel_membership(const std::string& name,
                                                           const Membership& change) {
  return set_kernel(name, [&](std::uint16_t family, std::uint32_t sequence) {
    return write_membership_requests(family, sequence, name, change);
  });
}

std::vector<std::string> list_kernel_devices() {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return {};
  std::vector<std::string> names;
  std::error_code code = interrupted;
  for (std::uint32_t sequence = 1; sequence <= max_dumps && code == interrupted; ++sequence) {
    names.clear();
    code = socket->ask(write_links_request(sequence), sequence, [&](base::Bytes payload) {
      if (auto name = parse_wireguard_link(payload)) names.push_back(std::move(*name));
      return true;
    });
  }
  return names;
}

}  // namespace wg
