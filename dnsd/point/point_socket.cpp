#include "dnsd/point/point_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/last_error.hpp"
#include "base/packet_info.hpp"

namespace dnsd {
namespace {

/// Room for the keepalives of thousands of peers that wake at the same moment.
constexpr int queue_octets = 4 << 20U;
constexpr std::size_t incoming_octets = 9216;
constexpr std::size_t outgoing_octets = 2048;

bool set_option(int socket, int level, int name, int value) {
  return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

}  // namespace

class PointSocket::Buffers {
 public:
  std::size_t receive(
      int socket,
      const std::function<void(base::MutableBytes datagram, const noise::Path& path)>& take) {
    for (std::size_t i = 0; i < batch_size; ++i) {
      parts_[i] = {.iov_base = incoming_[i].data(), .iov_len = incoming_octets};
      received_[i].msg_hdr = {.msg_name = &sources_[i],
                              .msg_namelen = sizeof sources_[i],
                              .msg_iov = &parts_[i],
                              .msg_iovlen = 1,
                              .msg_control = &controls_[i],
                              .msg_controllen = sizeof controls_[i],
                              .msg_flags = 0};
    }
    const int count = ::recvmmsg(socket, received_.data(), batch_size, MSG_DONTWAIT, nullptr);
    if (count <= 0) return 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const msghdr& header = received_[i].msg_hdr;
      const auto source = base::Endpoint::from_sockaddr(sources_[i]);
      const auto local = base::PacketInfo::read_asked(header);
      const bool is_whole = (header.msg_flags & MSG_TRUNC) == 0;
      if (!source || base::to_number(source->port) == 0 || !local || !is_whole) continue;
      take(base::MutableBytes(incoming_[i]).first(received_[i].msg_len), {*source, *local});
    }
    return static_cast<std::size_t>(count);
  }

  void put(int socket, const noise::Path& path, base::Bytes datagram) {
    if (datagram.size() > outgoing_octets) return;
    if (waiting_ == batch_size) flush(socket);
    const std::size_t i = waiting_++;
    std::copy(datagram.begin(), datagram.end(), outgoing_[i].begin());
    out_parts_[i] = {.iov_base = outgoing_[i].data(), .iov_len = datagram.size()};
    msghdr& header = to_send_[i].msg_hdr;
    header = {};
    header.msg_name = &targets_[i];
    header.msg_namelen = path.remote.to_sockaddr(targets_[i]);
    header.msg_iov = &out_parts_[i];
    header.msg_iovlen = 1;
    out_controls_[i].write_source(header, path.local);
  }

  void flush(int socket) {
    for (std::size_t next = 0; next < waiting_;) {
      const int done = ::sendmmsg(socket, to_send_.data() + next,
                                  static_cast<unsigned>(waiting_ - next), MSG_DONTWAIT);
      if (done > 0) {
        next += static_cast<std::size_t>(done);
      } else if (errno == EAGAIN) {
        break;  // the queue is full, for the rest as well
      } else {
        ++next;  // this one cannot be sent: no route, a firewall, an address that went away
      }
    }
    waiting_ = 0;
  }

 private:
  std::array<std::array<std::uint8_t, incoming_octets>, batch_size> incoming_;
  std::array<sockaddr_storage, batch_size> sources_{};
  std::array<base::PacketInfo, batch_size> controls_{};
  std::array<iovec, batch_size> parts_{};
  std::array<mmsghdr, batch_size> received_{};

  std::size_t waiting_ = 0;
  std::array<std::array<std::uint8_t, outgoing_octets>, batch_size> outgoing_;
  std::array<sockaddr_storage, batch_size> targets_{};
  std::array<base::PacketInfo, batch_size> out_controls_{};
  std::array<iovec, batch_size> out_parts_{};
  std::array<mmsghdr, batch_size> to_send_{};
};

base::Expected<PointSocket, std::error_code> PointSocket::open(const base::Endpoint& listen) {
  const bool is_ipv4 = listen.address.is_ipv4();
  base::FileDescriptor socket(
      ::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return base::Unexpected(base::last_error());
  const int fd = socket.get();
  if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, queue_octets))
    (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, queue_octets);
  sockaddr_storage address{};
  const socklen_t length = listen.to_sockaddr(address);
  const void* const raw = &address;
  const bool done = (is_ipv4 ? set_option(fd, IPPROTO_IP, IP_PKTINFO, 1)
                             : set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
                                   set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                    ::bind(fd, static_cast<const sockaddr*>(raw), length) == 0;
  if (!done) return base::Unexpected(base::last_error());
  return PointSocket(std::move(socket));
}

PointSocket::PointSocket(base::FileDescriptor socket)
    : socket_(std::move(socket)), buffers_(std::make_unique<Buffers>()) {}
PointSocket::~PointSocket() = default;
PointSocket::PointSocket(PointSocket&&) noexcept = default;
PointSocket& PointSocket::operator=(PointSocket&&) noexcept = default;

std::size_t PointSocket::receive(
    const std::function<void(base::MutableBytes datagram, const noise::Path& path)>& take) {
  return buffers_->receive(socket_.get(), take);
}
void PointSocket::put(const noise::Path& path, base::Bytes datagram) {
  buffers_->put(socket_.get(), path, datagram);
}
void PointSocket::flush() {
  buffers_->flush(socket_.get());
}

}  // namespace dnsd
