// Netlink messages to and from octets: first attributes, then `RequestWriter`, which builds a
// request, then the functions of the header. Pure, on the caller's thread. Sockets and repeated
// dumps are in netlink.cpp; the text protocol of devices in user space is in uapi.cpp.

#include "wg/netlink_codec.hpp"

#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <numeric>
#include <string_view>
#include <utility>

namespace wg {
namespace {

/// A value whose octets are in the order of this machine.
template <typename T>
std::optional<T> read_value(base::Bytes octets) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (octets.size() != sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, octets.data(), sizeof value);
  return value;
}

template <typename T>
std::optional<T> take_value(base::Bytes& octets) {
  if (octets.size() < sizeof(T)) return std::nullopt;
  const auto value = read_value<T>(octets.first(sizeof(T)));
  octets = octets.subspan(sizeof(T));
  return value;
}

/// Messages and attributes begin at multiples of four octets (netlink(7), NLMSG_ALIGN).
std::size_t align(std::size_t size) {
  return (size + 3U) & ~std::size_t{3};
}

/// Calls `visit(type, value) → bool` for each attribute until it returns false.
/// \return false: `visit` did, or the last attribute is cut short, which libmnl by itself would
/// ignore.
template <typename Visit>
bool visit_attributes(base::Bytes attributes, Visit visit) {
  struct Walk {
    Visit& visit;
    std::size_t size = 0;
  } walk{visit};
  const auto step = [](const nlattr* attribute, void* data) {
    auto* state = static_cast<Walk*>(data);
    state->size += align(mnl_attr_get_len(attribute));
    const void* value = mnl_attr_get_payload(attribute);
    return state->visit(mnl_attr_get_type(attribute),
                        base::Bytes(static_cast<const std::uint8_t*>(value),
                                    mnl_attr_get_payload_len(attribute)))
               ? MNL_CB_OK
               : MNL_CB_ERROR;
  };
  return mnl_attr_parse_payload(attributes.data(), attributes.size(), step, &walk) == MNL_CB_OK &&
         walk.size >= attributes.size();
}

std::optional<PublicKey> read_key(base::Bytes value) {
  const auto octets = read_value<base::Octets32>(value);
  if (!octets) return std::nullopt;
  return PublicKey(*octets);
}

std::optional<base::Endpoint> read_endpoint(base::Bytes value) {
  sockaddr_storage storage{};
  if (value.size() != sizeof(sockaddr_in) && value.size() != sizeof(sockaddr_in6))
    return std::nullopt;
  std::memcpy(&storage, value.data(), value.size());
  auto endpoint = base::Endpoint::from_sockaddr(storage);
  if (!endpoint || endpoint->address.is_ipv4() != (value.size() == sizeof(sockaddr_in)))
    return std::nullopt;
  endpoint->address = endpoint->address.unmapped();
  return endpoint;
}

std::optional<base::Prefix> read_allowed_ip(base::Bytes attributes) {
  std::optional<base::IpAddress> address;
  std::optional<std::uint8_t> length;
  const bool is_whole = visit_attributes(attributes, [&](std::uint16_t type, base::Bytes value) {
    if (type == WGALLOWEDIP_A_IPADDR) {
      address = base::IpAddress::from_bytes(value);
      return address.has_value();
    }
    if (type == WGALLOWEDIP_A_CIDR_MASK) {
      length = read_value<std::uint8_t>(value);
      return length.has_value();
    }
    return true;
  });
  if (!is_whole || !address || !length) return std::nullopt;
  return base::Prefix::make(*address, *length);
}

template <typename T>
bool assign(T& target, base::Bytes value) {
  const auto read = read_value<T>(value);
  if (read) target = *read;
  return read.has_value();
}

bool read_handshake(DevicePeer& peer, base::Bytes value) {
  struct KernelTime {
    std::int64_t seconds;
    std::int64_t nanoseconds;
  };
  // The last second that 64 bits of nanoseconds since 1970 can hold with any fraction: in 2262.
  constexpr std::int64_t max_seconds = 9'223'372'035;
  const auto time = read_value<KernelTime>(value);
  if (!time || time->seconds < 0 || time->seconds > max_seconds || time->nanoseconds < 0 ||
      time->nanoseconds >= 1'000'000'000)
    return false;
  const std::chrono::nanoseconds since_1970 =
      std::chrono::seconds(time->seconds) + std::chrono::nanoseconds(time->nanoseconds);
  if (since_1970 != std::chrono::nanoseconds::zero())
    peer.latest_handshake = std::chrono::sys_time<std::chrono::nanoseconds>(since_1970);
  return true;
}

bool read_peer_attribute(DevicePeer& peer, std::uint16_t type, base::Bytes value) {
  switch (type) {
    case WGPEER_A_ENDPOINT:
      peer.endpoint = read_endpoint(value);
      return peer.endpoint.has_value();
    case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL: {
      std::uint16_t seconds = 0;
      if (!assign(seconds, value)) return false;
      peer.persistent_keepalive = std::chrono::seconds(seconds);
      return true;
    }
    case WGPEER_A_LAST_HANDSHAKE_TIME:
      return read_handshake(peer, value);
    case WGPEER_A_RX_BYTES:
      return assign(peer.rx_bytes, value);
    case WGPEER_A_TX_BYTES:
      return assign(peer.tx_bytes, value);
    case WGPEER_A_ALLOWEDIPS:
      return visit_attributes(value, [&](std::uint16_t /*index*/, base::Bytes attributes) {
        const auto prefix = read_allowed_ip(attributes);
        if (prefix) peer.allowed_ips.push_back(*prefix);
        return prefix.has_value();
      });
    default:
      return true;  // the preshared key among them
  }
}

/// A request that grows attribute by attribute in a buffer of fixed size.
class RequestWriter {
 public:
  RequestWriter(std::uint16_t type, std::uint16_t flags, std::uint32_t sequence)
      : octets_(max_netlink_request), header_(mnl_nlmsg_put_header(octets_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = flags;
    header_->nlmsg_seq = sequence;
  }

  void put_generic_header(std::uint8_t command, std::uint8_t version) {
    const genlmsghdr generic{command, version, 0};
    std::memcpy(mnl_nlmsg_put_extra_header(header_, sizeof generic), &generic, sizeof generic);
  }
  void put_link_header() { mnl_nlmsg_put_extra_header(header_, sizeof(ifinfomsg)); }
  template <typename T>
  void put(std::uint16_t type, const T& value) {
    mnl_attr_put(header_, type, sizeof value, &value);
  }
  void put(std::uint16_t type, const std::string& text) {
    mnl_attr_put_strz(header_, type, text.c_str());
  }
  void put(std::uint16_t type, base::Bytes octets) {
    mnl_attr_put(header_, type, octets.size(), octets.data());
  }
  /// \param write puts the attributes inside.
  template <typename Write>
  void nest(std::uint16_t type, Write write) {
    nlattr* const start = mnl_attr_nest_start(header_, type);
    write();
    mnl_attr_nest_end(header_, start);
  }
  [[nodiscard]] std::size_t room() const { return octets_.size() - header_->nlmsg_len; }
  [[nodiscard]] NetlinkRequest finish() && {
    octets_.resize(header_->nlmsg_len);
    return std::move(octets_);
  }

 private:
  NetlinkRequest octets_;
  nlmsghdr* header_;  // inside octets_
};

void put_allowed_ip(RequestWriter& request, const base::Prefix& prefix) {
  request.nest(0, [&] {
    const bool is_ipv4 = prefix.address().is_ipv4();
    request.put(WGALLOWEDIP_A_FAMILY, static_cast<std::uint16_t>(is_ipv4 ? AF_INET : AF_INET6));
    request.put(WGALLOWEDIP_A_IPADDR, prefix.address().bytes());
    request.put(WGALLOWEDIP_A_CIDR_MASK, static_cast<std::uint8_t>(prefix.length()));
  });
}

void put_update(RequestWriter& request, const PeerUpdate& update) {
  request.nest(0, [&] {
    request.put(WGPEER_A_PUBLIC_KEY, base::Bytes(update.public_key.octets()));
    std::uint32_t flags = WGPEER_F_UPDATE_ONLY;
    if (update.allowed_ips) flags |= std::uint32_t{WGPEER_F_REPLACE_ALLOWEDIPS};
    request.put(WGPEER_A_FLAGS, flags);
    if (update.endpoint) {
      sockaddr_storage storage{};
      std::array<std::uint8_t, sizeof storage> octets{};
      const std::size_t size = update.endpoint->to_sockaddr(storage);
      std::memcpy(octets.data(), &storage, size);
      request.put(WGPEER_A_ENDPOINT, base::Bytes(octets).first(size));
    }
    if (update.persistent_keepalive)
      request.put(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
                  static_cast<std::uint16_t>(update.persistent_keepalive->count()));
    if (!update.allowed_ips && update.more_allowed_ips.empty()) return;
    request.nest(WGPEER_A_ALLOWEDIPS, [&] {
      if (update.allowed_ips) {
        for (const base::Prefix& prefix : *update.allowed_ips) put_allowed_ip(request, prefix);
      }
      for (const base::Prefix& prefix : update.more_allowed_ips) put_allowed_ip(request, prefix);
    });
  });
}

/// What put_allowed_ip, put_removal and put_new_peer write at most.
constexpr std::size_t max_allowed_ip = 4 * 4 + 4 + 16 + 4;
constexpr std::size_t max_removal = 3 * 4 + 32 + 4;
constexpr std::size_t max_new_peer = 4 * 4 + 32 + 4 + max_set_allowed_ips * max_allowed_ip;

/// What put_update writes at most: six attribute headers, a key, flags, an IPv6 endpoint, a
/// keepalive, and the allowed-ips.
std::size_t size_of(const PeerUpdate& update) {
  const std::size_t prefixes =
      update.more_allowed_ips.size() + (update.allowed_ips ? update.allowed_ips->size() : 0);
  return 6 * 4 + 32 + 4 + sizeof(sockaddr_in6) + 4 + prefixes * max_allowed_ip;
}

void put_removal(RequestWriter& request, const PublicKey& key) {
  request.nest(0, [&] {
    request.put(WGPEER_A_PUBLIC_KEY, base::Bytes(key.octets()));
    request.put(WGPEER_A_FLAGS, std::uint32_t{WGPEER_F_REMOVE_ME | WGPEER_F_UPDATE_ONLY});
  });
}

void put_new_peer(RequestWriter& request, const NewPeer& peer) {
  request.nest(0, [&] {
    request.put(WGPEER_A_PUBLIC_KEY, base::Bytes(peer.public_key.octets()));
    request.put(WGPEER_A_FLAGS, std::uint32_t{WGPEER_F_REPLACE_ALLOWEDIPS});
    request.nest(WGPEER_A_ALLOWEDIPS, [&] {
      for (const base::Prefix& prefix : peer.allowed_ips) put_allowed_ip(request, prefix);
    });
  });
}

/// The first updates, as far as they are about one peer.
std::span<const PeerUpdate> first_run(std::span<const PeerUpdate> updates) {
  const auto end = std::find_if(updates.begin(), updates.end(), [&](const PeerUpdate& update) {
    return update.public_key != updates.front().public_key;
  });
  return updates.first(static_cast<std::size_t>(end - updates.begin()));
}

/// Writes as many of the first updates as the request can hold, the runs of one peer together: a
/// run that one request cannot hold is cut. \return the others.
std::span<const PeerUpdate> put_updates(RequestWriter& request,
                                        std::span<const PeerUpdate> updates) {
  for (bool is_first = true; !updates.empty(); is_first = false) {
    const auto run = first_run(updates);
    const std::size_t size =
        std::accumulate(run.begin(), run.end(), std::size_t{0},
                        [](std::size_t sum, const auto& update) { return sum + size_of(update); });
    if (size > request.room() && !is_first) break;
    for (const PeerUpdate& update : run) {
      if (request.room() < size_of(update)) return updates;
      put_update(request, update);
      updates = updates.subspan(1);
    }
  }
  return updates;
}

}  // namespace

std::optional<NetlinkMessage> take_message(base::Bytes& datagram) {
  base::Bytes rest = datagram;
  const auto header = take_value<nlmsghdr>(rest);
  if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size())
    return std::nullopt;
  NetlinkMessage message;
  message.sequence = header->nlmsg_seq;
  message.was_interrupted = (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  message.payload = rest.first(header->nlmsg_len - sizeof(nlmsghdr));
  if (header->nlmsg_type == NLMSG_ERROR || header->nlmsg_type == NLMSG_DONE) {
    base::Bytes payload = message.payload;
    const auto code = take_value<std::int32_t>(payload);  // 0 or a negative errno
    if (!code || *code > 0 || *code < -65535) return std::nullopt;
    message.kind = *code == 0 ? NetlinkMessage::Kind::done : NetlinkMessage::Kind::error;
    message.error = -*code;
  }
  datagram = datagram.subspan(std::min(align(header->nlmsg_len), datagram.size()));
  return message;
}

bool NetlinkDeviceReader::read(base::Bytes payload) {
  if (!take_value<genlmsghdr>(payload)) return false;
  return visit_attributes(payload, [this](std::uint16_t type, base::Bytes value) {
    switch (type) {
      case WGDEVICE_A_PUBLIC_KEY: {
        const auto key = read_key(value);
        if (key && !key->is_zero()) device_.public_key = key;
        return key.has_value();
      }
      case WGDEVICE_A_LISTEN_PORT:
        return assign(device_.listen_port, value);
      case WGDEVICE_A_FWMARK:
        return assign(device_.firewall_mark, value);
      case WGDEVICE_A_PEERS:
        return visit_attributes(
            value, [this](std::uint16_t /*index*/, base::Bytes peer) { return read_peer(peer); });
      default:
        return true;  // the private key among them
    }
  });
}

bool NetlinkDeviceReader::read_peer(base::Bytes attributes) {
  std::optional<PublicKey> key;
  const bool is_whole = visit_attributes(attributes, [&](std::uint16_t type, base::Bytes value) {
    if (type == WGPEER_A_PUBLIC_KEY) key = read_key(value);
    return true;
  });
  if (!is_whole || !key) return false;
  DevicePeer& peer = peers_.get(*key);
  return visit_attributes(attributes, [&](std::uint16_t type, base::Bytes value) {
    return read_peer_attribute(peer, type, value);
  });
}

Device NetlinkDeviceReader::take() && {
  device_.peers = std::move(peers_).take();
  return std::move(device_);
}

std::optional<std::uint16_t> parse_family(base::Bytes payload) {
  std::optional<std::uint16_t> family;
  if (!take_value<genlmsghdr>(payload)) return std::nullopt;
  const bool is_whole = visit_attributes(payload, [&](std::uint16_t type, base::Bytes value) {
    if (type == CTRL_ATTR_FAMILY_ID) family = read_value<std::uint16_t>(value);
    return true;
  });
  return is_whole ? family : std::nullopt;
}

std::optional<std::string> parse_wireguard_link(base::Bytes payload) {
  const auto to_text = [](base::Bytes value) {
    return std::string(value.begin(), std::find(value.begin(), value.end(), std::uint8_t{0}));
  };
  std::string name;
  bool is_wireguard = false;
  if (!take_value<ifinfomsg>(payload)) return std::nullopt;
  const bool is_whole = visit_attributes(payload, [&](std::uint16_t type, base::Bytes value) {
    if (type == IFLA_IFNAME) name = to_text(value);
    if (type != IFLA_LINKINFO) return true;
    return visit_attributes(value, [&](std::uint16_t inner, base::Bytes kind) {
      if (inner == IFLA_INFO_KIND) is_wireguard = to_text(kind) == WG_GENL_NAME;
      return true;
    });
  });
  if (!is_whole || !is_wireguard || name.empty()) return std::nullopt;
  return name;
}

NetlinkRequest write_family_request(std::uint32_t sequence) {
  RequestWriter request(GENL_ID_CTRL, NLM_F_REQUEST | NLM_F_ACK, sequence);
  request.put_generic_header(CTRL_CMD_GETFAMILY, 1);
  request.put(CTRL_ATTR_FAMILY_NAME, std::string(WG_GENL_NAME));
  return std::move(request).finish();
}

NetlinkRequest write_links_request(std::uint32_t sequence) {
  RequestWriter request(RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  request.put_link_header();
  return std::move(request).finish();
}

NetlinkRequest write_device_request(std::uint16_t family, std::uint32_t sequence,
                                    const std::string& name) {
  RequestWriter request(family, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  request.put_generic_header(WG_CMD_GET_DEVICE, WG_GENL_VERSION);
  request.put(WGDEVICE_A_IFNAME, name);
  return std::move(request).finish();
}

std::vector<NetlinkRequest> write_set_requests(std::uint16_t family, std::uint32_t sequence,
                                               const std::string& name,
                                               std::span<const PeerUpdate> updates) {
  std::vector<NetlinkRequest> requests;
  while (!updates.empty()) {
    RequestWriter request(family, NLM_F_REQUEST | NLM_F_ACK, sequence++);
    request.put_generic_header(WG_CMD_SET_DEVICE, WG_GENL_VERSION);
    request.put(WGDEVICE_A_IFNAME, name);
    request.nest(WGDEVICE_A_PEERS, [&] { updates = put_updates(request, updates); });
    requests.push_back(std::move(request).finish());
  }
  return requests;
}

std::vector<NetlinkRequest> write_membership_requests(std::uint16_t family, std::uint32_t sequence,
                                                      const std::string& name,
                                                      const Membership& change) {
  std::vector<NetlinkRequest> requests;
  std::span<const PeerUpdate> before = change.before;
  std::span<const PublicKey> removed = change.removed;
  std::span<const NewPeer> added = change.added;
  while (!before.empty() || !removed.empty() || !added.empty()) {
    RequestWriter request(family, NLM_F_REQUEST | NLM_F_ACK, sequence++);
    request.put_generic_header(WG_CMD_SET_DEVICE, WG_GENL_VERSION);
    request.put(WGDEVICE_A_IFNAME, name);
    request.nest(WGDEVICE_A_PEERS, [&] {
      before = put_updates(request, before);
      for (; before.empty() && !removed.empty() && request.room() >= max_removal;
           removed = removed.subspan(1))
        put_removal(request, removed.front());
      for (; before.empty() && removed.empty() && !added.empty() && request.room() >= max_new_peer;
           added = added.subspan(1))
        put_new_peer(request, added.front());
    });
    requests.push_back(std::move(request).finish());
  }
  return requests;
}

}  // namespace wg
