#include "dnsd/report/doctor_collect.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dns/server_address.hpp"
#include "dnsd/zone/name_servers.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {
namespace {

std::vector<DoctorFacts::Server> servers_of(const ZoneSource& source, const HostAddresses& host,
                                            std::span<const ListenAddress> listening) {
  std::vector<ListenAddress> on_dns_port;
  std::copy_if(listening.begin(), listening.end(), std::back_inserter(on_dns_port),
               [](const ListenAddress& one) { return one.endpoint.port == dns::dns_port; });
  std::vector<DoctorFacts::Server> result;
  for (const NameServer& server : source.name_servers) {
    DoctorFacts::Server one{server.name, {}};
    for (const base::IpAddress& address : server.addresses) {
      const bool is_on_host = std::any_of(host.addresses.begin(), host.addresses.end(),
                                          [&](const auto& own) { return own.address == address; });
      one.addresses.push_back(
          {address, is_on_host, covers(on_dns_port, View::public_view, address)});
    }
    result.push_back(std::move(one));
  }
  return result;
}

/// Puts one peer into the class that it belongs to.
void count_peer(DoctorFacts& facts, const wg::PublicKey& key, const PeerRecord& record,
                const PeerSightings& sightings, std::chrono::seconds allowed, base::Now now) {
  const auto& seen = sightings.seen;
  const auto latest = std::max_element(seen.begin(), seen.end(), [](const auto& a, const auto& b) {
    return a.observation.seen < b.observation.seen;
  });
  ++facts.registered;
  if (latest == seen.end()) {
    if (sightings.hint && sightings.hint->is_valid) {
      ++facts.hinted;
    } else if (!sightings.fixed && !record.detail->host_target) {
      ++facts.never_seen;
    }
    return;
  }
  const auto silent =
      std::chrono::duration_cast<std::chrono::seconds>(now.steady - latest->observation.seen);
  if (silent <= allowed) {
    ++facts.heard;
  } else if (latest->is_stale) {
    ++facts.stale;
  } else if (++facts.silent_count <= max_silent_peers) {
    const std::string& name = record.detail->name;
    facts.silent_peers.push_back({key.to_base64() + (name.empty() ? "" : " (" + name + ")"),
                                  latest->observation.endpoint.to_string(), latest->source,
                                  silent.count()});
  }
}

}  // namespace

DoctorFacts collect_facts(const Config& config, const ZoneSource& source, const HostAddresses& host,
                          std::span<const ListenAddress> listening, const DaemonStatus& status,
                          const PeerTable& peers, const SightingReader& reader, base::Now now) {
  DoctorFacts facts;
  facts.zone = config.zone;
  facts.serial = status.observatory.serial;
  facts.state = static_cast<int>(judge(status));
  facts.problems = problems_of(status);
  if (!status.observatory.durable) {
    facts.state = std::max(facts.state, static_cast<int>(Health::degraded));
    facts.problems.push_back(
        fmt::format("nothing is saved in {}: endpoints and the serial are lost at a restart",
                    config.state_dir));
  }
  for (const auto& record : make_delegation(source.name_servers, config.zone)) {
    facts.delegation += dns::to_zone_line(record.owner, record.ttl, record.type, record.rdata);
  }
  facts.advice = source.advice;
  facts.servers = servers_of(source, host, listening);
  for (const ListenerStatus& one : status.listeners) {
    if (one.is_exposed) facts.exposed.push_back(one.address);
  }
  const std::chrono::seconds allowed =
      usual_keepalive + keepalive_slack +
      std::chrono::ceil<std::chrono::seconds>(config.poll_interval);
  peers.for_each([&](const wg::PublicKey& key, const PeerRecord& record) {
    if (record.detail->is_hub) {
      facts.probe = schema::service_name(key, config.zone).to_string();
      return;
    }
    count_peer(facts, key, record, reader.sightings(key), allowed, now);
  });
  return facts;
}

}  // namespace dnsd
