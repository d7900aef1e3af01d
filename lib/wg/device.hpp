#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "wg/public_key.hpp"

/// A WireGuard device of this host: read it, set a peer's endpoint, persistent keepalive and
/// allowed-ips, and add and remove whole peers.
///
/// Two backends behind one facade. A live UAPI socket (/var/run/wireguard/NAME.sock: wireguard-go
/// and others) wins, else generic netlink (the kernel). The choice is made at each call, so a
/// device may vanish and return as the other kind. Calls block for as long as the device takes
/// (milliseconds; one that does not answer: 2 s). Any thread may call; calls for one device from
/// two threads are not ordered.
///
/// Private and preshared keys never enter these types: the parsers skip them and the receive
/// buffers are wiped.
namespace wg {

/// A session's life; it is replaced after 120 s. Source: REJECT_AFTER_TIME of the WireGuard
/// protocol.
inline constexpr std::chrono::seconds session_life{180};

/// One peer of a device as WireGuard shows it.
struct DevicePeer {
  PublicKey public_key;
  std::optional<base::Endpoint> endpoint;  ///< IPv4-mapped addresses are unmapped
  /// None: never. boringtun tells an age, so there these are whole seconds.
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> latest_handshake;
  std::uint64_t rx_bytes = 0;                    ///< received, of all its endpoints
  std::uint64_t tx_bytes = 0;                    ///< sent
  std::chrono::seconds persistent_keepalive{0};  ///< 0–65535; 0: off
  std::vector<base::Prefix> allowed_ips;

  friend bool operator==(const DevicePeer&, const DevicePeer&) = default;
};

struct Device {
  std::string name;
  std::optional<PublicKey> public_key;  ///< none: the device has no private key yet
  base::Port listen_port{};             ///< 0: not chosen yet
  std::uint32_t firewall_mark = 0;      ///< 0: none
  std::vector<DevicePeer> peers;        ///< in the device's order; each key once

  [[nodiscard]] const DevicePeer* find(const PublicKey& key) const;
};

/// One change of one existing peer. Every write is update-only: a peer that is not there is never
/// created. Several updates of one transaction may name the same peer, in order: keepalive 0, then
/// its value, is a kick.
struct PeerUpdate {
  PublicKey public_key;
  std::optional<base::Endpoint> endpoint;                    ///< none: leave it
  std::optional<std::chrono::seconds> persistent_keepalive;  ///< none: leave it; 0–65535
  /// Exactly these from now on; none: leave those that it has.
  std::optional<std::vector<base::Prefix>> allowed_ips = {};
  /// Added to those that it has, after `allowed_ips`. One that another peer has moves here.
  std::vector<base::Prefix> more_allowed_ips = {};

  friend bool operator==(const PeerUpdate&, const PeerUpdate&) = default;
};

/// A peer to be created, with nothing but its key and its networks.
struct NewPeer {
  PublicKey public_key;
  std::vector<base::Prefix> allowed_ips;  ///< at most max_set_allowed_ips

  friend bool operator==(const NewPeer&, const NewPeer&) = default;
};
/// In one list of a PeerUpdate or NewPeer.
inline constexpr std::size_t max_set_allowed_ips = 16;

/// Peers to change, to remove and to add in one transaction, in this order.
struct Membership {
  std::vector<NewPeer> added;           ///< none of them is on the device, as just read
  std::vector<PublicKey> removed;       ///< one that is not there is ignored
  std::vector<PeerUpdate> before = {};  ///< what the others get from those who are removed

  friend bool operator==(const Membership&, const Membership&) = default;
};

/// Why a device could not be read or set. `message` is one sentence for the log that names the
/// device and the remedy.
struct DeviceError {
  enum class Kind : std::uint8_t {
    bad_name,        ///< empty, longer than 15 octets, or with '/' or white space
    no_such_device,  ///< neither a UAPI socket nor a WireGuard interface of that name
    no_permission,   ///< CAP_NET_ADMIN or access to the socket is missing
    no_wireguard,    ///< this kernel has no WireGuard
    read_only,       ///< boringtun: it cannot be set safely
    protocol,        ///< the device answered something that is not its protocol
    system,          ///< everything else, see `code`
  };
  Kind kind{};
  std::error_code code;
  std::string message;
};

/// Reads the whole device. \param name 1–15 octets.
[[nodiscard]] base::Expected<Device, DeviceError> read_device(const std::string& name);

/// Applies all updates in one transaction: one UAPI request, or one netlink message. More than the
/// kernel takes at once (about 300) go in several, the consecutive updates of one peer together.
/// A peer that the device does not have is ignored by the device (update-only).
[[nodiscard]] base::Expected<void, DeviceError> set_peers(const std::string& name,
                                                          std::span<const PeerUpdate> updates);

/// Changes, removes and adds peers: one UAPI request, or netlink messages of about 50 new peers
/// each. An allowed-ip that another peer has moves to the new one, as WireGuard does it.
[[nodiscard]] base::Expected<void, DeviceError> change_membership(const std::string& name,
                                                                  const Membership& change);

/// Names of all WireGuard devices of this host (network namespace), of both kinds, sorted.
[[nodiscard]] std::vector<std::string> list_devices();

}  // namespace wg
