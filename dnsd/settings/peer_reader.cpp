// Where the peers of a configuration come from: the maps of `peers` in the YAML file, the files of
// `peers-file`, and the file of peers that were added at run time, which control/added_peers
// writes. The first must be right; the others are WireGuard's: what is wrong there costs a peer,
// and what DNS cannot say of them is skipped. Runs on the control thread, at start and at each
// reload. The YAML file as a whole is read by config_file, the format of WireGuard's files by
// wg/config_file.
#include "dnsd/settings/peer_reader.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <variant>

#include "base/clock.hpp"
#include "config/options.hpp"
#include "config/values.hpp"
#include "dnsd/settings/free_names.hpp"
#include "dnsd/settings/open_secrets.hpp"
#include "noise/crypto.hpp"
#include "noise/key_file.hpp"
#include "schema/owner_name.hpp"
#include "wg/config_overlap.hpp"
#include "wg/key_index.hpp"

namespace dnsd {
namespace {

using config::fail;
using config::YamlMap;
using config::YamlSetting;
using config::YamlValue;

/// Of a peer in YAML; allowed-ips is the one that may be a list.
constexpr std::array<std::string_view, 6> peer_words{"name",  "public-key", "endpoint",
                                                     "fixed", "relay",      "preshared-key-file"};

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// An SRV target: a name of letters, digits, inner hyphens and underscores, which getaddrinfo
/// looks up, too (RFC 2181 §11). The last label is no number, so that no misspelt address passes
/// (RFC 1123 §2.1).
bool is_host_name(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  if (!dns::Name::parse(host) || last.find_first_not_of("0123456789") == std::string_view::npos)
    return false;
  for (std::size_t begin = 0; begin <= host.size();) {
    const std::size_t end = std::min(host.find('.', begin), host.size());
    const std::string_view label = host.substr(begin, end - begin);
    if (label.empty() || label.starts_with('-') || label.ends_with('-') ||
        !std::all_of(label.begin(), label.end(), is_host_character))
      return false;
    begin = end + 1;
  }
  return true;
}

wg::PublicKey read_public_key(const std::string& where, const std::string& value) {
  const auto key = wg::PublicKey::parse(value);
  if (!key || key->is_zero())
    fail(where,
         fmt::format("'{}' is not a public key: 44 characters as wg pubkey prints them", value));
  return *key;
}

const std::string& read_name(const std::string& where, const std::string& value) {
  if (const auto wrong = schema::check_peer_label(value))
    fail(where, fmt::format("'{}' {}", value, *wrong));
  return value;
}

bool read_toggle(const std::string& where, const std::string& value) {
  const auto toggle = config::parse_toggle(value);
  if (!toggle) fail(where, fmt::format("'{}' is neither yes nor no", value));
  return *toggle;
}

wg::ConfigEndpoint read_endpoint(const std::string& where, const std::string& value) {
  if (const auto endpoint = base::Endpoint::parse(value)) {
    if (endpoint->address.scope() == base::AddressScope::never)
      fail(where, fmt::format("'{}' cannot be published: nobody else reaches this address", value));
    return *endpoint;
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
  return wg::HostEndpoint{host, *port};
}

/// One map of the YAML file's `peers`.
class YamlPeer {
 public:
  YamlPeer(const std::string& file, const config::ReadFile& read_file)
      : file_(file), read_file_(read_file) {}

  ConfiguredPeer read(const YamlMap& map) {
    for (const YamlSetting& setting : map.settings) take(setting);
    if (!has_key_)
      fail(fmt::format("{}:{}", file_, map.line),
           "this peer has no public-key; expected: public-key: KEY, as `wg pubkey` "
           "prints it");
    return std::move(peer_);
  }

 private:
  void take(const YamlSetting& setting) {
    if (setting.word == "allowed-ips") return take_allowed_ips(setting);
    if (std::find(peer_words.begin(), peer_words.end(), setting.word) == peer_words.end())
      config::fail_unknown(file_, setting,
                           fmt::format("{}, allowed-ips", fmt::join(peer_words, ", ")));
    const std::string where = config::place_of(file_, setting.word, setting.line);
    const std::string& value =
        config::single_value(file_, setting, "only allowed-ips may be a list").text;
    if (setting.word == "public-key") {
      peer_.public_key = read_public_key(where, value);
      has_key_ = true;
    } else if (setting.word == "name") {
      peer_.name = read_name(where, value);
    } else if (setting.word == "endpoint") {
      peer_.endpoint = read_endpoint(where, value);
    } else if (setting.word == "fixed") {
      peer_.is_fixed = read_toggle(where, value);
    } else if (setting.word == "relay") {
      peer_.is_relayed = read_toggle(where, value);
    } else {
      take_preshared_key_file(where, value);
    }
  }

  void take_allowed_ips(const YamlSetting& setting) {
    constexpr std::string_view allowed = "ADDRESS or ADDRESS/LENGTH; several as a list";
    for (const YamlValue& value : config::list_of_values(file_, setting, allowed)) {
      const auto prefix = base::Prefix::parse(value.text);
      if (!prefix)
        fail(config::place_of(file_, setting.word, value.line),
             fmt::format("'{}' is not {}", value.text, allowed));
      peer_.allowed_ips.push_back(*prefix);
    }
  }

  void take_preshared_key_file(const std::string& where, const std::string& value) {
    if (value.empty()) fail(where, "is empty; expected: a file that `wg genpsk` wrote");
    peer_.preshared_key_file = config::absolute_path(config::folder_of(file_), value);
    std::string text = read_file_(peer_.preshared_key_file);
    peer_.preshared_key = noise::parse_secret<wg::PresharedKey>(text);
    OPENSSL_cleanse(text.data(), text.size());
    if (!peer_.preshared_key)
      fail(where,
           fmt::format("{} is not a preshared key: 44 characters, as `wg genpsk` prints them",
                       peer_.preshared_key_file));
  }

  const std::string& file_;
  const config::ReadFile& read_file_;
  ConfiguredPeer peer_;
  bool has_key_ = false;
};

/// Whether others can use it: an address that is reachable from elsewhere, or a name, and a port.
bool is_publishable(const wg::ConfigEndpoint& endpoint) {
  if (const auto* address = std::get_if<base::Endpoint>(&endpoint))
    return address->address.scope() != base::AddressScope::never && address->port != base::Port{0};
  const auto& [host, port] = std::get<wg::HostEndpoint>(endpoint);
  return is_host_name(host) && port != base::Port{0};
}

std::string to_string(const wg::ConfigEndpoint& endpoint) {
  if (const auto* address = std::get_if<base::Endpoint>(&endpoint)) return address->to_string();
  const auto& [host, port] = std::get<wg::HostEndpoint>(endpoint);
  return wg::quote_config(fmt::format("{}:{}", host, base::to_number(port)));
}

/// Null: it is not on the disk, but a text of a test.
std::shared_ptr<const EndpointFile> find_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return nullptr;
  return std::make_shared<const EndpointFile>(
      EndpointFile{path, base::WallTime(std::chrono::seconds(status.st_mtime))});
}

bool holds_secret(const wg::ConfigFile& file) {
  return file.interface.private_key.has_value() ||
         std::any_of(file.peers.begin(), file.peers.end(),
                     [](const wg::ConfigPeer& peer) { return peer.preshared_key.has_value(); });
}

constexpr std::string_view is_reserved =
    "is the label of the addresses inside the tunnel (tunnel-label)";

std::uint8_t fold(char c) {
  return base::to_lower(static_cast<std::uint8_t>(c));
}

}  // namespace

void PeerReader::take_yaml(const YamlSetting& setting) {
  using Kind = YamlSetting::Kind;
  if (setting.kind == Kind::value || setting.kind == Kind::map)
    fail(config::place_of(yaml_file_, setting.word, setting.line),
         "is a list of maps, each with at least a public-key");
  if (!setting.values.empty())
    fail(config::place_of(yaml_file_, setting.word, setting.values.front().line),
         "a peer is a map with at least a public-key; files of peers go to peers-file");
  for (const YamlMap& map : setting.maps)
    keep(YamlPeer(yaml_file_, read_file_).read(map), 0, map.line);
  result_.in_yaml = result_.peers.size();
}

void PeerReader::take_file(const std::string& path) {
  take_wireguard_file(path, NameOrigin::comment);
}

void PeerReader::take_wireguard_file(const std::string& path, NameOrigin names) {
  result_.files.push_back(path);
  wg::ConfigFile file = parse_peers_file(read_file_(path));
  for (const wg::ConfigError& error : file.errors)
    result_.errors.push_back(fmt::format("{}:{}: {}", path, error.line, error.message));
  for (const wg::ConfigError& warning : file.warnings) warn(path, warning.line, warning.message);
  result_.lost_keys.insert(result_.lost_keys.end(), file.lost_keys.begin(), file.lost_keys.end());
  result_.lost_unknown += file.lost_unknown;
  if (holds_secret(file)) {
    for (std::string& warning : warn_of_open_secret(path, "this file, which holds keys,"))
      result_.warnings.push_back(std::move(warning));
  }
  drop_own_key(path, file);
  result_.peers.reserve(result_.peers.size() + file.peers.size());
  const auto endpoint_file = find_file(path);
  for (wg::ConfigPeer& peer : file.peers) {
    ConfiguredPeer configured{peer.public_key, std::move(peer.name), std::move(peer.allowed_ips),
                              std::move(peer.endpoint)};
    configured.preshared_key = std::move(peer.preshared_key);
    configured.name_origin = names;
    configured.is_fixed = peer.is_fixed;
    configured.is_relayed = peer.is_relayed;
    if (configured.endpoint && !peer.is_fixed) configured.endpoint_file = endpoint_file;
    drop_what_dns_cannot_say(configured, path, peer.line);
    keep(std::move(configured), result_.files.size() - 1, peer.line);
  }
}

void PeerReader::take_added_file(const std::string& path) {
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) return;
  std::vector<ConfiguredPeer>& peers = result_.peers;
  std::unordered_set<wg::PublicKey> known;
  for (const ConfiguredPeer& peer : peers) known.insert(peer.public_key);
  std::size_t kept = peers.size();
  take_wireguard_file(path, NameOrigin::added);
  for (std::size_t i = kept; i < peers.size(); ++i) {
    if (known.contains(peers[i].public_key)) {
      warn(path, peers[i].place.line, "this peer is skipped: the configuration defines it now");
      continue;
    }
    if (kept != i) peers[kept] = std::move(peers[i]);
    ++kept;
  }
  peers.erase(peers.begin() + static_cast<std::ptrdiff_t>(kept), peers.end());
}

PeerReader::Result PeerReader::finish(std::string_view reserved) && {
  merge_peers();
  settle_blocks();
  settle_names(reserved);
  forget_found_keys();
  return std::move(result_);
}

void PeerReader::keep(ConfiguredPeer&& peer, std::size_t file, std::size_t line) {
  peer.place = {static_cast<std::uint32_t>(file), static_cast<std::uint32_t>(line)};
  result_.peers.push_back(std::move(peer));
}

/// These files are WireGuard's, and right for WireGuard: what we cannot publish is left out, with
/// a line in the log.
void PeerReader::drop_what_dns_cannot_say(ConfiguredPeer& peer, const std::string& path,
                                          std::size_t line) {
  if (!peer.name.empty()) {
    if (const auto wrong = schema::check_peer_label(peer.name)) {
      warn(path, line, fmt::format("the name '{}' is skipped: it {}", peer.name, *wrong));
      peer.name.clear();
    }
  }
  if (!peer.endpoint || is_publishable(*peer.endpoint)) return;
  warn(path, line,
       fmt::format("the endpoint of {} is skipped: {} cannot be published",
                   wg::describe_peer(peer.name, peer.public_key), to_string(*peer.endpoint)));
  peer.endpoint.reset();
}

/// WireGuard ignores a peer that has the interface's own key.
void PeerReader::drop_own_key(const std::string& path, wg::ConfigFile& file) {
  if (!file.interface.private_key) return;
  const wg::PublicKey own = noise::KeyPair(*file.interface.private_key).public_key();
  std::erase_if(file.peers, [&](const wg::ConfigPeer& peer) {
    if (peer.public_key != own) return false;
    warn(path, peer.line, "this peer is skipped: it has the key of the interface itself");
    return true;
  });
}

bool PeerReader::are_from_one_file() const {
  const std::vector<ConfiguredPeer>& peers = result_.peers;
  return std::all_of(peers.begin(), peers.end(), [&](const ConfiguredPeer& peer) {
    return peer.place.file != 0 && peer.place.file == peers.front().place.file;
  });
}

/// One file has each key once; this finds a key in several.
void PeerReader::merge_peers() {
  if (are_from_one_file()) return;
  std::vector<ConfiguredPeer>& peers = result_.peers;
  wg::KeyIndex index;
  const auto key_at = [&](std::uint32_t i) -> const wg::PublicKey& { return peers[i].public_key; };
  std::uint32_t kept = 0;
  for (std::size_t i = 0; i < peers.size(); ++i) {
    if (const auto first = index.find(peers[i].public_key, key_at)) {
      if (peers[i].place.file == 0)
        fail_double(fmt::format("the public key {}", peers[i].public_key.to_base64()), i, *first);
      if (peers[*first].place.file != 0)
        warn_at(i, fmt::format("the peer {} is in {}, too: it is one peer with the allowed-ips of "
                               "both, and what it can have once it has from there",
                               wg::describe_peer(peers[i].name, peers[i].public_key),
                               place_of_peer(*first)));
      merge_into(peers[*first], std::move(peers[i]));
      continue;
    }
    if (kept != i) peers[kept] = std::move(peers[i]);
    index.add(kept++, key_at);
  }
  peers.erase(peers.begin() + kept, peers.end());
}

void PeerReader::merge_into(ConfiguredPeer& first, ConfiguredPeer&& second) {
  if (first.name.empty()) {
    first.name = std::move(second.name);
    first.name_origin = second.name_origin;
  }
  first.is_fixed = first.is_fixed || second.is_fixed;
  first.is_relayed = first.is_relayed && second.is_relayed;
  if (!first.endpoint) {
    first.endpoint = std::move(second.endpoint);
    first.endpoint_file = std::move(second.endpoint_file);
  }
  if (first.is_fixed) first.endpoint_file.reset();
  if (!first.preshared_key) first.preshared_key = second.preshared_key;
  std::vector<base::Prefix> known = first.allowed_ips;
  std::sort(known.begin(), known.end());
  for (const base::Prefix& prefix : second.allowed_ips) {
    if (!std::binary_search(known.begin(), known.end(), prefix))
      first.allowed_ips.push_back(prefix);
  }
}

/// One file has each block once; this finds a block in several.
void PeerReader::settle_blocks() {
  if (are_from_one_file()) return;
  std::vector<ConfiguredPeer>& peers = result_.peers;
  std::vector<wg::BlockOwner> owners;
  owners.reserve(peers.size());
  for (std::size_t i = 0; i < peers.size(); ++i) owners.push_back({&peers[i].allowed_ips, i});
  for (const wg::LostBlock& lost : wg::settle_blocks(owners))
    warn_at(
        lost.to,
        fmt::format("{} is also that of the peer at {}: WireGuard gives it to {} alone, who has "
                    "it last",
                    lost.block.to_string(), place_of_peer(lost.from),
                    wg::describe_peer(peers[lost.to].name, peers[lost.to].public_key)));
}

/// Of two peers with one name the first keeps it, and the others get numbers. A name in YAML is the
/// operator's word: twice there is a mistake.
void PeerReader::settle_names(std::string_view reserved) {
  std::vector<ConfiguredPeer>& peers = result_.peers;
  std::vector<std::uint32_t> named;
  for (std::uint32_t i = 0; i < peers.size(); ++i) {
    if (!peers[i].name.empty()) named.push_back(i);
  }
  const auto less = [&](std::uint32_t a, std::uint32_t b) {
    const std::string& x = peers[a].name;
    const std::string& y = peers[b].name;
    return std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end(),
                                        [](char c, char d) { return fold(c) < fold(d); });
  };
  std::stable_sort(named.begin(), named.end(), less);
  std::vector<Clash> clashes;  // settled at the end: `less` needs the names
  for (std::size_t i = 1; i < named.size(); ++i) {
    if (less(named[i - 1], named[i])) continue;
    const std::uint32_t first = *std::lower_bound(
        named.begin(), named.begin() + static_cast<std::ptrdiff_t>(i), named[i], less);
    if (peers[named[i]].place.file == 0)
      fail_double(fmt::format("the name '{}'", peers[named[i]].name), named[i], first);
    clashes.push_back({named[i], first});
  }
  const auto tunnel = std::find_if(named.begin(), named.end(), [&](std::uint32_t i) {
    return base::equals_ignoring_case(peers[i].name, reserved);
  });
  if (tunnel != named.end()) {
    if (peers[*tunnel].place.file == 0)
      fail(place_of_peer(*tunnel),
           fmt::format("the name '{}' {}", peers[*tunnel].name, is_reserved));
    clashes.push_back({*tunnel, std::nullopt});
  }
  number_names(std::move(clashes), reserved);
}

/// In the order of the files, so that a peer has the same number each time.
void PeerReader::number_names(std::vector<Clash> clashes, std::string_view reserved) {
  if (clashes.empty()) return;
  std::sort(clashes.begin(), clashes.end(),
            [](const Clash& a, const Clash& b) { return a.peer < b.peer; });
  FreeNames names;
  names.take(reserved);
  for (const ConfiguredPeer& peer : result_.peers) {
    if (!peer.name.empty()) names.take(peer.name);
  }
  for (const auto& [i, first] : clashes) {
    std::string& name = result_.peers[i].name;
    std::string numbered = names.take_free(name);
    const std::string why =
        first ? "is taken by the peer at " + place_of_peer(*first) : std::string(is_reserved);
    warn_at(i, fmt::format("the name '{}' {}: this one is '{}'", name, why, numbered));
    name = std::move(numbered);
  }
}

/// A peer that one file lost and another has is not lost.
void PeerReader::forget_found_keys() {
  std::vector<wg::PublicKey>& lost = result_.lost_keys;
  if (lost.empty()) return;
  std::sort(lost.begin(), lost.end());
  for (const ConfiguredPeer& peer : result_.peers) {
    const auto [begin, end] = std::equal_range(lost.begin(), lost.end(), peer.public_key);
    lost.erase(begin, end);
  }
}

void PeerReader::fail_double(const std::string& what, std::size_t second, std::size_t first) const {
  fail(place_of_peer(second),
       fmt::format("{} is already defined at {}", what, place_of_peer(first)));
}

std::string PeerReader::place_of_peer(std::size_t index) const {
  const PeerPlace& place = result_.peers[index].place;
  return fmt::format("{}:{}", result_.files[place.file], place.line);
}

void PeerReader::warn(const std::string& path, std::size_t line, const std::string& message) {
  result_.warnings.push_back(fmt::format("{}:{}: {}", path, line, message));
}

void PeerReader::warn_at(std::size_t index, const std::string& message) {
  result_.warnings.push_back(fmt::format("{}: {}", place_of_peer(index), message));
}

wg::ConfigFile parse_peers_file(std::string&& text) {
  wg::ConfigFile file = wg::parse_config_file(text);
  OPENSSL_cleanse(text.data(), text.size());
  return file;
}

}  // namespace dnsd
