#include "updater/lookup/hub_lookup.hpp"

#include <fmt/format.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>
#include <variant>

#include "base/read_file.hpp"
#include "wg/config_file.hpp"

namespace updater {
namespace {

constexpr std::size_t max_name_servers = 4;

/// A name in the zone is asked for as the peers are: the operator may have named a server because
/// the system's resolver cannot find the zone.
std::vector<base::IpAddress> find_addresses_of(const HubSources& sources, const dns::Name& name) {
  if (!name.view().is_at_or_below(sources.zone)) return sources.resolve(name.to_string());
  std::vector<base::IpAddress> found;
  for (const dns::RrType type : {dns::RrType::aaaa, dns::RrType::a}) {
    const auto reply = sources.ask(name, type);
    if (!reply) continue;
    for (const dns::ReplyRecord& record : reply->answer) {
      const auto* address = std::get_if<base::IpAddress>(&record.data);
      if (address != nullptr && record.type == type) found.push_back(*address);
    }
  }
  return found;
}

/// The zone's name servers with their addresses.
std::vector<std::pair<std::string, base::IpAddress>> find_name_servers(const HubSources& sources) {
  std::vector<std::pair<std::string, base::IpAddress>> found;
  const auto reply = sources.ask(sources.zone, dns::RrType::ns);
  if (!reply) return found;
  std::size_t count = 0;
  for (const dns::ReplyRecord& record : reply->answer) {
    const auto* name = std::get_if<dns::Name>(&record.data);
    if (record.type != dns::RrType::ns || name == nullptr || count == max_name_servers) continue;
    ++count;
    for (const base::IpAddress& address : find_addresses_of(sources, *name))
      found.emplace_back(name->to_string(), address.unmapped());
  }
  return found;
}

class HubLookup {
 public:
  HubLookup(const HubSources& sources, const HubRequest& request)
      : sources_(sources), request_(request), port_(request.last_port) {}

  HubResult run() {
    for (const HubPlace& place : request_.places)
      add_place(place, "hub-endpoint " + to_string(place));
    add_wg_quick_file();
    add_own_record();
    add_name_servers();
    return {request_.hub, std::move(candidates_), std::move(failures_)};
  }

 private:
  void add(const base::Endpoint& endpoint, const std::string& source) {
    const bool is_known =
        std::any_of(candidates_.begin(), candidates_.end(),
                    [&](const HubCandidate& known) { return known.endpoint == endpoint; });
    if (!is_known && candidates_.size() < max_hub_candidates)
      candidates_.push_back({endpoint, source});
  }

  void add_place(const HubPlace& place, const std::string& source) {
    if (!port_) port_ = place.port;
    const auto addresses = sources_.resolve(place.host);
    if (addresses.empty()) failures_.push_back(source + " cannot be resolved");
    for (const base::IpAddress& address : addresses) add({address.unmapped(), place.port}, source);
  }

  void add_wg_quick_file() {
    if (sources_.wg_quick_file.empty()) return;
    auto text = sources_.read_wg_quick_file();
    if (!text) {
      // Without wg-quick there is no such file, and nothing is wrong.
      if (text.error() != std::errc::no_such_file_or_directory)
        failures_.push_back(
            fmt::format("{} {}", sources_.wg_quick_file, base::explain_read_error(text.error())));
      return;
    }
    const auto file = wg::parse_config_file(*text);
    OPENSSL_cleanse(text->data(), text->size());  // it has the private key
    if (std::find(file.lost_keys.begin(), file.lost_keys.end(), request_.hub) !=
        file.lost_keys.end())
      failures_.push_back("its section in " + sources_.wg_quick_file + " cannot be read");
    for (const wg::ConfigPeer& peer : file.peers) {
      if (peer.public_key != request_.hub || !peer.endpoint) continue;
      const auto* host = std::get_if<HubPlace>(&*peer.endpoint);
      const auto* endpoint = std::get_if<base::Endpoint>(&*peer.endpoint);
      const HubPlace place =
          host != nullptr ? *host : HubPlace{endpoint->address.to_string(), endpoint->port};
      add_place(place, fmt::format("Endpoint {} in {}", to_string(place), sources_.wg_quick_file));
    }
  }

  void add_own_record() {
    const LookupResult found =
        look_up_peer(sources_.ask, request_.hub, sources_.zone, /*with_text=*/false);
    if (!found.endpoints) {
      if (!is_about_peer(found.endpoints.error()))
        failures_.push_back(fmt::format("{} cannot be asked: {}", sources_.zone.to_string(),
                                        to_string(found.endpoints.error())));
      return;
    }
    for (const base::Endpoint& endpoint : found.endpoints->endpoints)
      add(endpoint, "its own record in " + sources_.zone.to_string());
  }

  void add_name_servers() {
    if (!port_) return;
    for (const auto& [name, address] : find_name_servers(sources_))
      add({address, *port_}, "the zone's name server " + name);
    if (sources_.server) add({*sources_.server, *port_}, "the zone's name server, by --server");
  }

  const HubSources& sources_;
  const HubRequest& request_;
  std::optional<base::Port> port_;
  std::vector<HubCandidate> candidates_;
  std::vector<std::string> failures_;
};

}  // namespace

HubResult look_up_hub(const HubSources& sources, const HubRequest& request) {
  return HubLookup(sources, request).run();
}

std::vector<base::IpAddress> look_up_name_servers(const HubSources& sources) {
  std::vector<base::IpAddress> addresses;
  for (const auto& [name, address] : find_name_servers(sources)) addresses.push_back(address);
  return addresses;
}

std::vector<base::IpAddress> resolve_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;  // each address once
  addrinfo* raw = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &raw) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(raw, ::freeaddrinfo);
  std::vector<base::IpAddress> addresses;
  for (const addrinfo* item = list.get(); item != nullptr; item = item->ai_next) {
    sockaddr_storage storage{};
    std::memcpy(&storage, item->ai_addr, std::min<std::size_t>(item->ai_addrlen, sizeof storage));
    if (const auto endpoint = base::Endpoint::from_sockaddr(storage))
      addresses.push_back(endpoint->address);
  }
  return addresses;
}

}  // namespace updater
