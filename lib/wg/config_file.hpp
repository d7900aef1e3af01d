#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "wg/config_values.hpp"
#include "wg/public_key.hpp"
#include "wg/secret_keys.hpp"

/// Files in WireGuard's own configuration format (wg(8) "CONFIGURATION FILE FORMAT", wg-quick(8)),
/// read as `wg-quick strip` and then `wg setconf` read them. Those two refuse a file as a whole;
/// here each mistake costs only what it stands in. tests/forms shows what they make of files.
namespace wg {

struct ConfigPeer {
  PublicKey public_key;
  /// One label, from a comment inside the section or on the lines right above it
  /// (config_names.hpp); empty: none.
  std::string name;
  std::vector<base::Prefix> allowed_ips;  ///< no block twice, not in another peer either
  std::optional<ConfigEndpoint> endpoint;
  /// `# Fixed = yes` inside the section: the endpoint is the operator's word, not what wg-quick
  /// saved.
  bool is_fixed = false;
  bool is_relayed = true;  ///< `# Relay = no` inside the section: packets are not passed on to it
  std::optional<PresharedKey> preshared_key;
  std::optional<std::uint16_t> keepalive;  ///< seconds; 0: off
  std::size_t line = 0;                    ///< 1-based line of its last `[Peer]`
};

/// What the lines of [Interface] set.
struct ConfigInterface {
  std::optional<PrivateKey> private_key;
  std::optional<std::uint16_t> listen_port;  ///< 0: any free one
  std::optional<std::uint32_t> fwmark;       ///< 0: none
};

/// What is wrong with one line.
struct ConfigError {
  std::size_t line = 0;  ///< 1-based
  /// What is wrong, what would be right, what is lost; never contains a key that is secret.
  std::string message;
  bool is_about_name = false;  ///< of a peer
};

struct ConfigFile {
  ConfigInterface interface;
  std::vector<ConfigPeer> peers;  ///< in file order; each public key once
  /// Why WireGuard refuses the file. A wrong line in a [Peer] costs this section, one in
  /// [Interface] what it sets, one outside a section all peers. At most max_config_errors.
  std::vector<ConfigError> errors;
  /// What WireGuard takes, or what other implementations add, and yet deserves a look: words that
  /// are not WireGuard's in [Interface], names that are no DNS label, the same thing twice.
  std::vector<ConfigError> warnings;
  /// Whose sections the errors cost, where the key can be read. Never a key of `peers`.
  std::vector<PublicKey> lost_keys;
  std::size_t lost_unknown = 0;  ///< how many sections with another key, or without one, were lost
};

/// Errors, and warnings, of one file beyond this number are not kept.
inline constexpr std::size_t max_config_errors = 1000;

/// Parses a whole file. Of one setting twice in a section the last one counts; the blocks of
/// AllowedIPs add up. Of a peer with several sections, each setting is from the last section that
/// has it, and the AllowedIPs from the last section alone. A block belongs to the peer that has it
/// last. All as WireGuard does.
[[nodiscard]] ConfigFile parse_config_file(std::string_view text);

}  // namespace wg
