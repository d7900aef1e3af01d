#pragma once

#include <map>
#include <optional>
#include <vector>

#include "base/endpoint.hpp"
#include "dnsd/host/host_addresses.hpp"
#include "dnsd/registry/registry.hpp"
#include "dnsd/settings/config.hpp"

namespace dnsd {

/// Tells the registry where each source's own key is reached: where the source listens, as seen
/// from outside this host. Control thread.
class OwnPlaces {
 public:
  /// \param registry outlives this.
  explicit OwnPlaces(Registry& registry) : registry_(registry) {}

  /// The host has these addresses now, and the zone these name servers.
  void set_host(HostAddresses host, std::vector<NameServer> name_servers);
  /// The source listens there; the unspecified address of a family: on all its addresses. Replaces
  /// what it said before. Empty: nowhere.
  void listen(SourceId source, std::vector<base::Endpoint> listening);
  /// See reached_at().
  [[nodiscard]] std::optional<base::Endpoint> reached_at(const base::Endpoint& listen) const;

 private:
  void tell(SourceId source, const std::vector<base::Endpoint>& listening);

  Registry& registry_;
  HostAddresses host_;
  std::vector<NameServer> name_servers_;
  std::map<SourceId, std::vector<base::Endpoint>> listening_;
};

}  // namespace dnsd
