#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "wg/device.hpp"
#include "wg/peer_collector.hpp"

/// Netlink messages as octets: what netlink.cpp sends and receives. No sockets here. Numbers are in
/// host byte order, as netlink has them. Source of the formats: netlink(7), linux/genetlink.h,
/// linux/wireguard.h.
namespace wg {

/// What one message says about its request.
struct NetlinkMessage {
  enum class Kind : std::uint8_t {
    data,   ///< `payload` holds a piece of the answer
    done,   ///< the answer is complete
    error,  ///< `error` says why there is none
  };
  Kind kind = Kind::data;
  int error = 0;                 ///< errno, positive
  bool was_interrupted = false;  ///< the thing changed while it was being dumped (NLM_F_DUMP_INTR)
  std::uint32_t sequence = 0;    ///< of the request that this answers
  base::Bytes payload;           ///< behind the netlink header; borrowed
};

/// Takes the next message off the front of a datagram. \return nullopt: cut short.
[[nodiscard]] std::optional<NetlinkMessage> take_message(base::Bytes& datagram);

/// Gathers a device from the payloads of a WG_CMD_GET_DEVICE dump, in order. Private and preshared
/// keys are skipped.
class NetlinkDeviceReader {
 public:
  /// \return false: malformed; give up.
  [[nodiscard]] bool read(base::Bytes payload);
  /// The name is the caller's to fill in.
  [[nodiscard]] Device take() &&;

 private:
  bool read_peer(base::Bytes attributes);

  Device device_;
  PeerCollector peers_;
};

/// The number of a generic netlink family, from the answer to write_family_request.
[[nodiscard]] std::optional<std::uint16_t> parse_family(base::Bytes payload);

/// The name of a link, from one message of the dump of links, when the link is of kind `wireguard`.
[[nodiscard]] std::optional<std::string> parse_wireguard_link(base::Bytes payload);

using NetlinkRequest = std::vector<std::uint8_t>;

/// Asks for the number of the generic netlink family `wireguard`.
[[nodiscard]] NetlinkRequest write_family_request(std::uint32_t sequence);
/// Asks for a dump of all links of the network namespace.
[[nodiscard]] NetlinkRequest write_links_request(std::uint32_t sequence);
/// Asks for a dump of a device. \param name at most 15 octets.
[[nodiscard]] NetlinkRequest write_device_request(std::uint16_t family, std::uint32_t sequence,
                                                  const std::string& name);

/// How long a request may be: well below what one attribute can hold, 65 535 octets.
inline constexpr std::size_t max_netlink_request = std::size_t{32} * 1024;

/// Sets peers, each update-only, in as few requests as can hold them; consecutive updates of one
/// peer stay in one request when that can hold them. The sequence counts up from `sequence`.
/// \param updates each with at most max_set_allowed_ips in a list.
[[nodiscard]] std::vector<NetlinkRequest> write_set_requests(std::uint16_t family,
                                                             std::uint32_t sequence,
                                                             const std::string& name,
                                                             std::span<const PeerUpdate> updates);

/// Changes and removes peers (update-only: a missing peer is not created), then adds others, in as
/// few requests as can hold them. \param change with at most max_set_allowed_ips in a list.
[[nodiscard]] std::vector<NetlinkRequest> write_membership_requests(std::uint16_t family,
                                                                    std::uint32_t sequence,
                                                                    const std::string& name,
                                                                    const Membership& change);

}  // namespace wg
