#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "updater/plan/memory.hpp"
#include "updater/settings/settings.hpp"
#include "wg/device.hpp"

/// Which peer of a device carries the addresses of a peer that joined the mesh: that peer, while
/// its own session lives, else the hub (doc/protocol.md §4.9). Allowed-ips are exclusive, and the
/// longest prefix counts. Pure.
namespace updater {

/// The peers through which the public host is reached: the hubs, and the one that carries the
/// configured private server.
[[nodiscard]] std::set<wg::PublicKey> find_gateways(
    const wg::Device& device, const std::set<wg::PublicKey>& hubs,
    const std::optional<base::IpAddress>& private_server);

/// Whether a gateway carries one of the routes while `peer` does not.
[[nodiscard]] bool has_detour(const std::vector<base::Prefix>& routes, const wg::PublicKey& peer,
                              const wg::Device& device, const std::set<wg::PublicKey>& gateways);

/// Why `peer` must not have the host route: it belongs to a peer that is no gateway, or lies inside
/// a network of one. A default route (or half of one) is no network. nullopt: it may have it.
[[nodiscard]] std::optional<std::string> find_owner(const base::Prefix& route,
                                                    const wg::PublicKey& peer,
                                                    const wg::Device& device,
                                                    const std::set<wg::PublicKey>& gateways,
                                                    const Settings& settings);

/// Whether the device shows the peer with all these routes, or with one of them.
[[nodiscard]] bool has_all(const wg::DevicePeer& shown, const std::vector<base::Prefix>& routes);
[[nodiscard]] bool has_any(const wg::DevicePeer& shown, const std::vector<base::Prefix>& routes);

/// The update that gives the peer its routes. Marks in `memory` which of them a gateway has itself.
[[nodiscard]] std::vector<wg::PeerUpdate> make_take(const wg::DevicePeer& shown,
                                                    const wg::Device& device,
                                                    const std::set<wg::PublicKey>& gateways,
                                                    PeerMemory& memory);
/// The updates that take them away again: the hub's wider network has them then, or a gateway gets
/// back what was its own. Other allowed-ips of the peer stay.
[[nodiscard]] std::vector<wg::PeerUpdate> make_return(const wg::DevicePeer& shown,
                                                      const PeerMemory& memory);
/// What a gateway lent to a peer that does not have it any more, because it was removed, and nobody
/// else has. Forgets what is back, and what somebody else has now.
[[nodiscard]] std::vector<wg::PeerUpdate> settle_loans(const wg::PublicKey& peer,
                                                       const wg::Device& device,
                                                       PeerMemory& memory);

}  // namespace updater
