#pragma once

#include <memory>
#include <system_error>

#include "base/expected.hpp"

struct mnl_socket;
struct nlmsghdr;

/// Netlink sockets (netlink(7)) of this network namespace. Each belongs to one thread at a time.
namespace base {

struct CloseNetlink {
  void operator()(mnl_socket* socket) const;
};
using NetlinkHandle = std::unique_ptr<mnl_socket, CloseNetlink>;

/// A bound socket. The kernel answers at once; a read that it leaves waiting for 2 s fails with
/// EAGAIN, so that a mistake does not block for ever. \param protocol NETLINK_ROUTE and its like.
[[nodiscard]] Expected<NetlinkHandle, std::error_code> open_netlink(int protocol);

/// One question to the tables of rtnetlink(7), on a socket of its own; takes microseconds.
/// \param request whole but for its sequence number. \param take_answer a callback of libmnl's
/// mnl_cb_run, which gets `data` too. \error what the kernel says, or what kept it from answering.
[[nodiscard]] std::error_code ask_rtnetlink(nlmsghdr& request,
                                            int (*take_answer)(const nlmsghdr* answer, void* data),
                                            void* data);

}  // namespace base
