#include "base/route.hpp"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

#include <array>

#include "base/netlink.hpp"

namespace base {
namespace {

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
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = RTM_GETROUTE;
  request->nlmsg_flags = NLM_F_REQUEST;
  auto* route_request = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(rtmsg)));
  route_request->rtm_family = to.is_ipv4() ? AF_INET : AF_INET6;
  route_request->rtm_dst_len = to.is_ipv4() ? 32 : 128;
  mnl_attr_put(request, RTA_DST, to.bytes().size(), to.bytes().data());
  if (mark != 0) mnl_attr_put_u32(request, RTA_MARK, mark);
  Route route;
  const auto code = ask_rtnetlink(*request, take_route, &route);
  if (code) return Unexpected(code);
  return route;
}

}  // namespace base
