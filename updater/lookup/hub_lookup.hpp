#pragma once

#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "dns/name.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/plan/plan.hpp"

/// Where a hub may be that does not answer (doc/protocol.md §4.7).
namespace updater {

/// One place, and who says so.
struct HubCandidate {
  base::Endpoint endpoint;
  std::string source;  ///< a clause's subject: "hub-endpoint vpn.example.org:51820"

  friend bool operator==(const HubCandidate&, const HubCandidate&) = default;
};

inline constexpr std::size_t max_hub_candidates = 16;

struct HubResult {
  wg::PublicKey hub;
  std::vector<HubCandidate> candidates;  ///< in the order of trying; each endpoint once
  std::vector<std::string> failures;     ///< why a source that should have one has none, as clauses
};

/// What look_up_hub() asks. All of them may block.
struct HubSources {
  using Resolve = std::function<std::vector<base::IpAddress>(const std::string& host)>;
  using Read = std::function<base::Expected<std::string, std::error_code>()>;

  dns::Name zone;
  Ask ask;          ///< one question about the zone
  Resolve resolve;  ///< a host name, or an address; the preferred address first; empty: failed
  std::string wg_quick_file;  ///< its name; empty: there is none
  Read read_wg_quick_file;
  std::optional<base::IpAddress> server;  ///< a server of the zone that the operator names
};

/// Asks every source, in the order of trying: the operator's places; the Endpoint in wg-quick's
/// file; the hub's own SRV in the zone; the zone's name servers, with the hub's last port.
[[nodiscard]] HubResult look_up_hub(const HubSources& sources, const HubRequest& request);

/// The addresses of the zone's name servers; empty: the zone cannot be asked.
[[nodiscard]] std::vector<base::IpAddress> look_up_name_servers(const HubSources& sources);

/// The addresses of a host as the system resolves it (getaddrinfo(3)), as wg(8) does. Blocks.
[[nodiscard]] std::vector<base::IpAddress> resolve_host(const std::string& host);

}  // namespace updater
