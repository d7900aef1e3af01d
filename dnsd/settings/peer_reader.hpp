#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/expected.hpp"
#include "config/files.hpp"
#include "config/yaml_file.hpp"
#include "dnsd/settings/config.hpp"
#include "wg/config_file.hpp"

namespace dnsd {

/// Reads the peers of one configuration, from the YAML file and from files in WireGuard's own
/// format. Remembers where each peer is defined: an error names file and line, and both places if a
/// key or a name is defined twice. Call take_yaml(), then take_file() for each file, then
/// take_added_file(), then finish(). Every function throws ConfigError. One thread, one owner.
class PeerReader {
 public:
  struct Result {
    std::vector<ConfiguredPeer> peers;  ///< each public key and each name once
    std::size_t in_yaml = 0;  ///< how many of `peers` are from the YAML file; they come first
    std::vector<std::string> warnings;  ///< what was skipped, with file and line
  };

  /// \param yaml_file what errors call it; empty: there is none. \param read_file outlives the
  /// reader.
  PeerReader(std::string yaml_file, const config::ReadFile& read_file)
      : yaml_file_(std::move(yaml_file)), read_file_(read_file) {}

  /// The setting `peers` of the YAML file, a list of maps.
  void take_yaml(const config::YamlSetting& setting);
  /// A file of `peers-file`. What WireGuard allows and DNS cannot say is left out, with a warning.
  void take_file(const std::string& path);
  /// The file of added_peers_file(), where it exists. A peer that was taken before is skipped, with
  /// a warning: what the operator wrote takes precedence.
  void take_added_file(const std::string& path);
  /// Checks that all files together name each key and each name once, and hands out what was read.
  [[nodiscard]] Result finish() &&;

 private:
  /// Where a peer is defined: file 0 is the YAML file, n the nth one of files_.
  struct Place {
    std::uint32_t file;
    std::uint32_t line;
  };

  void keep(ConfiguredPeer&& peer, std::size_t file, std::size_t line);
  void drop_what_dns_cannot_say(ConfiguredPeer& peer, const std::string& path, std::size_t line);
  void check_keys() const;
  void check_names() const;
  [[noreturn]] void fail_double(const std::string& what, std::size_t second,
                                std::size_t first) const;
  [[nodiscard]] std::string place_of_peer(std::size_t index) const;
  void warn(const std::string& path, std::size_t line, const std::string& message);

  std::string yaml_file_;
  const config::ReadFile& read_file_;
  Result result_;
  std::vector<Place> places_;       // of result_.peers
  std::vector<std::string> files_;  // of peers
};

/// Parses a file of peers. \param path what an error calls it. \param text is wiped: it may hold
/// preshared keys. \error `FILE:LINE: what is wrong`
[[nodiscard]] base::Expected<wg::ConfigFile, std::string> parse_peers_file(const std::string& path,
                                                                           std::string&& text);

}  // namespace dnsd
