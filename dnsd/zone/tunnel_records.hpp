#pragma once

#include "dnsd/peers/peer_table.hpp"
#include "dnsd/zone/peer_records.hpp"
#include "dnsd/zone/zone_names.hpp"

/// NAME.tunnel.Z: where a peer with a name is inside the tunnel, its allowed-ips of one address
/// (doc/protocol.md §1.8). They belong to the private view. Any thread.
namespace dnsd {

/// What there is at a name.
enum class TunnelName : std::uint8_t {
  none,
  root,  ///< tunnel.Z above the name of a peer: an empty non-terminal
  peer,  ///< of a peer that has such an address
};

/// \param name at or below the apex. \param peer set for TunnelName::peer; fresh.
[[nodiscard]] TunnelName find_tunnel_name(dns::NameView name, const ZoneNames& names,
                                          const PeerTable& peers, const PeerRecords& records,
                                          VisiblePeer& peer);

/// Writes its addresses of one family. \return false: it has none.
[[nodiscard]] bool emit_tunnel_addresses(const VisiblePeer& peer, dns::RrType type, dns::Ttl ttl,
                                         const Emission& to);

}  // namespace dnsd
