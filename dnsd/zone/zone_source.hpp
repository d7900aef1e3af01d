#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dnsd/host/host_addresses.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/zone/zone.hpp"

/// From the configuration to the zone.
namespace dnsd {

/// What a zone is made from: records that are not yet checked. They are those of the zone file, or
/// are made if the configuration names none.
struct ZoneSource {
  std::vector<dns::ZoneRecord> records;
  std::vector<std::string> files;  ///< that the places of the records mean; none if they were made
  std::vector<dns::ZoneNote> warnings;   ///< of the reading
  std::vector<NameServer> name_servers;  ///< as in the records
  std::vector<std::string> advice;  ///< for the log: what keeps others from finding this server
};

/// Reads the zone file: blocks. \param host for made records. \throws ConfigError, with file:line
/// if a line is wrong.
[[nodiscard]] ZoneSource read_zone_source(const Config& config, const HostAddresses& host);

/// Removes the names of peers that only a comment gives where the zone has records of its own at or
/// below them. \return a warning for each
[[nodiscard]] std::vector<std::string> yield_names(Config& config, const ZoneSource& source);

/// \param peers, live outlive the zone. \throws ConfigError, with file:line if a record is refused.
[[nodiscard]] std::shared_ptr<const Zone> make_zone(const Config& config, const ZoneSource& source,
                                                    const PeerTable& peers, const LiveState& live);

/// Things to tell the operator once, with file:line: those of the reading, and those of the zone.
[[nodiscard]] std::vector<std::string> warnings_of(const ZoneSource& source, const Zone& zone);

}  // namespace dnsd
