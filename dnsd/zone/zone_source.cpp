#include "dnsd/zone/zone_source.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/encoding.hpp"
#include "dnsd/zone/name_servers.hpp"
#include "dnsd/zone/zone_names.hpp"

namespace dnsd {
namespace {

std::string to_lower(std::string_view label) {
  std::string lower(label);
  for (char& c : lower) c = static_cast<char>(base::to_lower(static_cast<std::uint8_t>(c)));
  return lower;
}

/// `file:line`; only the file if the place is not one line.
std::string to_string(const std::vector<std::string>& files, dns::ZonePlace place) {
  return place.line == 0 ? files.front() : fmt::format("{}:{}", files[place.file], place.line);
}

[[noreturn]] void fail(const ZoneSource& source, const ZoneError& error) {
  if (source.files.empty())
    throw ConfigError(fmt::format("the zone cannot be made: {}", error.message));
  throw ConfigError(fmt::format("{}: {}", to_string(source.files, error.place), error.message));
}

}  // namespace

ZoneSource read_zone_source(const Config& config, const HostAddresses& host) {
  ZoneSource source;
  if (config.zone_file) {
    auto read = dns::read_zone_file(*config.zone_file, config.zone);
    if (!read) throw ConfigError(read.error().to_string());
    source.records = std::move(read->records);
    source.files = std::move(read->files);
    source.warnings = std::move(read->warnings);
    source.name_servers = read_name_servers(source.records, config.zone);
    return source;
  }
  const auto listening = config.listen.empty() ? default_listeners() : config.listen;
  source.name_servers = choose_name_servers(config, listening, host.addresses);
  source.records = make_zone_records(config, source.name_servers);
  source.advice = advise_addresses(source.name_servers, config.zone);
  return source;
}

std::vector<std::string> yield_names(Config& config, const ZoneSource& source) {
  const dns::NameView apex = config.zone;
  const ZoneNames fixed(config.zone, {});
  std::map<std::string, dns::ZonePlace, std::less<>> taken;  // the labels
  for (const dns::ZoneRecord& record : source.records) {
    dns::NameView name = record.owner;
    if (!name.is_at_or_below(apex)) continue;
    for (; !name.equals(apex); name = name.parent()) {
      if (name.parent().equals(apex) || name.parent().equals(fixed.service_root()))
        taken.emplace(to_lower(name.first_label_text()), record.place);
    }
  }
  std::vector<std::string> warnings;
  for (ConfiguredPeer& peer : config.peers) {
    if (peer.name.empty() || peer.name_origin != NameOrigin::comment) continue;
    const auto found = taken.find(to_lower(peer.name));
    if (found == taken.end()) continue;
    warnings.push_back(
        fmt::format("the name {} is skipped: the zone has records there{}",
                    wg::describe_peer(peer.name, peer.public_key),
                    source.files.empty() ? "" : ", see " + to_string(source.files, found->second)));
    peer.name.clear();
  }
  return warnings;
}

std::shared_ptr<const Zone> make_zone(const Config& config, const ZoneSource& source,
                                      const PeerTable& peers, const LiveState& live) {
  Zone::Names names;
  for (const ConfiguredPeer& peer : config.peers) {
    if (!peer.name.empty()) names.emplace(peer.name, peer.public_key);
  }
  auto zone = Zone::make({.apex = config.zone,
                          .endpoint_ttl = config.endpoint_ttl,
                          .cname_ttl = config.cname_ttl,
                          .negative_ttl = config.negative_ttl,
                          .padded_names = config.padded_names,
                          .wgsd = config.wgsd,
                          .tunnel_label = config.tunnel_label,
                          .publish_private = config.publish_private,
                          .public_parts = config.public_parts},
                         source.records, names, peers, live);
  if (!zone) fail(source, zone.error());
  return std::make_shared<const Zone>(*std::move(zone));
}

std::vector<std::string> warnings_of(const ZoneSource& source, const Zone& zone) {
  std::vector<std::string> warnings;
  for (const auto* notes : {&source.warnings, &zone.warnings()}) {
    for (const dns::ZoneNote& note : *notes) {
      warnings.push_back(
          source.files.empty()
              ? note.message
              : fmt::format("{}: {}", to_string(source.files, note.place), note.message));
    }
  }
  return warnings;
}

}  // namespace dnsd
