#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/interfaces.hpp"
#include "dns/zone_file.hpp"
#include "dnsd/settings/config.hpp"

/// The static part of a zone without a zone file, and for every zone what its parent must hold.
/// Pure.
namespace dnsd {

/// The name servers of the configuration; ns1.Z if there is none. One in the zone that has no
/// addresses gets the global addresses of the host that a public listener covers.
/// \param listening all listeners, defaults filled in.
[[nodiscard]] std::vector<NameServer> choose_name_servers(
    const Config& config, std::span<const ListenAddress> listening,
    std::span<const base::InterfaceAddress> host);

/// SOA, NS, and the addresses of the name servers that are in the zone; TTL `made-ttl`. The serial
/// is a placeholder: the zone sets it in each reply.
[[nodiscard]] std::vector<dns::ZoneRecord> make_zone_records(
    const Config& config, std::span<const NameServer> name_servers);

/// The name servers that the static part of a zone names, with their addresses there.
[[nodiscard]] std::vector<NameServer> read_name_servers(std::span<const dns::ZoneRecord> records,
                                                        const dns::Name& zone);

/// What the parent zone must hold: NS and glue.
[[nodiscard]] std::vector<dns::ZoneRecord> make_delegation(std::span<const NameServer> name_servers,
                                                           const dns::Name& zone);

/// One line for each name server in the zone that has no address, with the option that mends it.
[[nodiscard]] std::vector<std::string> advise_addresses(std::span<const NameServer> name_servers,
                                                        const dns::Name& zone);

}  // namespace dnsd
