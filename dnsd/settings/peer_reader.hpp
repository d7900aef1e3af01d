#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/files.hpp"
#include "config/yaml_file.hpp"
#include "dnsd/settings/config.hpp"
#include "wg/config_file.hpp"

namespace dnsd {

/// Reads the peers of one configuration, from the YAML file and from files in WireGuard's own
/// format. The YAML file is ours: every mistake there throws ConfigError, which names file and
/// line, and both places if a key or a name is defined twice. The others are WireGuard's: a mistake
/// there is kept as an error, and costs what wg::parse_config_file says. Call take_yaml(), then
/// take_file() for each file, then take_added_file(), then finish(). A file that cannot be read
/// throws. One thread, one owner.
class PeerReader {
 public:
  struct Result {
    std::vector<ConfiguredPeer> peers;  ///< each public key and each name once
    std::vector<std::string> files;     ///< that PeerPlace::file means; first the YAML file
    std::size_t in_yaml = 0;  ///< how many of `peers` are from the YAML file; they come first
    std::vector<std::string> warnings;     ///< what was skipped, with file and line
    std::vector<std::string> errors;       ///< what was wrong, with file and line
    std::vector<wg::PublicKey> lost_keys;  ///< of peers that the errors cost; not in `peers`
    std::size_t lost_unknown = 0;          ///< other peers that they cost
  };

  /// \param yaml_file what errors call it; empty: there is none. \param read_file outlives the
  /// reader.
  PeerReader(std::string yaml_file, const config::ReadFile& read_file)
      : yaml_file_(std::move(yaml_file)), read_file_(read_file) {
    result_.files.push_back(yaml_file_);
  }

  /// The setting `peers` of the YAML file, a list of maps.
  void take_yaml(const config::YamlSetting& setting);
  /// A file of `peers-file`. What WireGuard allows and DNS cannot say is left out, with a warning.
  void take_file(const std::string& path);
  /// The file of added_peers_file(), where it exists. A peer that was taken before is skipped, with
  /// a warning: what the operator wrote takes precedence.
  void take_added_file(const std::string& path);
  /// Makes one peer of what several places say of one key: allowed-ips add up, of everything else
  /// the first place counts. A block of addresses that two peers have is left to the last one, as
  /// WireGuard does, with a warning. A name that another peer has gets a number, and so does one
  /// that is reserved. Hands out what was read. \param reserved a label that is no name; empty:
  /// none
  [[nodiscard]] Result finish(std::string_view reserved = {}) &&;

 private:
  /// Two peers with one name, by their positions in result_.peers.
  struct Clash {
    std::uint32_t peer;                  ///< it gets a number
    std::optional<std::uint32_t> first;  ///< it keeps the name; none: the name is reserved
  };

  void take_wireguard_file(const std::string& path, NameOrigin names);
  void keep(ConfiguredPeer&& peer, std::size_t file, std::size_t line);
  void drop_what_dns_cannot_say(ConfiguredPeer& peer, const std::string& path, std::size_t line);
  void drop_own_key(const std::string& path, wg::ConfigFile& file);
  void merge_peers();
  void merge_into(ConfiguredPeer& first, ConfiguredPeer&& second);
  [[nodiscard]] bool are_from_one_file() const;
  void settle_blocks();
  void settle_names(std::string_view reserved);
  void number_names(std::vector<Clash> clashes, std::string_view reserved);
  void forget_found_keys();
  [[noreturn]] void fail_double(const std::string& what, std::size_t second,
                                std::size_t first) const;
  [[nodiscard]] std::string place_of_peer(std::size_t index) const;
  void warn(const std::string& path, std::size_t line, const std::string& message);
  void warn_at(std::size_t index, const std::string& message);

  std::string yaml_file_;
  const config::ReadFile& read_file_;
  Result result_;
};

/// Parses a file of peers. \param text is wiped: it may hold keys that are secret.
[[nodiscard]] wg::ConfigFile parse_peers_file(std::string&& text);

}  // namespace dnsd
