#include "base/netlink.hpp"

#include <libmnl/libmnl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <chrono>

#include "base/last_error.hpp"

namespace base {
namespace {

constexpr std::chrono::seconds silence_limit{2};
constexpr std::uint32_t sequence = 1;

}  // namespace

void CloseNetlink::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

Expected<NetlinkHandle, std::error_code> open_netlink(int protocol) {
  NetlinkHandle socket(mnl_socket_open2(protocol, SOCK_CLOEXEC));
  const timeval limit{silence_limit.count(), 0};
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) != 0 ||
      ::setsockopt(mnl_socket_get_fd(socket.get()), SOL_SOCKET, SO_RCVTIMEO, &limit,
                   sizeof limit) != 0)
    return Unexpected(last_error());
  return socket;
}

std::error_code ask_rtnetlink(nlmsghdr& request,
                              int (*take_answer)(const nlmsghdr* answer, void* data), void* data) {
  const auto socket = open_netlink(NETLINK_ROUTE);
  if (!socket) return socket.error();
  request.nlmsg_seq = sequence;
  if (mnl_socket_sendto(socket->get(), &request, request.nlmsg_len) < 0) return last_error();
  std::array<char, 8192> answer{};
  const auto size = mnl_socket_recvfrom(socket->get(), answer.data(), answer.size());
  if (size < 0) return last_error();
  const int done = mnl_cb_run(answer.data(), static_cast<std::size_t>(size), sequence,
                              mnl_socket_get_portid(socket->get()), take_answer, data);
  return done < 0 ? last_error() : std::error_code();
}

}  // namespace base
