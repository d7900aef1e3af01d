#pragma once

#include <optional>
#include <span>

#include "base/endpoint.hpp"
#include "dnsd/host/host_addresses.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// Where others reach a UDP socket of this host. Pure.
///
/// A socket on one global address is reached there. One on all addresses is reached at an address
/// of the zone's name servers that this host has, otherwise at the lowest global address of the
/// host. Where the host has private addresses alone, others come by 1:1 NAT, and its public address
/// is that of a name server (`ns`). Addresses inside tunnels do not count.
/// \param listen the unspecified address of a family: all its addresses.
/// \return of the same family and port; a private address only if the socket is bound to it and no
/// public one is known; nullopt: not known, or reached by nobody
[[nodiscard]] std::optional<base::Endpoint> reached_at(const base::Endpoint& listen,
                                                       const HostAddresses& host,
                                                       std::span<const NameServer> name_servers);

}  // namespace dnsd
