#include "dnsd/point/point_socket.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "base/last_error.hpp"
#include "base/packet_info.hpp"
#include "dnsd/point/join_switch.hpp"
#include "dnsd/point/outgoing_batch.hpp"
#include "noise/message.hpp"

namespace dnsd {
namespace {

/// Room for the keepalives of thousands of peers that wake at the same moment, and for what is
/// passed on while another process has the core: 4 MiB hold about 1800 datagrams of 1452 octets, as
/// the kernel counts them.
constexpr int queue_octets = 4 << 20U;
/// As much as one datagram, or several that the kernel joined, can have. Pages that no datagram
/// reaches are never touched.
constexpr std::size_t incoming_octets = 65'536;
/// From one buffer to the next. With a power of two the first lines of all buffers, which are read
/// most, would share a few places of the processor's caches.
constexpr std::size_t incoming_stride = incoming_octets + 3 * 64UL;
/// How many buffers are filled at once while what comes is joined, up to 64 KiB each: they are read
/// twice again, to find where a session ends and to be sent, and should still be in the processor's
/// second cache then.
constexpr std::size_t joined_batch = 16;
/// What tells which session transport data belongs to: its type and the receiver's index.
constexpr std::size_t session_octets = 8;
constexpr std::uint8_t transport_data = 4;

bool set_option(int socket, int level, int name, int value) {
  return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

/// With CAP_NET_ADMIN beyond what the host allows others (net.core.rmem_max, wmem_max).
void set_queue(int socket, int force, int option) {
  if (!set_option(socket, SOL_SOCKET, force, queue_octets))
    (void)set_option(socket, SOL_SOCKET, option, queue_octets);
}

std::uint64_t session_of(const std::uint8_t* datagram) {
  std::uint64_t session = 0;
  std::memcpy(&session, datagram, session_octets);
  return session;
}

/// How many octets from the first on belong together: one datagram, or several of one session.
std::size_t find_run(base::Bytes octets, std::size_t segment) {
  if (segment < noise::keepalive_octets || octets.size() <= segment || octets[0] != transport_data)
    return std::min(segment, octets.size());
  // This loop reads a line of memory for each datagram, so nothing but that is in it.
  const std::uint64_t session = session_of(octets.data());
  const std::size_t end = octets.size() - noise::keepalive_octets + 1;
  std::size_t size = segment;
  while (size < end && session_of(octets.data() + size) == session) size += segment;
  return std::min(size, octets.size());
}

}  // namespace

class PointSocket::Buffers {
 public:
  Buffers(int socket, const std::optional<base::IpAddress>& own)
      : outgoing(socket, !own),
        own_(own),
        incoming_(new std::uint8_t[batch_size * incoming_stride]) {
    for (std::size_t i = 0; i < batch_size; ++i) {
      parts_[i] = {.iov_base = incoming_.get() + i * incoming_stride, .iov_len = incoming_octets};
      received_[i].msg_hdr.msg_name = &sources_[i];
      received_[i].msg_hdr.msg_iov = &parts_[i];
      received_[i].msg_hdr.msg_iovlen = 1;
      received_[i].msg_hdr.msg_control = &controls_[i];
      prepare(i);
    }
  }

  std::span<const Arrival> receive(int socket) {
    arrivals_.clear();
    const int result =
        ::recvmmsg(socket, received_.data(), static_cast<unsigned>(room_), MSG_DONTWAIT, nullptr);
    const std::size_t count = static_cast<std::size_t>(std::max(result, 0));
    bool has_joined = false;
    for (std::size_t i = 0; i < count; ++i) {
      has_joined |= take(i);
      prepare(i);
    }
    has_more_ = count == room_;
    if (count > 0) room_ = has_joined ? joined_batch : batch_size;
    if (const auto joins = joining_.note(count, has_joined, !has_more_))
      (void)set_option(socket, SOL_UDP, UDP_GRO, *joins ? 1 : 0);
    return arrivals_;
  }
  [[nodiscard]] bool has_more() const { return has_more_; }

  OutgoingBatch outgoing;

 private:
  /// Makes a slot ready to receive again: recvmmsg(2) has written these two.
  void prepare(std::size_t i) {
    received_[i].msg_hdr.msg_namelen = sizeof sources_[i];
    received_[i].msg_hdr.msg_controllen = sizeof controls_[i];
  }

  /// \return whether it was joined
  bool take(std::size_t i) {
    const msghdr& header = received_[i].msg_hdr;
    const auto source = base::Endpoint::from_sockaddr(sources_[i]);
    const auto local = own_ ? own_ : base::SegmentedPacketInfo::read_asked(header);
    const bool is_whole = (header.msg_flags & MSG_TRUNC) == 0;
    if (!source || base::to_number(source->port) == 0 || !local || !is_whole) return false;
    paths_[i] = {*source, *local};
    base::MutableBytes octets(incoming_.get() + i * incoming_stride, received_[i].msg_len);
    const auto joined = base::SegmentedPacketInfo::read_segment(header);
    const std::size_t segment = joined.value_or(octets.size());
    do {
      const std::size_t size = find_run(octets, segment);
      arrivals_.push_back({octets.first(size), std::min(segment, size), &paths_[i]});
      octets = octets.subspan(size);
    } while (!octets.empty());
    return joined.has_value();
  }

  const std::optional<base::IpAddress> own_;  // that the socket is bound to
  std::unique_ptr<std::uint8_t[]> incoming_;  // batch_size buffers, incoming_stride apart
  std::array<sockaddr_storage, batch_size> sources_{};
  std::array<base::SegmentedPacketInfo, batch_size> controls_{};
  std::array<iovec, batch_size> parts_{};
  std::array<mmsghdr, batch_size> received_{};
  std::size_t room_ = batch_size;  // of the next batch
  bool has_more_ = false;
  std::array<noise::Path, batch_size> paths_{};
  std::vector<Arrival> arrivals_;
  JoinSwitch joining_;
};

base::Expected<PointSocket, std::error_code> PointSocket::open(const base::Endpoint& listen) {
  const bool is_ipv4 = listen.address.is_ipv4();
  base::FileDescriptor socket(
      ::socket(is_ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return base::Unexpected(base::last_error());
  const int fd = socket.get();
  set_queue(fd, SO_RCVBUFFORCE, SO_RCVBUF);
  set_queue(fd, SO_SNDBUFFORCE, SO_SNDBUF);
  // Linux 5.0. Without it, datagrams come one by one.
  (void)set_option(fd, SOL_UDP, UDP_GRO, 1);
  // What is passed on was made for another path: this one may have to fragment it.
  (void)(is_ipv4 ? set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
                 : set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DONT));
  sockaddr_storage address{};
  const socklen_t length = listen.to_sockaddr(address);
  const void* const raw = &address;
  // On one address, each datagram came there, and leaves from there.
  const bool is_on_all = listen.address.is_unspecified();
  const bool done = (!is_on_all || (is_ipv4 ? set_option(fd, IPPROTO_IP, IP_PKTINFO, 1)
                                            : set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1))) &&
                    (is_ipv4 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
                    ::bind(fd, static_cast<const sockaddr*>(raw), length) == 0;
  if (!done) return base::Unexpected(base::last_error());
  return PointSocket(std::move(socket), is_on_all ? std::nullopt : std::optional(listen.address));
}

PointSocket::PointSocket(base::FileDescriptor socket, std::optional<base::IpAddress> own)
    : socket_(std::move(socket)), buffers_(std::make_unique<Buffers>(socket_.get(), own)) {}
PointSocket::~PointSocket() = default;
PointSocket::PointSocket(PointSocket&&) noexcept = default;
PointSocket& PointSocket::operator=(PointSocket&&) noexcept = default;

std::span<const PointSocket::Arrival> PointSocket::receive() {
  flush();
  return buffers_->receive(socket_.get());
}
bool PointSocket::has_more() const {
  return buffers_->has_more();
}
void PointSocket::put(const noise::Path& path, base::Bytes datagram) {
  buffers_->outgoing.put(path, datagram);
}
void PointSocket::lend(const noise::Path& path, base::Bytes octets, std::size_t segment) {
  buffers_->outgoing.lend(path, octets, segment);
}
void PointSocket::flush() {
  buffers_->outgoing.flush();
}

}  // namespace dnsd
