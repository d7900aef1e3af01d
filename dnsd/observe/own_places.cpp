#include "dnsd/observe/own_places.hpp"

#include <utility>

#include "dnsd/host/reached_at.hpp"

namespace dnsd {

void OwnPlaces::set_host(HostAddresses host, std::vector<NameServer> name_servers) {
  host_ = std::move(host);
  name_servers_ = std::move(name_servers);
  for (const auto& [source, listening] : listening_) tell(source, listening);
}

void OwnPlaces::listen(SourceId source, std::vector<base::Endpoint> listening) {
  std::vector<base::Endpoint>& known = listening_[source];
  if (known == listening) return;
  known = std::move(listening);
  tell(source, known);
}

std::optional<base::Endpoint> OwnPlaces::reached_at(const base::Endpoint& listen) const {
  return dnsd::reached_at(listen, host_, name_servers_);
}

void OwnPlaces::tell(SourceId source, const std::vector<base::Endpoint>& listening) {
  std::vector<base::Endpoint> places;
  for (const base::Endpoint& listen : listening) {
    if (const auto place = reached_at(listen)) places.push_back(*place);
  }
  registry_.set_own_places(source, std::move(places));
}

}  // namespace dnsd
