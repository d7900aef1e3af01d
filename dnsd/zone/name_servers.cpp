#include "dnsd/zone/name_servers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "dnsd/settings/listen_address.hpp"

namespace dnsd {
namespace {

using dns::RrType;
using dns::ZoneRecord;

/// For secondaries that no NOTIFY reaches. RFC 1912 §2.2: for zones that change often refresh after
/// at least 20 minutes, retry after a fraction of that, expire after two to four weeks.
constexpr std::uint32_t soa_refresh = 1200;
constexpr std::uint32_t soa_retry = 300;
constexpr std::uint32_t soa_expire = 1209600;
/// Delegations change rarely, and parents usually have this TTL.
constexpr dns::Ttl delegation_ttl{3600};

dns::Name below(const dns::Name& zone, std::string_view label) {
  dns::Name name = zone;
  (void)name.prepend(label);  // fits: load_config allows no zone that is too long for its peers
  return name;
}

std::vector<std::uint8_t> to_vector(base::Bytes octets) {
  return {octets.begin(), octets.end()};
}

std::vector<std::uint8_t> soa_rdata(const dns::Name& primary, const dns::Name& mailbox,
                                    dns::Ttl minimum) {
  constexpr std::size_t numbers = 5 * sizeof(std::uint32_t);
  std::array<std::uint8_t, 2 * dns::max_name_octets + numbers> buffer{};
  base::ByteWriter writer(buffer);
  writer.bytes(primary.view().wire());
  writer.bytes(mailbox.view().wire());
  constexpr std::uint32_t first_serial = 1;
  for (const std::uint32_t number :
       {first_serial, soa_refresh, soa_retry, soa_expire, minimum.seconds}) {
    writer.u32(number);
  }
  return to_vector(writer.written());
}

void add_addresses(const NameServer& server, dns::Ttl ttl, std::vector<ZoneRecord>& records) {
  for (const base::IpAddress& address : server.addresses) {
    records.push_back({.owner = server.name,
                       .ttl = ttl,
                       .type = address.is_ipv4() ? RrType::a : RrType::aaaa,
                       .rdata = to_vector(address.bytes())});
  }
}

ZoneRecord ns_record(const dns::Name& zone, const NameServer& server, dns::Ttl ttl) {
  return {
      .owner = zone, .ttl = ttl, .type = RrType::ns, .rdata = to_vector(server.name.view().wire())};
}

bool is_in_zone(const NameServer& server, const dns::Name& zone) {
  return server.name.view().is_at_or_below(zone);
}

}  // namespace

std::vector<NameServer> choose_name_servers(const Config& config,
                                            std::span<const ListenAddress> listening,
                                            std::span<const base::InterfaceAddress> host) {
  std::vector<NameServer> result = config.name_servers;
  if (result.empty()) result.push_back({.name = below(config.zone, "ns1"), .addresses = {}});
  for (NameServer& server : result) {
    if (!server.addresses.empty() || !is_in_zone(server, config.zone)) continue;
    for (const auto& entry : host) {
      const base::IpAddress& address = entry.address;
      if (address.scope() == base::AddressScope::global &&
          covers(listening, View::public_view, address)) {
        server.addresses.push_back(address);
      }
    }
    std::sort(server.addresses.begin(), server.addresses.end());
    server.addresses.erase(std::unique(server.addresses.begin(), server.addresses.end()),
                           server.addresses.end());
  }
  return result;
}

std::vector<ZoneRecord> make_zone_records(const Config& config,
                                          std::span<const NameServer> name_servers) {
  std::vector<ZoneRecord> result;
  result.push_back({.owner = config.zone,
                    .ttl = config.made_ttl,
                    .type = RrType::soa,
                    .rdata = soa_rdata(name_servers.front().name, below(config.zone, "hostmaster"),
                                       config.negative_ttl)});
  for (const NameServer& server : name_servers) {
    result.push_back(ns_record(config.zone, server, config.made_ttl));
  }
  for (const NameServer& server : name_servers) {
    if (is_in_zone(server, config.zone)) add_addresses(server, config.made_ttl, result);
  }
  return result;
}

std::vector<NameServer> read_name_servers(std::span<const ZoneRecord> records,
                                          const dns::Name& zone) {
  std::vector<NameServer> result;
  for (const ZoneRecord& record : records) {
    if (record.type != RrType::ns || record.owner != zone) continue;
    const auto name = dns::parse_name_view(record.rdata);
    if (name) result.push_back({.name = dns::Name(*name), .addresses = {}});
  }
  for (NameServer& server : result) {
    for (const ZoneRecord& record : records) {
      if (record.type != RrType::a && record.type != RrType::aaaa) continue;
      const auto address = base::IpAddress::from_bytes(record.rdata);
      if (address && record.owner == server.name) server.addresses.push_back(*address);
    }
  }
  return result;
}

std::vector<ZoneRecord> make_delegation(std::span<const NameServer> name_servers,
                                        const dns::Name& zone) {
  std::vector<ZoneRecord> result;
  for (const NameServer& server : name_servers) {
    result.push_back(ns_record(zone, server, delegation_ttl));
  }
  for (const NameServer& server : name_servers) add_addresses(server, delegation_ttl, result);
  return result;
}

std::vector<std::string> advise_addresses(std::span<const NameServer> name_servers,
                                          const dns::Name& zone) {
  std::vector<std::string> result;
  for (const NameServer& server : name_servers) {
    if (!server.addresses.empty() || !is_in_zone(server, zone)) continue;
    result.push_back(fmt::format(
        "no public listener has a global address, so {0} is published without one and nobody can "
        "find this server; add --ns {0}=PUBLIC-ADDRESS (cloud hosts: the address that is "
        "translated to this host)",
        server.name.to_string()));
  }
  return result;
}

}  // namespace dnsd
