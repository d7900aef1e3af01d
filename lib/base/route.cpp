#include "base/route.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <memory>

namespace base {
namespace {

constexpr std::uint32_t sequence = 1;

struct CloseSocket {
  void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
};

std::error_code last_error() {
  return {errno, std::generic_category()};
}

std::optional<IpAddress> read_address(const nlattr* attribute) {
  const auto* payload = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
  return IpAddress::from_bytes(Bytes(payload, mnl_attr_get_payload_len(attribute)));
}

int take_attribute(const nlattr* attribute, void* data) {
  auto& route = *static_cast<Route*>(data);
  switch (mnl_attr_get_type(attribute)) {
    case RTA_OIF:
      if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0) return MNL_CB_ERROR;
      route.interface_index = mnl_attr_get_u32(attribute);
      break;
    case RTA_PREFSRC:
      route.source = read_address(attribute);
      break;
    case RTA_GATEWAY:
      route.gateway = read_address(attribute);
      break;
    case RTA_VIA: {  // a gateway of the other family: two octets of family, then the address
      const auto* payload = static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute));
      const Bytes via(payload, mnl_attr_get_payload_len(attribute));
      if (via.size() > 2) route.gateway = IpAddress::from_bytes(via.subspan(2));
      break;
    }
    default:
      break;
  }
  return MNL_CB_OK;
}

int take_route(const nlmsghdr* message, void* data) {
  return mnl_attr_parse(message, sizeof(rtmsg), take_attribute, data);
}

}  // namespace

Expected<Route, std::error_code> read_route(const IpAddress& to, std::uint32_t mark) {
  const std::unique_ptr<mnl_socket, CloseSocket> socket(
      mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC));
  if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    return Unexpected(last_error());
  std::array<char, 8192> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST;
  request->nlmsg_seq = sequence;
  auto* route_request = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  route_request->rtm_family = to.is_ipv4() ? AF_INET : AF_INET6;
  route_request->rtm_dst_len = to.is_ipv4() ? 32 : 128;
  mnl_attr_put(request, RTA_DST, to.bytes().size(), to.bytes().data());
  if (mark != 0) mnl_attr_put_u32(request, RTA_MARK, mark);
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
    return Unexpected(last_error());
  const auto size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
  if (size < 0) return Unexpected(last_error());
  Route route;
  const int done = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence,
                              mnl_socket_get_portid(socket.get()), take_route, &route);
  if (done < 0) return Unexpected(last_error());
  return route;
}

}  // namespace base
