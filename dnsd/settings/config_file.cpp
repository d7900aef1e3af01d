#include "dnsd/settings/config_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "config/yaml_file.hpp"
#include "dnsd/settings/open_secrets.hpp"
#include "dnsd/settings/options.hpp"
#include "dnsd/settings/peer_reader.hpp"

namespace dnsd {
namespace {

using config::fail;
using config::YamlSetting;

std::string all_words() {
  std::string words;
  for (const Option& option : all_options()) words += fmt::format("{}, ", option.word);
  return words + "peers";
}

void take_yaml_file(Config& config, PeerReader& peers, const std::string& path,
                    const ReadFile& read_file) {
  const auto parsed = config::parse_yaml_file(read_file(path));
  if (!parsed) fail(fmt::format("{}:{}", path, parsed.error().line), parsed.error().message);
  for (const YamlSetting& setting : parsed->settings) {
    if (setting.word == "peers") {
      peers.take_yaml(setting);
      continue;
    }
    const Option* option = config::find_option(all_options(), setting.word);
    if (option == nullptr) config::fail_unknown(path, setting, all_words());
    config::take_setting(config, *option, setting, path);
  }
}

std::string endpoint_text(const ConfiguredPeer& peer) {
  if (const auto* address = std::get_if<base::Endpoint>(&*peer.endpoint))
    return address->to_string();
  const auto& host = std::get<wg::HostEndpoint>(*peer.endpoint);
  return fmt::format("{}:{}", host.host, base::to_number(host.port));
}

std::string write_peer(const ConfiguredPeer& peer) {
  std::string out =
      fmt::format("  - public-key: {}\n", config::to_yaml_value(peer.public_key.to_base64()));
  const auto write = [&](std::string_view word, const std::string& value) {
    if (!value.empty()) out += config::write_setting("    ", word, false, {value});
  };
  write("name", peer.name);
  if (peer.endpoint && !peer.endpoint_file) write("endpoint", endpoint_text(peer));
  if (peer.is_fixed) write("fixed", "yes");
  if (!peer.is_relayed) write("relay", "no");
  write("preshared-key-file", peer.preshared_key_file);
  if (peer.allowed_ips.empty()) return out;
  std::vector<std::string> prefixes;
  for (const base::Prefix& prefix : peer.allowed_ips) prefixes.push_back(prefix.to_string());
  return out + config::write_setting("    ", "allowed-ips", true, prefixes);
}

/// What is something else on the disk than the option wants; it would fail later, in other words.
void check_places(const Config& config) {
  std::error_code ec;
  const std::filesystem::path state = config.state_dir;
  if (std::filesystem::exists(state, ec) && !std::filesystem::is_directory(state, ec))
    fail("state-dir", fmt::format("{} is a file, and a folder is expected", config.state_dir));
  if (std::filesystem::is_directory(config.control_socket, ec))
    fail("control", fmt::format("{0} is a folder, and the name of a socket is expected, such as "
                                "{0}/control.sock",
                                config.control_socket));
  for (const ConfiguredPoint& point : config.points) {
    const std::string file = key_file_of(config, point);
    if (std::filesystem::is_directory(file, ec))
      fail("observe", fmt::format("{0} is a folder, and a file for the private key is expected, "
                                  "such as {0}/{1}.key",
                                  file, base::to_number(point.listen.port)));
  }
}

}  // namespace

Config load_config(const CommandLine& line) {
  std::error_code ec;
  CommandLine whole = line;
  const auto zone = line.words.find("zone");  // the words that were not typed have no value
  const bool names_zone = zone != line.words.end() && !zone->second.empty();
  if (!line.config_file && !names_zone && std::filesystem::exists(default_config_file, ec))
    whole.config_file = default_config_file;
  Config config = read_config(whole, config::read_whole_file);
  check_places(config);
  return config;
}

Config read_config(const CommandLine& line, const ReadFile& read_file) {
  Config config;
  config.state_dir = config::own_folder(config::FolderUse::state, "wg-dnsd");
  config.control_socket =
      config::own_folder(config::FolderUse::runtime, "wg-dnsd") + "/control.sock";
  PeerReader peers(line.config_file.value_or(""), read_file);
  if (line.config_file) take_yaml_file(config, peers, *line.config_file, read_file);
  config::take_words(config, all_options(), line.words);
  for (const std::string& path : config.peers_files) peers.take_file(path);
  peers.take_added_file(added_peers_file(config));
  // One order, whichever word came first in the file: --check-config's output loads to the same.
  std::stable_sort(config.listen.begin(), config.listen.end(),
                   [](const auto& a, const auto& b) { return a.view < b.view; });
  check_whole(config);
  PeerReader::Result read = std::move(peers).finish(config.tunnel_label);
  config.peers = std::move(read.peers);
  config.place_files = std::move(read.files);
  config.peers_in_yaml = read.in_yaml;
  config.warnings = std::move(read.warnings);
  config.errors = std::move(read.errors);
  config.lost_keys = std::move(read.lost_keys);
  config.lost_unknown = read.lost_unknown;
  for (std::string& warning : warn_of_open_secrets(config))
    config.warnings.push_back(std::move(warning));
  return config;
}

void check_something_is_left(const Config& config) {
  if (!config.peers.empty() || !config.interfaces.empty() || !config.points.empty() ||
      config.zone_file)
    return;
  if (config.errors.empty()) {
    if (!config.peers_files.empty()) return;  // peers may come to them
    throw ConfigError(
        "no source of peers is given, so there is nothing to serve: add `observe: ADDRESS:PORT` (a "
        "built-in WireGuard peer), `interface: NAME` (a WireGuard interface of this host), or "
        "peers with an endpoint (peers, peers-file)");
  }
  throw ConfigError(fmt::format("no peer is left, and there is nothing else to serve: {}",
                                fmt::join(config.errors, "; ")));
}

std::string to_yaml(const Config& config) {
  std::string out = config::write_options(config, all_options());
  out += config.peers_in_yaml == 0 ? "peers: []\n" : "peers:\n";
  for (std::size_t i = 0; i < config.peers_in_yaml; ++i) out += write_peer(config.peers[i]);
  if (config.peers.size() > config.peers_in_yaml)
    out +=
        fmt::format("# and {} peers of peers-file\n", config.peers.size() - config.peers_in_yaml);
  return out;
}

}  // namespace dnsd
