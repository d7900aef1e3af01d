#include "dnsd/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <unordered_set>

#include "dnsd/added_peers.hpp"
#include "dnsd/config_reader.hpp"
#include "dnsd/options.hpp"
#include "dnsd/point_key.hpp"
#include "dnsd/yaml_file.hpp"
#include "schema/owner_name.hpp"
#include "wg/key_index.hpp"

namespace dnsd {
namespace {

/// A million peers with names, addresses and comments fit three times.
constexpr std::uintmax_t max_file_octets = std::uintmax_t{1} << 30U;

/// Where a peer of Config::peers stands: file 0 is the YAML file, n the nth file of peers that was
/// read.
struct PeerPlace {
  std::uint32_t file;
  std::uint32_t line;
};

/// \param place `FILE:LINE: WORD` or `--WORD`.
[[noreturn]] void fail(const std::string& place, const std::string& message) {
  throw ConfigError(fmt::format("{}: {}", place, message));
}

std::string read_whole_file(const std::string& path) {
  std::error_code ec;
  // A device or a pipe may never end; only a file says how long it is.
  const bool regular = std::filesystem::is_regular_file(path, ec);
  if (ec) fail(path, fmt::format("cannot be read: {}", ec.message()));
  if (!regular) fail(path, "is not a regular file");
  const auto size = std::filesystem::file_size(path, ec);
  if (ec) fail(path, fmt::format("cannot be read: {}", ec.message()));
  if (size > max_file_octets)
    fail(path, fmt::format("is longer than {} MiB", max_file_octets >> 20U));
  std::ifstream file(path, std::ios::binary);
  std::string text(static_cast<std::size_t>(size), '\0');
  if (!file.is_open() || !file.read(text.data(), static_cast<std::streamsize>(text.size())))
    fail(path, fmt::format("cannot be read: {}", std::generic_category().message(errno)));
  return text;
}

/// First folder of a list that systemd hands over (systemd.exec(5), RuntimeDirectory=), else the
/// default.
std::string folder_from_environment(const char* variable, std::string_view otherwise) {
  const char* value = std::getenv(variable);
  const std::string_view list = value == nullptr ? std::string_view() : value;
  const std::string_view first = list.substr(0, list.find(':'));
  return std::string(first.empty() ? otherwise : first);
}

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
    take_command_line();
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
    const auto parsed = parse_yaml_file(read_file_(path));
    if (!parsed) fail(fmt::format("{}:{}", path, parsed.error().line), parsed.error().message);
    const std::string folder = std::filesystem::absolute(path).parent_path().string();
    for (const YamlSetting& setting : parsed->options.settings) {
      const Option* option = find_option(setting.word);
      if (option == nullptr) fail_unknown(setting, all_words());
      if (setting.is_list && option->shape != Option::Shape::list)
        fail(place(setting.word, setting.line),
             fmt::format("takes one value, not a list: {}", describe_allowed(*option)));
      if (option->clear != nullptr) option->clear(config_);
      for (const YamlValue& value : setting.values)
        take_value(*option, value.text, place(setting.word, value.line), folder);
    }
    for (const YamlMap& peer : parsed->peers) take_yaml_peer(peer);
    config_.peers_in_yaml = config_.peers.size();
  }

  void take_command_line() {
    const std::string folder = std::filesystem::current_path().string();
    for (const Option& option : all_options()) {
      const auto given = line_.words.find(std::string(option.word));
      if (given == line_.words.end() || given->second.empty()) continue;
      const std::string flag = fmt::format("--{}", option.word);
      if (option.shape != Option::Shape::list && given->second.size() > 1)
        fail(flag, "is given twice");
      if (option.clear != nullptr) option.clear(config_);
      for (const std::string& value : given->second) take_value(option, value, flag, folder);
    }
  }

  void take_value(const Option& option, const std::string& value, const std::string& where,
                  const std::string& folder) {
    const std::size_t path =
        option.is_path_behind_equals ? std::min(value.find('='), value.size() - 1) + 1 : 0;
    const bool relative = (option.is_path || option.is_path_behind_equals) && path < value.size() &&
                          value[path] != '/';
    const std::string whole =
        relative
            ? value.substr(0, path) +
                  (std::filesystem::path(folder) / value.substr(path)).lexically_normal().string()
            : value;
    if (!set_option(config_, option, whole))
      fail(where,
           fmt::format("'{}' is not allowed; right is: {}", value, describe_allowed(option)));
  }

  void take_yaml_peer(const YamlMap& peer) {
    ConfiguredPeer result;
    bool has_key = false;
    for (const YamlSetting& setting : peer.settings) {
      const std::string where = place(setting.word, setting.line);
      if (setting.is_list && setting.word != "allowed-ips") fail(where, "takes one value");
      const std::string& value = setting.values.empty() ? std::string() : setting.values[0].text;
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
      } else if (setting.word == "allowed-ips") {
        take_allowed_ips(setting, result);
      } else if (setting.word == "endpoint") {
        take_endpoint(where, value, result);
      } else if (setting.word == "preshared-key-file") {
        take_preshared_key_file(where, value, result);
      } else {
        fail_unknown(setting, "name, public-key, allowed-ips, endpoint, preshared-key-file");
      }
    }
    if (!has_key)
      fail(fmt::format("{}:{}", *line_.config_file, peer.line), "this peer has no public-key");
    add_peer(std::move(result), 0, peer.line);
  }

  void take_allowed_ips(const YamlSetting& setting, ConfiguredPeer& peer) const {
    for (const YamlValue& value : setting.values) {
      const auto prefix = base::Prefix::parse(value.text);
      if (!prefix)
        fail(place(setting.word, value.line),
             fmt::format("'{}' is not ADDRESS or ADDRESS/LENGTH; several stand in a list",
                         value.text));
      peer.allowed_ips.push_back(*prefix);
    }
  }

  void take_preshared_key_file(const std::string& where, const std::string& value,
                               ConfiguredPeer& peer) const {
    if (value.empty()) fail(where, "is empty; right is a file that `wg genpsk` wrote");
    const auto folder = std::filesystem::absolute(*line_.config_file).parent_path();
    peer.preshared_key_file = (folder / value).lexically_normal().string();
    std::string text = read_file_(peer.preshared_key_file);
    peer.preshared_key = parse_secret<wg::PresharedKey>(text);
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
    const std::size_t written = config_.peers.size();
    take_peers_file(path);
    for (std::size_t i = config_.peers.size(); i > written; --i) {
      if (!known.contains(config_.peers[i - 1].public_key)) continue;
      warn(path, places_[i - 1].line, "this peer stands in the configuration now, which counts");
      config_.peers.erase(config_.peers.begin() + static_cast<std::ptrdiff_t>(i - 1));
      places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(i - 1));
    }
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
    return fmt::format("{}:{}: {}", *line_.config_file, line, word);
  }
  [[noreturn]] void fail_unknown(const YamlSetting& setting, const std::string& known) const {
    fail(place(setting.word, setting.line), fmt::format("is unknown; right is one of: {}", known));
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

void write_list(std::string& out, std::string_view indent, const std::vector<std::string>& values) {
  if (values.empty()) out += " []";
  out += '\n';
  for (const std::string& value : values)
    out += fmt::format("{}  - {}\n", indent, to_yaml_value(value));
}

}  // namespace

std::string key_file_of(const Config& config, const ConfiguredPoint& point) {
  if (!point.key_file.empty()) return point.key_file;
  return fmt::format("{}/observe-{}-{}.key", config.state_dir, point.listen.address.to_string(),
                     base::to_number(point.listen.port));
}

Config load_config(const CommandLine& line) {
  return read_config(line, read_whole_file);
}

Config read_config(const CommandLine& line, const ReadFile& read_file) {
  return ConfigReader(line, read_file).read();
}

std::string to_yaml(const Config& config) {
  std::string out;
  for (const Option& option : all_options()) {
    out += fmt::format("{}:", option.word);
    const std::vector<std::string> values = option.get(config);
    if (option.shape == Option::Shape::list) {
      write_list(out, "", values);
    } else {
      out += fmt::format(" {}\n", to_yaml_value(values.front()));
    }
  }
  out += config.peers_in_yaml == 0 ? "peers: []\n" : "peers:\n";
  for (std::size_t i = 0; i < config.peers_in_yaml; ++i) {
    const ConfiguredPeer& peer = config.peers[i];
    out += fmt::format("  - public-key: {}\n", to_yaml_value(peer.public_key.to_base64()));
    if (!peer.name.empty()) out += fmt::format("    name: {}\n", to_yaml_value(peer.name));
    if (peer.endpoint) out += fmt::format("    endpoint: {}\n", to_yaml_value(endpoint_text(peer)));
    if (!peer.preshared_key_file.empty())
      out += fmt::format("    preshared-key-file: {}\n", to_yaml_value(peer.preshared_key_file));
    if (peer.allowed_ips.empty()) continue;
    std::vector<std::string> prefixes;
    for (const base::Prefix& prefix : peer.allowed_ips) prefixes.push_back(prefix.to_string());
    out += "    allowed-ips:";
    write_list(out, "    ", prefixes);
  }
  if (config.peers.size() > config.peers_in_yaml)
    out +=
        fmt::format("# and {} peers of peers-file\n", config.peers.size() - config.peers_in_yaml);
  return out;
}

}  // namespace dnsd
