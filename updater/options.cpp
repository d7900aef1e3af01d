#include "updater/options.hpp"

#include <array>

#include "schema/owner_name.hpp"

namespace updater {
namespace {

using Shape = Option::Shape;

constexpr base::Port dns_port{53};
static_assert(schema::max_zone_octets == 169);  // the manual and `allowed` say so

bool set_zone(Config& config, const std::string& value) {
  const auto name = dns::Name::parse(value);
  if (!name || name->view().is_root() || name->view().wire().size() > schema::max_zone_octets)
    return false;
  config.zone = *name;
  return true;
}

bool add_hub(Config& config, const std::string& value) {
  const auto key = wg::PublicKey::parse(value);
  return key && !key->is_zero() && config.settings.hubs.insert(*key).second;
}
std::vector<std::string> get_hubs(const Config& config) {
  std::vector<std::string> values;
  for (const wg::PublicKey& key : config.settings.hubs) values.push_back(key.to_base64());
  return values;
}

/// `ADDR` or `ADDR:PORT`, an IPv6 address with a port in brackets; empty: none.
bool set_server(std::optional<base::Endpoint>& server, const std::string& value) {
  if (value.empty()) {
    server.reset();
    return true;
  }
  auto parsed = base::Endpoint::parse(value);
  if (const auto address = base::IpAddress::parse(value)) parsed = {*address, dns_port};
  if (parsed) server = parsed;
  return parsed.has_value();
}

bool set_private_server(Config& config, const std::string& value) {
  config.uses_private_server = value != "none";
  return set_server(config.private_server, config.uses_private_server ? value : "");
}
std::vector<std::string> get_private_server(const Config& config) {
  if (!config.uses_private_server) return {"none"};
  return {config.private_server ? config.private_server->to_string() : ""};
}

bool add_mesh_range(Config& config, const std::string& value) {
  const auto range = base::Prefix::parse(value);
  if (!range || range->length() == 0) return false;
  config.settings.mesh.ranges.push_back(*range);
  return true;
}
std::vector<std::string> get_mesh_ranges(const Config& config) {
  std::vector<std::string> values;
  for (const base::Prefix& range : config.settings.mesh.ranges) values.push_back(range.to_string());
  return values;
}

bool add_mesh_deny(Config& config, const std::string& value) {
  const auto key = wg::PublicKey::parse(value);
  return key && !key->is_zero() && config.settings.mesh.deny.insert(*key).second;
}
std::vector<std::string> get_mesh_deny(const Config& config) {
  std::vector<std::string> values;
  for (const wg::PublicKey& key : config.settings.mesh.deny) values.push_back(key.to_base64());
  return values;
}

bool set_log_level(Config& config, const std::string& value) {
  if (value != "debug" && value != "info" && value != "warning" && value != "error") return false;
  config.log_level = value;
  return true;
}

const auto& table() {
  static const std::array options{
      Option{.word = "zone",
             .placeholder = "ZONE",
             .help = "The zone in which wg-dnsd publishes the peers.",
             .allowed = "a domain name of at most 169 octets, such as wg.example.org",
             .has_default = false,
             .set = set_zone,
             .get = [](const Config& c) { return std::vector<std::string>{c.zone.to_string()}; }},
      Option{.word = "hub",
             .shape = Shape::list,
             .placeholder = "KEY",
             .help = "Public key of the public host: never punched.",
             .allowed = "public keys, 44 characters as wg pubkey prints them, each once",
             .set = add_hub,
             .clear = [](Config& c) { c.settings.hubs.clear(); },
             .get = get_hubs},
      Option{.word = "server",
             .placeholder = "ADDR[:PORT]",
             .help = "Ask this DNS server, not the system's resolver.",
             .allowed = "ADDRESS or ADDRESS:PORT, IPv6 with a port as [ADDRESS]:PORT, or empty",
             .has_default = false,
             .set = [](Config& c, const std::string& value) { return set_server(c.server, value); },
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{c.server ? c.server->to_string() : ""};
                 }},
      Option{
          .word = "private-server",
          .placeholder = "ADDR[:PORT]",
          .help = "Where LAN addresses are announced and asked for, inside the tunnel; none: "
                  "nowhere. Default: port 53 at the hub's own address there.",
          .allowed = "ADDRESS or ADDRESS:PORT, IPv6 with a port as [ADDRESS]:PORT, none, or empty",
          .has_default = false,
          .set = set_private_server,
          .get = get_private_server},
      Option{.word = "mesh",
             .shape = Shape::list,
             .placeholder = "RANGE",
             .help = "Add the peers that the public host lists, with tunnel addresses in here.",
             .allowed = "ADDRESS/LENGTH with a length of 1 or more",
             .set = add_mesh_range,
             .clear = [](Config& c) { c.settings.mesh.ranges.clear(); },
             .get = get_mesh_ranges},
      Option{.word = "mesh-max",
             .placeholder = "N",
             .help = "How many peers are added at most.",
             .unit = "peers",
             .range = Option::Range{1, 10000},
             .set_number = [](Config& c, std::uint64_t n) { c.settings.mesh.max = n; },
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{std::to_string(c.settings.mesh.max)};
                 }},
      Option{.word = "mesh-deny",
             .shape = Shape::list,
             .placeholder = "KEY",
             .help = "Public key of a peer that is never added.",
             .allowed = "public keys, 44 characters as wg pubkey prints them, each once",
             .set = add_mesh_deny,
             .clear = [](Config& c) { c.settings.mesh.deny.clear(); },
             .get = get_mesh_deny},
      Option{.word = "direct-keepalive",
             .placeholder = "SECONDS",
             .help = "Keepalive of direct peers that have none of the user's.",
             .unit = "seconds",
             .range = Option::Range{1, 65535},
             .set_number =
                 [](Config& c, std::uint64_t n) {
                   c.settings.direct_keepalive = std::chrono::seconds(n);
                 },
             .get =
                 [](const Config& c) {
                   return std::vector<std::string>{
                       std::to_string(c.settings.direct_keepalive.count())};
                 }},
      Option{
          .word = "state",
          .placeholder = "FILE",
          .help = "What has to be known after a restart. Default: IFACE.json in "
                  "$STATE_DIRECTORY, else in /var/lib/wg-updater.",
          .allowed = "a file name",
          .is_path = true,
          .set =
              [](Config& c, const std::string& value) {
                c.state_file = value;
                return !value.empty();
              },
          .get = [](const Config& c) { return std::vector<std::string>{c.state_file.string()}; }},
      Option{.word = "control",
             .placeholder = "SOCKET",
             .help = "The Unix socket on which the daemon is asked. Default: IFACE.sock in "
                     "$RUNTIME_DIRECTORY, else in /run/wg-updater.",
             .allowed = "a file name of at most 107 octets",
             .is_path = true,
             .set =
                 [](Config& c, const std::string& value) {
                   // sockaddr_un.sun_path holds 108 octets with the end mark.
                   if (value.empty() || value.size() > 107) return false;
                   c.control = value;
                   return true;
                 },
             .get = [](const Config& c) { return std::vector<std::string>{c.control}; }},
      Option{.word = "metrics-file",
             .placeholder = "FILE",
             .help = "Metrics for node_exporter's textfile collector, every 15 s.",
             .allowed = "a file name, of the form NAME.prom for the collector, or empty",
             .is_path = true,
             .has_default = false,
             .set =
                 [](Config& c, const std::string& value) {
                   c.metrics_file = value;
                   return true;
                 },
             .get = [](const Config& c) { return std::vector<std::string>{c.metrics_file}; }},
      Option{.word = "log-level",
             .placeholder = "LEVEL",
             .help = "What is written to standard error: this and what is worse.",
             .allowed = "debug, info, warning or error",
             .set = set_log_level,
             .get = [](const Config& c) { return std::vector<std::string>{c.log_level}; }},
  };
  return options;
}

}  // namespace

std::span<const Option> all_options() {
  return table();
}

bool is_of_one_interface(const Option& option) {
  return option.word == "state" || option.word == "control" || option.word == "metrics-file";
}

}  // namespace updater
