#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/interfaces.hpp"
#include "dns/zone_file.hpp"
#include "dnsd/settings/config.hpp"

/// The static part of a zone that has no zone file, and what the parent zone must hold for either
/// kind. Pure.
namespace dnsd {

/// The name servers that the operator wants, ns1.Z when none is named. One without addresses gets
/// the global addresses of the host that a public listener covers, when its name is in the zone.
/// \param listening what is listened on, defaults filled in.
[[nodiscard]] std::vector<NameServer> choose_name_servers(
    const Config& config, std::span<const ListenAddress> listening,
    std::span<const base::InterfaceAddress> host);

/// SOA, NS, and the addresses of the name servers that are in the zone; TTL `made-ttl`. The serial
/// is that of the moment when it is served.
[[nodiscard]] std::vector<dns::ZoneRecord> make_zone_records(
    const Config& config, std::span<const NameServer> name_servers);

/// The name servers as the static part of a zone states them.
[[nodiscard]] std::vector<NameServer> read_name_servers(std::span<const dns::ZoneRecord> records,
                                                        const dns::Name& zone);

/// What the parent zone must hold: NS and glue.
[[nodiscard]] std::vector<dns::ZoneRecord> make_delegation(std::span<const NameServer> name_servers,
                                                           const dns::Name& zone);

/// One line for each name server in the zone that nobody could find, with the option that mends it.
[[nodiscard]] std::vector<std::string> advise_addresses(std::span<const NameServer> name_servers,
                                                        const dns::Name& zone);

}  // namespace dnsd
