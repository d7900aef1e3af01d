#include "updater/settings/config_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <system_error>
#include <tuple>

#include "config/values.hpp"
#include "config/yaml_file.hpp"
#include "schema/owner_name.hpp"
#include "updater/settings/options.hpp"

// Builds the configuration of one interface from the defaults, the top of the file, the section of
// the interface and the command line. Runs once, at start, on the only thread there is yet. The
// options are the table in options.cpp; config/yaml_file reads the shape of the file.
namespace updater {
namespace {

using config::fail;
using config::YamlMap;
using config::YamlSetting;
using config::YamlValue;

constexpr const char* file_words = "peers, interfaces";
constexpr const char* peer_words =
    "public-key, name, ignore, endpoint-family, keepalive, lan-candidates, hub-endpoint, relay";
constexpr const char* name_allowed = "interface names of 1 to 15 characters without '/' and space";

/// The unit passes the file on as a credential (systemd.exec(5)): only root can read its folder.
std::string default_wg_quick_file(const std::string& interface) {
  const char* credentials = std::getenv("CREDENTIALS_DIRECTORY");
  return credentials != nullptr ? fmt::format("{}/wg-quick.conf", credentials)
                                : fmt::format("/etc/wireguard/{}.conf", interface);
}

std::string all_words() {
  std::string words;
  for (const Option& option : all_options()) words += fmt::format("{}, ", option.word);
  return words;
}

/// Reads one configuration: file, then command line.
class ConfigReader {
 public:
  ConfigReader(const CommandLine& line, const config::ReadFile& read_file)
      : line_(line), read_file_(read_file) {}

  Config read() {
    if (!config::is_interface_name(line_.interface))
      fail("IFACE",
           fmt::format("'{}' is not allowed; expected: {}", line_.interface, name_allowed));
    config_.interface = line_.interface;
    config_.mode = line_.mode;
    config_.settings.one_round = line_.mode != Config::Mode::daemon;
    config_.state_file = fmt::format(
        "{}/{}.json", config::own_folder(config::FolderUse::state, "wg-updater"), line_.interface);
    config_.wg_quick_file = default_wg_quick_file(line_.interface);
    config_.control =
        fmt::format("{}/{}.sock", config::own_folder(config::FolderUse::runtime, "wg-updater"),
                    line_.interface);
    if (line_.config_file) take_file(*line_.config_file);
    config::take_words(config_, all_options(), line_.words);
    if (config_.zone.view().is_root())
      throw ConfigError(fmt::format("no zone is given: add --zone ZONE, or `zone: ZONE` to {}",
                                    line_.config_file.value_or(default_config_file)));
    check_mesh();
    check_hub_endpoints();
    return std::move(config_);
  }

 private:
  /// Who may say which peers join is the operator's choice alone: no answer of DNS is asked for it.
  void check_mesh() const {
    if (config_.settings.mesh.ranges.empty()) return;
    if (!config_.uses_private_server)
      fail("mesh",
           "the list of peers is read at the private server, and private-server is none; "
           "expected: another private-server, or no mesh");
    if (config_.settings.hubs.empty() && !config_.private_server)
      fail("mesh",
           fmt::format("nobody is named who may say which peers join; expected: the public host's "
                       "key (--hub KEY, or `hub: [KEY]` in {}), or its address inside the tunnel "
                       "(--private-server ADDR)",
                       line_.config_file.value_or(default_config_file)));
  }

  /// `hub-endpoint` is one hub's: with several, nobody could tell whose.
  void check_hub_endpoints() const {
    const Settings& settings = config_.settings;
    if (settings.hub_endpoints.empty()) return;
    const auto without = std::count_if(
        settings.hubs.begin(), settings.hubs.end(),
        [&](const wg::PublicKey& hub) { return settings.of(hub).hub_endpoints.empty(); });
    if (settings.hubs.empty())
      fail("hub-endpoint",
           "says where the public host is, but no hub is given; expected: --hub KEY");
    if (without > 1)
      fail("hub-endpoint",
           fmt::format("could belong to {} hubs; expected: hub-endpoint in the entries of these "
                       "hubs in the list `peers`",
                       without));
  }

  void take_file(const std::string& path) {
    const auto parsed = config::parse_yaml_file(read_file_(path));
    if (!parsed) fail(fmt::format("{}:{}", path, parsed.error().line), parsed.error().message);
    // The sections of other interfaces are read, too: a mistake is reported before that interface
    // is started.
    const YamlMap* own = nullptr;
    for (const YamlSetting& setting : parsed->settings) {
      if (setting.word == "interfaces") own = check_interfaces(setting);
    }
    take_map(*parsed, Place::top, config_);
    if (own != nullptr) take_map(*own, Place::section, config_);
  }

  enum class Place : std::uint8_t { top, section };

  /// \return the section of our interface; nullptr: it has none.
  const YamlMap* check_interfaces(const YamlSetting& interfaces) {
    if (interfaces.kind != YamlSetting::Kind::map)
      fail(place(interfaces), "is a map of interface names, each with a map of its own options");
    const YamlMap* own = nullptr;
    for (const YamlSetting& section : interfaces.maps.front().settings) {
      if (!config::is_interface_name(section.word))
        fail(place(section), fmt::format("is not allowed; expected: {}", name_allowed));
      if (section.kind != YamlSetting::Kind::map)
        fail(place(section), "is a map of the interface's own options; none are written {}");
      Config other;
      take_map(section.maps.front(), Place::section, other);
      if (section.word == line_.interface) own = &section.maps.front();
    }
    return own;
  }

  void take_map(const YamlMap& map, Place where, Config& config) {
    for (const YamlSetting& setting : map.settings) {
      if (setting.word == "peers") {
        take_peers(setting, config.settings.peers);
        continue;
      }
      if (where == Place::top && setting.word == "interfaces") continue;
      const Option* option = config::find_option(all_options(), setting.word);
      if (option == nullptr)
        config::fail_unknown(*line_.config_file, setting,
                             all_words() + (where == Place::top ? file_words : "peers"));
      if (where == Place::top && is_of_one_interface(*option))
        fail(place(setting), fmt::format("belongs to one interface; expected: interfaces: {{{}: "
                                         "{{{}: …}}}}",
                                         line_.interface, setting.word));
      config::take_setting(config, *option, setting, *line_.config_file);
    }
  }

  /// A peer of the interface's section replaces that of the top.
  void take_peers(const YamlSetting& setting, std::map<wg::PublicKey, PeerSettings>& peers) {
    using Kind = YamlSetting::Kind;
    if (setting.kind == Kind::value || setting.kind == Kind::map || !setting.values.empty())
      fail(place(setting), "is a list of maps, each with at least a public-key");
    std::map<wg::PublicKey, PeerSettings> taken;
    for (const YamlMap& map : setting.maps) {
      const auto [key, peer] = read_peer(map);
      if (!taken.emplace(key, peer).second)
        fail(fmt::format("{}:{}", *line_.config_file, map.line),
             fmt::format("the public key {} is already in this list; each key stands in it once",
                         key.to_base64()));
    }
    for (auto& [key, peer] : taken) peers.insert_or_assign(key, std::move(peer));
  }

  std::pair<wg::PublicKey, PeerSettings> read_peer(const YamlMap& map) {
    std::optional<wg::PublicKey> key;
    PeerSettings peer;
    for (const YamlSetting& setting : map.settings) {
      if (setting.word == "public-key") {
        constexpr const char* allowed = "a public key: 44 characters as wg pubkey prints them";
        key = wg::PublicKey::parse(value_of(setting, allowed));
        if (!key || key->is_zero()) refuse(setting, allowed);
      } else if (setting.word == "name") {
        peer.name = value_of(setting, "one label of letters, digits and hyphens");
        if (const auto wrong = schema::check_peer_label(peer.name))
          fail(place(setting), fmt::format("'{}' {}", peer.name, *wrong));
      } else if (setting.word == "ignore") {
        const auto ignore = config::parse_toggle(value_of(setting, config::toggle_allowed));
        if (!ignore) refuse(setting, config::toggle_allowed);
        peer.ignore = *ignore;
      } else if (setting.word == "endpoint-family") {
        take_family(setting, peer);
      } else if (setting.word == "keepalive") {
        take_keepalive(setting, peer);
      } else if (setting.word == "lan-candidates") {
        take_lan_candidates(setting, peer);
      } else if (setting.word == "hub-endpoint") {
        take_hub_endpoints(setting, peer);
      } else if (setting.word == "relay") {
        peer.relay = parse_relay_use(value_of(setting, relay_use_allowed));
        if (!peer.relay) refuse(setting, relay_use_allowed);
      } else {
        config::fail_unknown(*line_.config_file, setting, peer_words);
      }
    }
    if (!key)
      fail(fmt::format("{}:{}", *line_.config_file, map.line),
           "this peer has no public-key; expected: public-key: KEY, as `wg pubkey` prints it");
    return {*key, std::move(peer)};
  }

  void take_family(const YamlSetting& setting, PeerSettings& peer) const {
    constexpr const char* allowed = "any, ipv4 or ipv6";
    const std::string& value = value_of(setting, allowed);
    if (value == "ipv4") {
      peer.endpoint_family = base::Family::ipv4;
    } else if (value == "ipv6") {
      peer.endpoint_family = base::Family::ipv6;
    } else if (value != "any") {
      refuse(setting, allowed);
    }
  }

  void take_keepalive(const YamlSetting& setting, PeerSettings& peer) const {
    constexpr const char* allowed = "1 to 65535 seconds";
    const std::string& value = value_of(setting, allowed);
    std::uint16_t seconds = 0;
    const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (ec != std::errc() || end != value.data() + value.size() || seconds == 0)
      refuse(setting, allowed);
    peer.keepalive = std::chrono::seconds(seconds);
  }

  void take_lan_candidates(const YamlSetting& setting, PeerSettings& peer) const {
    const std::string allowed =
        fmt::format("ADDRESS:PORT or [IPv6]:PORT in a private network, each once, at most {}",
                    max_lan_candidates);
    for (const YamlValue& value : config::list_of_values(*line_.config_file, setting, allowed)) {
      const auto endpoint = base::Endpoint::parse(value.text);
      auto& known = peer.lan_candidates;
      if (!endpoint || endpoint->address.scope() != base::AddressScope::private_use ||
          known.size() == max_lan_candidates ||
          std::find(known.begin(), known.end(), *endpoint) != known.end())
        fail(config::place_of(*line_.config_file, setting.word, value.line),
             fmt::format("'{}' is not allowed; expected: {}", value.text, allowed));
      known.push_back(*endpoint);
    }
  }

  void take_hub_endpoints(const YamlSetting& setting, PeerSettings& peer) const {
    for (const YamlValue& value :
         config::list_of_values(*line_.config_file, setting, hub_endpoint_allowed)) {
      const auto place = parse_hub_place(value.text);
      if (!place || peer.hub_endpoints.size() == max_hub_endpoints)
        fail(config::place_of(*line_.config_file, setting.word, value.line),
             fmt::format("'{}' is not allowed; expected: {}", value.text, hub_endpoint_allowed));
      peer.hub_endpoints.push_back(*place);
    }
  }

  [[nodiscard]] const std::string& value_of(const YamlSetting& setting,
                                            std::string_view allowed) const {
    return config::single_value(*line_.config_file, setting, allowed).text;
  }
  [[noreturn]] void refuse(const YamlSetting& setting, std::string_view allowed) const {
    fail(place(setting),
         fmt::format("'{}' is not allowed; expected: {}", setting.values.front().text, allowed));
  }
  [[nodiscard]] std::string place(const YamlSetting& setting) const {
    return config::place_of(*line_.config_file, setting.word, setting.line);
  }

  const CommandLine& line_;
  const config::ReadFile& read_file_;
  Config config_;
};

std::string write_peer(const wg::PublicKey& key, const PeerSettings& peer) {
  std::string out = fmt::format("      - public-key: {}\n", config::to_yaml_value(key.to_base64()));
  const auto write = [&](std::string_view word, const std::string& value) {
    out += config::write_setting("        ", word, false, {value});
  };
  if (!peer.name.empty()) write("name", peer.name);
  if (peer.ignore) write("ignore", "true");
  if (peer.endpoint_family)
    write("endpoint-family", *peer.endpoint_family == base::Family::ipv4 ? "ipv4" : "ipv6");
  if (peer.keepalive) write("keepalive", std::to_string(peer.keepalive->count()));
  if (peer.relay) write("relay", std::string(to_string(*peer.relay)));
  const auto write_list = [&](std::string_view word, const std::vector<std::string>& values) {
    if (!values.empty()) out += config::write_setting("        ", word, true, values);
  };
  write_list("lan-candidates", config::texts_of(peer.lan_candidates, &base::Endpoint::to_string));
  write_list("hub-endpoint", config::texts_of(peer.hub_endpoints, [](const HubPlace& place) {
               return to_string(place);
             }));
  return out;
}

/// What is something else on the disk than the option wants; it would fail later, in other words.
void check_places(const Config& config) {
  std::error_code ec;
  for (const auto& [word, path, example] :
       {std::tuple("state", config.state_file.string(), "json"),
        std::tuple("wg-quick-file", config.wg_quick_file, "conf"),
        std::tuple("control", config.control, "sock"),
        std::tuple("metrics-file", config.metrics_file, "prom")}) {
    if (!path.empty() && std::filesystem::is_directory(path, ec))
      fail(word, fmt::format("{0} is a folder, and a file is expected, such as {0}/{1}.{2}", path,
                             config.interface, example));
  }
}

}  // namespace

Config load_config(const CommandLine& line) {
  std::error_code ec;
  CommandLine whole = line;
  if (!whole.config_file && std::filesystem::exists(default_config_file, ec))
    whole.config_file = default_config_file;
  Config config = read_config(whole, config::read_whole_file);
  check_places(config);
  return config;
}

Config read_config(const CommandLine& line, const config::ReadFile& read_file) {
  return ConfigReader(line, read_file).read();
}

std::string to_yaml(const Config& config) {
  std::string out = fmt::format("interfaces:\n  {}:\n", config::to_yaml_value(config.interface));
  out += config::write_options(config, all_options(), "    ");
  out += config.settings.peers.empty() ? "    peers: []\n" : "    peers:\n";
  for (const auto& [key, peer] : config.settings.peers) out += write_peer(key, peer);
  return out;
}

}  // namespace updater
