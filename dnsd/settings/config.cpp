#include "dnsd/settings/config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "dnsd/settings/command_line.hpp"

namespace dnsd {
namespace {

/// No two points may share a key file or a tunnel address.
void check_points(const Config& config) {
  const auto& points = config.points;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const std::string name = points[i].listen.to_string();
    for (std::size_t k = 0; k < i; ++k) {
      const std::string other = points[k].listen.to_string();
      if (key_file_of(config, points[i]) == key_file_of(config, points[k]))
        throw ConfigError(
            fmt::format("observe: {} and {} have the same key file {}: each point "
                        "has a key of its own",
                        other, name, key_file_of(config, points[i])));
      for (const base::IpAddress& address : points[i].tunnel_addresses) {
        const auto& others = points[k].tunnel_addresses;
        if (std::find(others.begin(), others.end(), address) != others.end())
          throw ConfigError(
              fmt::format("observe: {} and {} have the same tunnel address {}: each point has "
                          "one of its own",
                          other, name, address.to_string()));
      }
    }
  }
}

/// A point and a listener cannot have one UDP port of one address.
void check_ports(const Config& config) {
  const auto listening = config.listen.empty() ? default_listeners() : config.listen;
  for (const ConfiguredPoint& point : config.points) {
    for (const ListenAddress& listener : listening) {
      const base::Endpoint& a = point.listen;
      const base::Endpoint& b = listener.endpoint;
      const bool overlap =
          a.port == b.port && a.address.family() == b.address.family() &&
          (a.address == b.address || a.address.is_unspecified() || b.address.is_unspecified());
      if (overlap)
        throw ConfigError(
            fmt::format("observe: UDP {} is where DNS is answered ({}): give the point another "
                        "port, such as 51820",
                        a.to_string(), b.to_string()));
    }
  }
}

}  // namespace

std::string key_file_of(const Config& config, const ConfiguredPoint& point) {
  if (!point.key_file.empty()) return point.key_file;
  return fmt::format("{}/observe-{}-{}.key", config.state_dir, point.listen.address.to_string(),
                     base::to_number(point.listen.port));
}

bool is_relay(const Config& config, const ConfiguredPoint& point) {
  return config.relay && point.relays;
}

std::string added_peers_file(const Config& config) {
  return config.state_dir + "/added-peers.conf";
}

void check_whole(const Config& config) {
  if (config.zone.view().is_root())
    throw ConfigError(fmt::format(
        "no zone is given: add `zone: NAME` to {}, or to the file of --config, or --zone NAME",
        default_config_file));
  if (config.expire_after < config.stale_after)
    throw ConfigError(fmt::format("expire-after ({} s) must not be shorter than stale-after ({} s)",
                                  config.expire_after.count(), config.stale_after.count()));
  if (config.wgsd && !config.padded_names)
    throw ConfigError(
        "wgsd: true needs padded-names: true: its list leads to names in the padded spelling");
  check_points(config);
  check_ports(config);
}

}  // namespace dnsd
