#include "dnsd/settings/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>
#include <unordered_set>

#include "config/files.hpp"
#include "config/yaml_file.hpp"
#include "dnsd/settings/config_reader.hpp"
#include "dnsd/settings/options.hpp"
#include "noise/key_file.hpp"
#include "schema/owner_name.hpp"
#include "wg/key_index.hpp"

namespace dnsd {
namespace {

using config::fail;
using config::folder_from_environment;
using config::YamlMap;
using config::YamlSetting;
using config::YamlValue;

/// Where a peer of Config::peers stands: file 0 is the YAML file, n the nth file of peers that was
/// read.
struct PeerPlace {
  std::uint32_t file;
  std::uint32_t line;
};

/// Of a peer in YAML; allowed-ips is the one that may be a list.
constexpr std::array<std::string_view, 4> peer_words{"name", "public-key", "endpoint",
                                                     "preshared-key-file"};

/// Reads one configuration: file, command line, files of peers, in this order.
class ConfigReader {
 public:
  ConfigReader(const CommandLine& line, const ReadFile& read_file)
      : line_(line), read_file_(read_file) {}

  Config read() {
    config_.state_dir = folder_from_environment("STATE_DIRECTORY", "/var/lib/wg-dnsd");
    config_.control_socket =
        folder_from_environment("RUNTIME_DIRECTORY", "/run/wg-dnsd") + "/control.sock";
    if (line_.config_file) take_yaml_file(*line_.config_file);
    config::take_words(config_, all_options(), line_.words);
    for (const std::string& path : config_.peers_files) take_peers_file(path);
    take_added_peers();
    // One order, whichever word came first in the file: --check-config's output loads to the same.
    std::stable_sort(config_.listen.begin(), config_.listen.end(),
                     [](const auto& a, const auto& b) { return a.view < b.view; });
    check_whole();
    return std::move(config_);
  }

 private:
  void take_yaml_file(const std::string& path) {
    const auto parsed = config::parse_yaml_file(read_file_(path));
    if (!parsed) fail(fmt::format("{}:{}", path, parsed.error().line), parsed.error().message);
    for (const YamlSetting& setting : parsed->settings) {
      if (setting.word == "peers") {
        take_yaml_peers(setting);
        continue;
      }
      const Option* option = config::find_option(all_options(), setting.word);
      if (option == nullptr) config::fail_unknown(path, setting, all_words());
      config::take_setting(config_, *option, setting, path);
    }
    config_.peers_in_yaml = config_.peers.size();
  }

  void take_yaml_peers(const YamlSetting& setting) {
    using Kind = YamlSetting::Kind;
    if (setting.kind == Kind::value || setting.kind == Kind::map)
      fail(place(setting.word, setting.line), "is a list of maps, each with at least a public-key");
    if (!setting.values.empty())
      fail(place(setting.word, setting.values.front().line),
           "a peer is a map with at least a public-key; files of peers go to peers-file");
    for (const YamlMap& peer : setting.maps) take_yaml_peer(peer);
  }

  void take_yaml_peer(const YamlMap& peer) {
    ConfiguredPeer result;
    bool has_key = false;
    for (const YamlSetting& setting : peer.settings) {
      const std::string where = place(setting.word, setting.line);
      if (setting.word == "allowed-ips") {
        take_allowed_ips(setting, result);
        continue;
      }
      if (std::find(peer_words.begin(), peer_words.end(), setting.word) == peer_words.end())
        config::fail_unknown(*line_.config_file, setting,
                             fmt::format("{}, allowed-ips", fmt::join(peer_words, ", ")));
      const std::string& value =
          config::single_value(*line_.config_file, setting, "several allowed-ips alone are a list")
              .text;
      if (setting.word == "public-key") {
        const auto key = wg::PublicKey::parse(value);
        if (!key || key->is_zero())
          fail(where,
               fmt::format("'{}' is not a public key: 44 characters as wg pubkey prints them",
                           value));
        result.public_key = *key;
        has_key = true;
      } else if (setting.word == "name") {
        if (const auto wrong = schema::check_peer_label(value))
          fail(where, fmt::format("'{}' {}", value, *wrong));
        result.name = value;
      } else if (setting.word == "endpoint") {
        take_endpoint(where, value, result);
      } else {
        take_preshared_key_file(where, value, result);
      }
    }
    if (!has_key)
      fail(fmt::format("{}:{}", *line_.config_file, peer.line), "this peer has no public-key");
    add_peer(std::move(result), 0, peer.line);
  }

  void take_allowed_ips(const YamlSetting& setting, ConfiguredPeer& peer) const {
    constexpr std::string_view allowed = "ADDRESS or ADDRESS/LENGTH; several stand in a list";
    for (const YamlValue& value : config::list_of_values(*line_.config_file, setting, allowed)) {
      const auto prefix = base::Prefix::parse(value.text);
      if (!prefix)
        fail(place(setting.word, value.line), fmt::format("'{}' is not {}", value.text, allowed));
      peer.allowed_ips.push_back(*prefix);
    }
  }

  void take_preshared_key_file(const std::string& where, const std::string& value,
                               ConfiguredPeer& peer) const {
    if (value.empty()) fail(where, "is empty; right is a file that `wg genpsk` wrote");
    peer.preshared_key_file = config::absolute_path(config::folder_of(*line_.config_file), value);
    std::string text = read_file_(peer.preshared_key_file);
    peer.preshared_key = noise::parse_secret<wg::PresharedKey>(text);
    OPENSSL_cleanse(text.data(), text.size());
    if (!peer.preshared_key)
      fail(where,
           fmt::format("{} is not a preshared key: 44 characters, as `wg genpsk` prints them",
                       peer.preshared_key_file));
  }

  static void take_endpoint(const std::string& where, const std::string& value,
                            ConfiguredPeer& peer) {
    if (const auto endpoint = base::Endpoint::parse(value)) {
      if (endpoint->address.scope() == base::AddressScope::never)
        fail(where,
             fmt::format("'{}' cannot be published: nobody else reaches this address", value));
      peer.endpoint = *endpoint;
      return;
    }
    const std::size_t colon = value.rfind(':');
    const auto port = colon == std::string::npos
                          ? std::nullopt
                          : base::parse_port(std::string_view(value).substr(colon + 1));
    const std::string host = value.substr(0, colon);
    if (!port || !is_host_name(host))
      fail(where, fmt::format("'{}' is not ADDRESS:PORT, \"[IPv6]:PORT\" or HOST:PORT with a port "
                              "of 1 to 65535",
                              value));
    peer.endpoint = wg::HostEndpoint{host, *port};
  }

  /// An SRV target: a name of LDH labels whose last one is not a number, so that no misspelt
  /// address passes (RFC 1123 §2.1).
  static bool is_host_name(std::string_view host) {
    if (host.ends_with('.')) host.remove_suffix(1);
    const std::string_view last = host.substr(host.rfind('.') + 1);
    if (!dns::Name::parse(host) || last.find_first_not_of("0123456789") == std::string_view::npos)
      return false;
    for (std::size_t begin = 0; begin <= host.size();) {
      const std::size_t end = std::min(host.find('.', begin), host.size());
      if (!dns::is_ldh_label(host.substr(begin, end - begin))) return false;
      begin = end + 1;
    }
    return true;
  }

  /// What was added at run time gives way to what the operator wrote meanwhile.
  void take_added_peers() {
    const std::string path = added_peers_file(config_);
    std::error_code ec;
    if (!std::filesystem::exists(path, ec)) return;
    std::unordered_set<wg::PublicKey> known;
    for (const ConfiguredPeer& peer : config_.peers) known.insert(peer.public_key);
    std::size_t kept = config_.peers.size();
    take_peers_file(path);
    for (std::size_t i = kept; i < config_.peers.size(); ++i) {
      if (known.contains(config_.peers[i].public_key)) {
        warn(path, places_[i].line, "this peer stands in the configuration now, which counts");
        continue;
      }
      if (kept != i) config_.peers[kept] = std::move(config_.peers[i]);
      places_[kept++] = places_[i];
    }
    config_.peers.erase(config_.peers.begin() + static_cast<std::ptrdiff_t>(kept),
                        config_.peers.end());
    places_.resize(kept);
  }

  void take_peers_file(const std::string& path) {
    files_.push_back(path);
    std::string text = read_file_(path);
    auto parsed = wg::parse_config_file(text);
    OPENSSL_cleanse(text.data(), text.size());  // preshared keys
    if (!parsed) fail(fmt::format("{}:{}", path, parsed.error().line), parsed.error().message);
    for (const wg::ConfigError& warning : parsed->warnings)
      warn(path, warning.line, warning.message);
    config_.peers.reserve(config_.peers.size() + parsed->peers.size());
    for (wg::ConfigPeer& peer : parsed->peers) {
      ConfiguredPeer result{peer.public_key, std::move(peer.name), std::move(peer.allowed_ips),
                            std::move(peer.endpoint)};
      result.preshared_key = std::move(peer.preshared_key);
      drop_what_dns_cannot_say(result, path, peer.line);
      add_peer(std::move(result), files_.size(), peer.line);
    }
  }

  /// These files are WireGuard's, and right for WireGuard: what we cannot publish is left out, with
  /// a line in the log.
  void drop_what_dns_cannot_say(ConfiguredPeer& peer, const std::string& path, std::size_t line) {
    if (!peer.name.empty()) {
      if (const auto wrong = schema::check_peer_label(peer.name)) {
        warn(path, line, fmt::format("the name '{}' is skipped: it {}", peer.name, *wrong));
        peer.name.clear();
      }
    }
    if (!peer.endpoint) return;
    const auto* address = std::get_if<base::Endpoint>(&*peer.endpoint);
    const auto* host = std::get_if<wg::HostEndpoint>(&*peer.endpoint);
    const bool publishable = address != nullptr
                                 ? address->address.scope() != base::AddressScope::never
                                 : is_host_name(host->host);
    if (publishable) return;
    warn(path, line,
         fmt::format("the endpoint of {} is skipped: '{}' cannot be published",
                     wg::describe_peer(peer.name, peer.public_key),
                     address != nullptr ? address->to_string() : host->host));
    peer.endpoint.reset();
  }

  void add_peer(ConfiguredPeer&& peer, std::size_t file, std::size_t line) {
    config_.peers.push_back(std::move(peer));
    places_.push_back({static_cast<std::uint32_t>(file), static_cast<std::uint32_t>(line)});
  }

  void check_whole() const {
    if (config_.zone.view().is_root())
      throw ConfigError(
          "no zone is given: add --zone NAME, or `zone: NAME` to the file of --config");
    if (config_.expire_after < config_.stale_after)
      throw ConfigError(
          fmt::format("expire-after ({} s) must not be shorter than stale-after ({} s)",
                      config_.expire_after.count(), config_.stale_after.count()));
    check_points();
    check_keys();
    check_names();
  }

  /// Each file was found to name each key once; together they may not.
  void check_keys() const {
    const bool from_one_place = std::all_of(places_.begin(), places_.end(), [&](const auto& place) {
      return place.file != 0 && place.file == places_.front().file;
    });
    if (from_one_place) return;
    wg::KeyIndex index;
    const auto key_at = [&](std::uint32_t i) -> const wg::PublicKey& {
      return config_.peers[i].public_key;
    };
    for (std::uint32_t i = 0; i < config_.peers.size(); ++i) {
      if (const auto first = index.find(key_at(i), key_at))
        fail_double(fmt::format("the public key {}", key_at(i).to_base64()), i, *first);
      index.add(i, key_at);
    }
  }

  void check_names() const {
    std::vector<std::uint32_t> named;
    for (std::uint32_t i = 0; i < config_.peers.size(); ++i) {
      if (!config_.peers[i].name.empty()) named.push_back(i);
    }
    const auto less = [&](std::uint32_t a, std::uint32_t b) {
      const std::string& x = config_.peers[a].name;
      const std::string& y = config_.peers[b].name;
      return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end(),
                                          [](char c, char d) { return fold(c) < fold(d); });
    };
    std::stable_sort(named.begin(), named.end(), less);
    for (std::size_t i = 1; i < named.size(); ++i) {
      if (less(named[i - 1], named[i])) continue;
      fail_double(fmt::format("the name '{}'", config_.peers[named[i]].name), named[i],
                  named[i - 1]);
    }
  }

  [[noreturn]] void fail_double(const std::string& what, std::size_t second,
                                std::size_t first) const {
    fail(place_of_peer(second), fmt::format("{} stands at {} already", what, place_of_peer(first)));
  }

  /// What one point has, no other may have.
  void check_points() const {
    const auto& points = config_.points;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const std::string name = points[i].listen.to_string();
      for (std::size_t k = 0; k < i; ++k) {
        const std::string other = points[k].listen.to_string();
        if (key_file_of(config_, points[i]) == key_file_of(config_, points[k]))
          throw ConfigError(
              fmt::format("observe: {} and {} have the same key file {}: each point "
                          "has a key of its own",
                          other, name, key_file_of(config_, points[i])));
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

  static std::uint8_t fold(char c) { return base::to_lower(static_cast<std::uint8_t>(c)); }

  [[nodiscard]] std::string place_of_peer(std::size_t index) const {
    const PeerPlace& place = places_[index];
    return fmt::format("{}:{}", place.file == 0 ? *line_.config_file : files_[place.file - 1],
                       place.line);
  }
  [[nodiscard]] std::string place(const std::string& word, std::size_t line) const {
    return config::place_of(*line_.config_file, word, line);
  }
  static std::string all_words() {
    std::string words;
    for (const Option& option : all_options()) words += fmt::format("{}, ", option.word);
    return words + "peers";
  }
  void warn(const std::string& path, std::size_t line, const std::string& message) {
    config_.warnings.push_back(fmt::format("{}:{}: {}", path, line, message));
  }

  const CommandLine& line_;
  const ReadFile& read_file_;
  Config config_;
  std::vector<PeerPlace> places_;   // of config_.peers
  std::vector<std::string> files_;  // of peers
};

std::string endpoint_text(const ConfiguredPeer& peer) {
  if (const auto* address = std::get_if<base::Endpoint>(&*peer.endpoint))
    return address->to_string();
  const auto& host = std::get<wg::HostEndpoint>(*peer.endpoint);
  return fmt::format("{}:{}", host.host, base::to_number(host.port));
}

}  // namespace

std::string added_peers_file(const Config& config) {
  return config.state_dir + "/added-peers.conf";
}

std::string key_file_of(const Config& config, const ConfiguredPoint& point) {
  if (!point.key_file.empty()) return point.key_file;
  return fmt::format("{}/observe-{}-{}.key", config.state_dir, point.listen.address.to_string(),
                     base::to_number(point.listen.port));
}

Config load_config(const CommandLine& line) {
  return read_config(line, config::read_whole_file);
}

Config read_config(const CommandLine& line, const ReadFile& read_file) {
  return ConfigReader(line, read_file).read();
}

std::string to_yaml(const Config& config) {
  std::string out = config::write_options(config, all_options());
  out += config.peers_in_yaml == 0 ? "peers: []\n" : "peers:\n";
  for (std::size_t i = 0; i < config.peers_in_yaml; ++i) {
    const ConfiguredPeer& peer = config.peers[i];
    out += fmt::format("  - public-key: {}\n", config::to_yaml_value(peer.public_key.to_base64()));
    const auto write = [&](std::string_view word, const std::string& value) {
      if (!value.empty()) out += config::write_setting("    ", word, false, {value});
    };
    write("name", peer.name);
    if (peer.endpoint) write("endpoint", endpoint_text(peer));
    write("preshared-key-file", peer.preshared_key_file);
    if (peer.allowed_ips.empty()) continue;
    std::vector<std::string> prefixes;
    for (const base::Prefix& prefix : peer.allowed_ips) prefixes.push_back(prefix.to_string());
    out += config::write_setting("    ", "allowed-ips", true, prefixes);
  }
  if (config.peers.size() > config.peers_in_yaml)
    out +=
        fmt::format("# and {} peers of peers-file\n", config.peers.size() - config.peers_in_yaml);
  return out;
}

}  // namespace dnsd
