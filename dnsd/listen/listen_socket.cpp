#include "dnsd/listen/listen_socket.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

#include "base/last_error.hpp"

namespace dnsd {
namespace {

/// Connections that wait to be accepted; the kernel lowers it to net.core.somaxconn.
constexpr int accept_queue = 4096;
/// Queries that wait while the thread is busy or not scheduled: about 1300 small ones. The default
/// of Linux is 270.
constexpr int receive_queue_octets = 1 << 20;

bool set_option(int socket, int level, int option, int value) {
  return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

/// Asks the kernel for the destination address of each query. A socket bound to one address needs
/// none: its replies leave from there.
bool tell_asked_address(int socket, const base::IpAddress& bound) {
  if (!bound.is_unspecified()) return true;
  return bound.is_ipv4() ? set_option(socket, IPPROTO_IP, IP_PKTINFO, 1)
                         : set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

bool set_udp_options(int socket, const base::IpAddress& bound) {
  // Beyond net.core.rmem_max only with CAP_NET_ADMIN; whatever we get is better than the default.
  if (!set_option(socket, SOL_SOCKET, SO_RCVBUFFORCE, receive_queue_octets)) {
    (void)set_option(socket, SOL_SOCKET, SO_RCVBUF, receive_queue_octets);
  }
  // IP_PMTUDISC_OMIT: replies are small enough not to be fragmented on any sane path, and a forged
  // "fragmentation needed" must not be able to change that (RFC 9715 §3.1).
  return tell_asked_address(socket, bound) &&
         (bound.is_ipv4()
              ? set_option(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT)
              : set_option(socket, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_OMIT));
}

bool set_tcp_options(int socket) {
  // SO_REUSEADDR: old connections in TIME_WAIT do not keep us from starting again.
  return set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1) &&
         set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);  // accepted sockets inherit it
}

bool bind_to(int socket, const BindAddress& address) {
  if (tie_to_device(socket, address.device)) return false;
  sockaddr_storage storage{};
  const socklen_t length = address.endpoint.to_sockaddr(storage);
  void* raw = &storage;
  if (address.scope != 0) static_cast<sockaddr_in6*>(raw)->sin6_scope_id = address.scope;
  return ::bind(socket, static_cast<const sockaddr*>(raw), length) == 0;
}

base::Expected<base::FileDescriptor, std::error_code> open_socket(const BindAddress& address,
                                                                  dns::Transport transport,
                                                                  bool share) {
  const base::Family family = address.endpoint.address.family();
  const bool is_udp = transport == dns::Transport::udp;
  base::FileDescriptor socket(
      ::socket(family == base::Family::ipv4 ? AF_INET : AF_INET6,
               (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int fd = socket.get();
  // The first socket is bound exclusively, so that a socket of another program shows as EADDRINUSE.
  // Only then does it let its siblings in.
  const bool done =
      socket && (family == base::Family::ipv4 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
      (is_udp ? set_udp_options(fd, address.endpoint.address) : set_tcp_options(fd)) &&
      (!share || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) && bind_to(fd, address) &&
      (share || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
      (is_udp || ::listen(fd, accept_queue) == 0);
  if (!done) return base::Unexpected(base::last_error());
  return socket;
}

base::Expected<std::vector<base::FileDescriptor>, BindError> open_sockets(
    const BindAddress& address, dns::Transport transport, std::size_t count, Sharing sharing) {
  std::vector<base::FileDescriptor> sockets;
  while (sockets.size() < count) {
    const bool share = sharing == Sharing::with_own || !sockets.empty();
    auto socket = open_socket(address, transport, share);
    if (!socket) return base::Unexpected(BindError{transport, socket.error()});
    sockets.push_back(std::move(*socket));
  }
  return sockets;
}

}  // namespace

std::error_code prepare_inherited(int socket, dns::Transport transport,
                                  const base::Endpoint& place) {
  const int flags = ::fcntl(socket, F_GETFL);
  const bool done = flags >= 0 && ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) == 0 &&
                    ::fcntl(socket, F_SETFD, FD_CLOEXEC) == 0 &&
                    set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1) &&
                    (transport == dns::Transport::udp ? set_udp_options(socket, place.address)
                                                      : set_tcp_options(socket));
  return done ? std::error_code() : base::last_error();
}

std::string read_device(int socket) {
  std::array<char, IFNAMSIZ> name{};
  socklen_t size = name.size();
  if (::getsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name.data(), &size) != 0) return {};
  return name.data();
}

std::error_code tie_to_device(int socket, const std::string& device) {
  if (device.empty()) return {};
  // What systemd has tied already needs no privilege of ours.
  if (read_device(socket) == device) return {};
  if (::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                   static_cast<socklen_t>(device.size())) == 0) {
    return {};
  }
  return base::last_error();
}

base::Expected<ListenSockets, BindError> open_listen_sockets(const BindAddress& address,
                                                             std::size_t count, Sharing sharing) {
  auto result = open_udp_sockets(address, count, sharing);
  if (!result) return result;
  auto tcp = open_sockets(address, dns::Transport::tcp, count, sharing);
  if (!tcp) return base::Unexpected(tcp.error());
  result->tcp = std::move(*tcp);
  return result;
}

base::Expected<ListenSockets, BindError> open_udp_sockets(const BindAddress& address,
                                                          std::size_t count, Sharing sharing) {
  auto sockets = open_sockets(address, dns::Transport::udp, count, sharing);
  if (!sockets) return base::Unexpected(sockets.error());
  return ListenSockets{.udp = std::move(*sockets), .tcp = {}};
}

}  // namespace dnsd
