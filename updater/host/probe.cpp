#include "updater/host/probe.hpp"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <random>
#include <utility>

#include "base/clock.hpp"
#include "base/file_descriptor.hpp"
#include "updater/host/echo.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;
struct OpenedSocket {
  base::FileDescriptor fd;
  bool is_raw = false;
};

OpenedSocket open_socket(bool is_ipv4, const std::string& interface) {
  const int family = is_ipv4 ? AF_INET : AF_INET6;
  const int protocol = is_ipv4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6};
  constexpr int flags = SOCK_CLOEXEC | SOCK_NONBLOCK;
  OpenedSocket opened;
  opened.fd = base::FileDescriptor(::socket(family, SOCK_DGRAM | flags, protocol));
  if (!opened.fd) {
    opened.is_raw = true;
    opened.fd = base::FileDescriptor(::socket(family, SOCK_RAW | flags, protocol));
  }
  if (!opened.fd) return opened;
  if (opened.is_raw && is_ipv4) {
    icmp_filter filter{};
    filter.data = ~(1U << unsigned{ICMP_ECHOREPLY});
    ::setsockopt(opened.fd.get(), SOL_RAW, ICMP_FILTER, &filter, sizeof filter);
  } else if (opened.is_raw) {
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    ::setsockopt(opened.fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter);
  }
  if (::setsockopt(opened.fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(),
                   static_cast<socklen_t>(interface.size())) != 0)
    opened.fd = base::FileDescriptor();
  return opened;
}

}  // namespace

class EchoProber::Socket {
 public:
  Socket(asio::io_context& context, OpenedSocket opened, bool is_ipv4, const Done& done)
      : descriptor_(context, opened.fd.release()),
        is_raw_(opened.is_raw),
        is_ipv4_(is_ipv4),
        done_(done) {
    wait();
  }

  void send(const Probe& probe) {
    const auto now = base::read_steady();
    for (auto item = waiting_.begin(); item != waiting_.end();)
      item = now - item->second.sent > patience ? waiting_.erase(item) : std::next(item);
    const std::uint16_t sequence = ++sequence_;
    waiting_[sequence] = {probe.peer, probe.target, now};
    const auto request = write_echo_request(probe.target.family(), {id_, sequence});
    sockaddr_storage address{};
    const socklen_t length = base::Endpoint{probe.target, base::Port{0}}.to_sockaddr(address);
    const void* raw = &address;
    (void)::sendto(descriptor_.native_handle(), request.data(), request.size(), 0,
                   static_cast<const sockaddr*>(raw), length);
  }

 private:
  struct Waiting {
    wg::PublicKey peer;
    base::IpAddress target;
    base::SteadyTime sent;
  };

  void wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [this](const std::error_code& ec) {
                             if (ec) return;
                             read_all();
                             wait();
                           });
  }

  /// Reads replies and pending errors: an error that the network reported makes the socket
  /// readable, too, and reading clears it.
  void read_all() {
    constexpr int most = 64;  // then other handlers get their turn
    for (int i = 0; i < most; ++i) {
      std::array<std::uint8_t, 256> buffer{};
      sockaddr_storage from{};
      socklen_t length = sizeof from;
      void* raw = &from;
      const auto size = ::recvfrom(descriptor_.native_handle(), buffer.data(), buffer.size(), 0,
                                   static_cast<sockaddr*>(raw), &length);
      if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (size <= 0) continue;
      const auto source = base::Endpoint::from_sockaddr(from);
      if (source) take(base::Bytes(buffer).first(static_cast<std::size_t>(size)), source->address);
    }
  }

  void take(base::Bytes packet, const base::IpAddress& source) {
    const auto reply = parse_echo_reply(packet, source.family(), is_raw_ && is_ipv4_);
    // On a ping socket the kernel has chosen the id, and gives only replies with it.
    if (!reply || (is_raw_ && reply->id != id_)) return;
    const auto found = waiting_.find(reply->sequence);
    if (found == waiting_.end() || found->second.target != source) return;
    const Waiting waiting = found->second;
    waiting_.erase(found);
    done_(waiting.peer, std::chrono::duration_cast<std::chrono::microseconds>(base::read_steady() -
                                                                              waiting.sent));
  }

  asio::posix::stream_descriptor descriptor_;
  bool is_raw_;
  bool is_ipv4_;
  const Done& done_;
  std::uint16_t id_ = static_cast<std::uint16_t>(std::random_device()());
  std::uint16_t sequence_ = static_cast<std::uint16_t>(std::random_device()());
  std::map<std::uint16_t, Waiting> waiting_;  // by sequence number
};

EchoProber::EchoProber(asio::io_context& context, std::string interface, Done done)
    : context_(context), interface_(std::move(interface)), done_(std::move(done)) {}

EchoProber::~EchoProber() = default;

void EchoProber::send(const Probe& probe) {
  const bool is_ipv4 = probe.target.is_ipv4();
  auto& socket = sockets_[is_ipv4 ? 0 : 1];
  if (!socket) {
    OpenedSocket opened = open_socket(is_ipv4, interface_);
    if (!opened.fd) {
      if (!std::exchange(told_, true))
        spdlog::warn(
            "no echo requests to peers: {}; allow them with CAP_NET_RAW, or with the sysctl "
            "net.ipv4.ping_group_range",
            std::strerror(errno));
      return;
    }
    socket = std::make_unique<Socket>(context_, std::move(opened), is_ipv4, done_);
  }
  socket->send(probe);
}

void EchoProber::forget_interface() {
  for (auto& socket : sockets_) socket.reset();
}

}  // namespace updater
