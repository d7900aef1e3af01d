#include "updater/settings/options.hpp"

#include <fmt/format.h>

#include <array>

#include "config/values.hpp"
#include "dns/server_address.hpp"
#include "schema/zone_name.hpp"

namespace updater {
namespace {

using Shape = Option::Shape;

constexpr std::string_view keys_allowed =
    "public keys, 44 characters as wg pubkey prints them, each once";

bool set_zone(Config& config, const std::string& value) {
  const auto name = schema::parse_zone_name(value);
  if (name) config.zone = *name;
  return name.has_value();
}

std::string zone_fault(std::string_view value) {
  return schema::find_zone_fault(value).value_or("");
}

bool add_key(std::set<wg::PublicKey>& keys, const std::string& value) {
  const auto key = wg::PublicKey::parse(value);
  return key && !key->is_zero() && keys.insert(*key).second;
}

std::string key_fault(std::string_view value) {
  constexpr std::size_t characters = 44;
  if (value.empty()) return "it is empty";
  if (value.size() != characters &&
      (value.starts_with('/') || value.find('.') != std::string_view::npos))
    return "a key itself stands here, not a file or a name";
  if (value.size() != characters)
    return fmt::format("it has {} characters{}", value.size(),
                       value.size() + 1 == characters ? ": is the '=' at its end missing?" : "");
  const auto key = wg::PublicKey::parse(value);
  return key ? "nobody has a private key for it" : "it is not base64 of 32 octets";
}

std::string hub_endpoint_fault(std::string_view value) {
  if (value.find("://") != std::string_view::npos) return "it is a URL, and HOST:PORT is wanted";
  if (value.find(':') == std::string_view::npos) return "the port is missing";
  return {};
}

/// An empty value means none.
bool set_server(std::optional<base::Endpoint>& server, const std::string& value) {
  if (value.empty()) {
    server.reset();
    return true;
  }
  const auto parsed = dns::parse_server_address(value);
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

bool add_hub_endpoint(Config& config, const std::string& value) {
  const auto place = parse_hub_place(value);
  auto& known = config.settings.hub_endpoints;
  if (!place || known.size() == max_hub_endpoints) return false;
  known.push_back(*place);
  return true;
}

bool add_mesh_range(Config& config, const std::string& value) {
  const auto range = config::parse_range(value);
  if (!range) return false;
  config.settings.mesh.ranges.push_back(*range);
  return true;
}

bool set_relay(Config& config, const std::string& value) {
  const auto use = parse_relay_use(value);
  if (use) config.settings.relay = *use;
  return use.has_value();
}

constexpr std::array table{
    Option{.word = "zone",
           .placeholder = "ZONE",
           .help = "The zone in which wg-dnsd publishes the peers.",
           .allowed = schema::zone_name_allowed,
           .fault = zone_fault,
           .has_default = false,
           .set = set_zone,
           .get = [](const Config& c) { return std::vector<std::string>{c.zone.to_string()}; }},
    Option{
        .word = "hub",
        .shape = Shape::list,
        .placeholder = "KEY",
        .help = "Public key of the public host: never punched.",
        .allowed = keys_allowed,
        .fault = key_fault,
        .set = [](Config& c, const std::string& value) { return add_key(c.settings.hubs, value); },
        .clear = config::clear<&Config::settings, &Settings::hubs>,
        .get =
            [](const Config& c) {
              return config::texts_of(c.settings.hubs, &wg::PublicKey::to_base64);
            }},
    Option{.word = "hub-endpoint",
           .shape = Shape::list,
           .placeholder = "HOST:PORT",
           .help = "Where the public host is to be looked for when it does not answer.",
           .allowed = hub_endpoint_allowed,
           .fault = hub_endpoint_fault,
           .set = add_hub_endpoint,
           .clear = config::clear<&Config::settings, &Settings::hub_endpoints>,
           .get =
               [](const Config& c) {
                 return config::texts_of(c.settings.hub_endpoints,
                                         [](const HubPlace& place) { return to_string(place); });
               }},
    Option{.word = "server",
           .placeholder = "ADDR[:PORT]",
           .help = "Ask this DNS server, not the system's resolver.",
           .allowed = "ADDRESS or ADDRESS:PORT, IPv6 with a port as [ADDRESS]:PORT, or empty",
           .fault = config::address_fault,
           .has_default = false,
           .set = [](Config& c, const std::string& value) { return set_server(c.server, value); },
           .get =
               [](const Config& c) {
                 return std::vector<std::string>{c.server ? c.server->to_string() : ""};
               }},
    Option{.word = "private-server",
           .placeholder = "ADDR[:PORT]",
           .help = "Where LAN addresses are announced and asked for, inside the tunnel; none: "
                   "nowhere. Default: port 53 at the hub's own address there.",
           .allowed = "ADDRESS or ADDRESS:PORT, IPv6 with a port as [ADDRESS]:PORT, none, or empty",
           .fault = config::address_fault,
           .has_default = false,
           .set = set_private_server,
           .get = get_private_server},
    Option{.word = "mesh",
           .shape = Shape::list,
           .placeholder = "RANGE",
           .help = "Add the peers that the public host lists, with tunnel addresses in here.",
           .allowed = "ADDRESS/LENGTH with a length of 1 or more",
           .fault = config::range_fault,
           .set = add_mesh_range,
           .clear = config::clear<&Config::settings, &Settings::mesh, &MeshSettings::ranges>,
           .get =
               [](const Config& c) {
                 return config::texts_of(c.settings.mesh.ranges, &base::Prefix::to_string);
               }},
    Option{.word = "mesh-max",
           .placeholder = "N",
           .help = "How many peers are added at most.",
           .unit = "peers",
           .range = Option::Range{1, 10000},
           .set_number = config::set_number<&Config::settings, &Settings::mesh, &MeshSettings::max>,
           .get = config::get_number<&Config::settings, &Settings::mesh, &MeshSettings::max>},
    Option{.word = "mesh-deny",
           .shape = Shape::list,
           .placeholder = "KEY",
           .help = "Public key of a peer that is never added.",
           .allowed = keys_allowed,
           .fault = key_fault,
           .set = [](Config& c,
                     const std::string& value) { return add_key(c.settings.mesh.deny, value); },
           .clear = config::clear<&Config::settings, &Settings::mesh, &MeshSettings::deny>,
           .get =
               [](const Config& c) {
                 return config::texts_of(c.settings.mesh.deny, &wg::PublicKey::to_base64);
               }},
    Option{.word = "relay",
           .placeholder = "WHEN",
           .help = "When packets are sent through a public host that passes them on: fallback, "
                   "where the direct way fails; first, for the first contact; never.",
           .allowed = relay_use_allowed,
           .set = set_relay,
           .get =
               [](const Config& c) {
                 return std::vector<std::string>{std::string(to_string(c.settings.relay))};
               }},
    Option{.word = "direct-keepalive",
           .placeholder = "SECONDS",
           .help = "Keepalive of direct peers for which the user has set none.",
           .unit = "seconds",
           .range = Option::Range{1, 65535},
           .set_number = config::set_number<&Config::settings, &Settings::direct_keepalive>,
           .get = config::get_number<&Config::settings, &Settings::direct_keepalive>},
    Option{.word = "state",
           .placeholder = "FILE",
           .help = "What has to be known after a restart. Default: IFACE.json in "
                   "$STATE_DIRECTORY, else in /var/lib/wg-updater.",
           .allowed = "a file name",
           .is_path = true,
           .set = config::set_text<config::is_not_empty, &Config::state_file>,
           .get = config::get_text<&Config::state_file>},
    Option{.word = "wg-quick-file",
           .placeholder = "FILE",
           .help = "The file whose Endpoint says where a public host that does not answer may be; "
                   "only read. Default: wg-quick.conf in $CREDENTIALS_DIRECTORY, else "
                   "/etc/wireguard/IFACE.conf. Empty: none.",
           .allowed = "a file name, or empty",
           .is_path = true,
           .set = config::set_text<config::is_anything, &Config::wg_quick_file>,
           .get = config::get_text<&Config::wg_quick_file>},
    Option{.word = "control",
           .placeholder = "SOCKET",
           .help = "The Unix socket on which the daemon is asked. Default: IFACE.sock in "
                   "$RUNTIME_DIRECTORY, else in /run/wg-updater.",
           .allowed = config::socket_path_allowed,
           .is_path = true,
           .set = config::set_text<config::is_socket_path, &Config::control>,
           .get = config::get_text<&Config::control>},
    Option{.word = "metrics-file",
           .placeholder = "FILE",
           .help = "Metrics for node_exporter's textfile collector, every 15 s.",
           .allowed = "a file name, of the form NAME.prom for the collector, or empty",
           .is_path = true,
           .has_default = false,
           .set = config::set_text<config::is_anything, &Config::metrics_file>,
           .get = config::get_text<&Config::metrics_file>},
    Option{.word = "log-level",
           .placeholder = "LEVEL",
           .help = "Messages of this level and above are written to standard error.",
           .allowed = config::log_level_allowed,
           .set = config::set_text<config::is_log_level, &Config::log_level>,
           .get = config::get_text<&Config::log_level>},
};

}  // namespace

std::span<const Option> all_options() {
  return table;
}

bool is_of_one_interface(const Option& option) {
  return option.word == "state" || option.word == "wg-quick-file" || option.word == "control" ||
         option.word == "metrics-file";
}

}  // namespace updater
