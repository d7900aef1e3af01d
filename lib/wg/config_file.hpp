#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "wg/public_key.hpp"
#include "wg/secret_keys.hpp"

/// WireGuard's own configuration format (wg(8) "CONFIGURATION FILE FORMAT", wg-quick(8)), the
/// `[Peer]` sections of it.
namespace wg {

/// `Endpoint = vpn.example.org:51820`: nothing is resolved here.
struct HostEndpoint {
  std::string host;  ///< as written; at most 253 characters
  base::Port port{};

  friend bool operator==(const HostEndpoint&, const HostEndpoint&) = default;
};

struct ConfigPeer {
  PublicKey public_key;
  /// From `# Name = alice` inside the section or on the line above it; empty: none.
  std::string name;
  std::vector<base::Prefix> allowed_ips;
  std::optional<std::variant<base::Endpoint, HostEndpoint>> endpoint;
  std::optional<PresharedKey> preshared_key;
  std::size_t line = 0;  ///< 1-based line of its `[Peer]`
};

struct ConfigError {
  std::size_t line = 0;  ///< 1-based
  /// What is wrong and what would be right; never contains a key that is secret.
  std::string message;
};

struct ConfigFile {
  std::vector<ConfigPeer> peers;  ///< in file order; each public key once
  /// Names in comments that cannot be a DNS label: skipped, one line each.
  std::vector<ConfigError> warnings;
};

/// Parses a whole file. `[Interface]` and wg-quick's other keys are ignored, unknown keys and
/// sections are errors. Keys and section names are matched in any case, as wg does. A duplicate
/// public key is an error at the second one.
[[nodiscard]] base::Expected<ConfigFile, ConfigError> parse_config_file(std::string_view text);

}  // namespace wg
