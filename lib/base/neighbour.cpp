#include "base/neighbour.hpp"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "base/netlink.hpp"

namespace base {
namespace {

int take_state(const nlmsghdr* message, void* data) {
  if (message->nlmsg_type != RTM_NEWNEIGH || mnl_nlmsg_get_payload_len(message) < sizeof(ndmsg))
    return MNL_CB_OK;
  const auto* entry = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
  constexpr unsigned answered =
      NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_NOARP | NUD_PERMANENT;
  auto& state = *static_cast<NeighbourState*>(data);
  if ((entry->ndm_state & answered) != 0) {
    state = NeighbourState::answered;
  } else {
    state =
        (entry->ndm_state & NUD_INCOMPLETE) != 0 ? NeighbourState::asked : NeighbourState::silent;
  }
  return MNL_CB_OK;
}

/// One request about one entry, and its answer or acknowledgement.
std::error_code exchange(std::uint16_t type, std::uint16_t flags, std::uint8_t entry_flags,
                         const IpAddress& address, unsigned interface_index,
                         NeighbourState* state) {
  alignas(nlmsghdr) std::array<char, 256> buffer{};
  nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
  request->nlmsg_type = type;
  request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  auto* entry = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
  entry->ndm_family = address.is_ipv4() ? AF_INET : AF_INET6;
  entry->ndm_ifindex = static_cast<int>(interface_index);
  entry->ndm_flags = entry_flags;
  mnl_attr_put(request, NDA_DST, address.bytes().size(), address.bytes().data());
  return ask_rtnetlink(*request, take_state, state);
}

}  // namespace

Expected<void, std::error_code> ask_neighbour(const IpAddress& address, unsigned interface_index) {
  NeighbourState unused{};
  const auto code =
      exchange(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, NTF_USE, address, interface_index, &unused);
  if (code) return Unexpected(code);
  return {};
}

Expected<NeighbourState, std::error_code> read_neighbour(const IpAddress& address,
                                                         unsigned interface_index) {
  NeighbourState state = NeighbourState::unknown;
  const auto code = exchange(RTM_GETNEIGH, 0, 0, address, interface_index, &state);
  if (code == std::errc::no_such_file_or_directory) return NeighbourState::unknown;
  if (code) return Unexpected(code);
  return state;
}

}  // namespace base
