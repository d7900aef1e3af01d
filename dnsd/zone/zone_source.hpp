#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dnsd/host/host_addresses.hpp"
#include "dnsd/settings/config.hpp"
#include "dnsd/zone/zone.hpp"

/// From the configuration to the zone. The static part is read from the zone file, or made when the
/// configuration names none.
namespace dnsd {

struct StaticPart {
  std::vector<dns::ZoneRecord> records;
  std::vector<NameServer> name_servers;  ///< as in the records
  std::vector<std::string> advice;  ///< for the log: what keeps others from finding this server
};

/// \param host for a made static part. \throws ConfigError, with file:line if a line is wrong.
[[nodiscard]] StaticPart read_static_part(const Config& config, const HostAddresses& host);

/// \param peers, live outlive the zone. \throws ConfigError, with file:line if a record is refused.
[[nodiscard]] std::shared_ptr<const Zone> make_zone(const Config& config, const StaticPart& part,
                                                    const PeerTable& peers, const LiveState& live);

}  // namespace dnsd
