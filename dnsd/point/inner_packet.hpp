#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dnsd/point/relay/relay_requests.hpp"
#include "wg/public_key.hpp"

/// Where the outer side of the built-in observation point, WireGuard, ends and the inner side, IP
/// packets inside the tunnel, begins. The point decrypts, the handler decides, the point encrypts:
///
///     socket ─▶ observation point ── InnerPacket ──▶ InnerHandler
///                      ▲                                 │ 0, 1 or several packets
///                      └───────────── SendInner ◀────────┘
namespace dnsd {

/// The longest inner packet that goes into a tunnel: wg-quick's MTU, which fits through 1500 octets
/// of Ethernet with IPv6 outside. What is longer leaves as inner IP fragments.
inline constexpr std::size_t inner_mtu = 1420;

/// What one registered peer sent through the tunnel: authenticated, not replayed, otherwise
/// hostile. Everything is borrowed for the call.
struct InnerPacket {
  const wg::PublicKey& peer;  ///< whose session it came through: proven
  /// The peer's, from the configuration. The handler checks that the packet's source is in them.
  std::span<const base::Prefix> allowed_ips;
  /// Of the point that was reached: at most one of each family; empty: it has none.
  std::span<const base::IpAddress> tunnel_addresses;
  /// At least one octet; behind the inner packet there may be padding (WireGuard paper §5.4.6: to
  /// a multiple of 16), so the IP header's own length counts.
  base::Bytes octets;
  base::Now now;
  RelayRequests* relay = nullptr;  ///< null: the point passes nothing on
};

/// Sends one whole inner packet back to the peer that the call is about, 1 to `inner_mtu` octets; a
/// longer one is a mistake and is dropped. It is encrypted before the call returns. Only during the
/// call of InnerHandler.
using SendInner = std::function<void(base::Bytes inner_packet)>;

/// Answers one inner packet, or drops it. Called on the observation points' own threads, by several
/// at a time, and never on the threads that answer DNS: all that it uses must allow that. It must
/// not block: the thread's other peers wait. It counts its errors itself.
using InnerHandler = std::function<void(const InnerPacket& packet, const SendInner& send)>;

}  // namespace dnsd
