#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "config/error.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"
#include "dnsd/settings/listen_address.hpp"
#include "dnsd/settings/view.hpp"
#include "wg/config_file.hpp"

namespace dnsd {

using ConfigError = config::Error;

/// `NAME[=ADDR[,ADDR]]` of --ns.
struct NameServer {
  dns::Name name;
  /// Empty: the host's global addresses that a public listener covers.
  std::vector<base::IpAddress> addresses;

  friend bool operator==(const NameServer&, const NameServer&) = default;
};

/// `ADDR:PORT[=KEYFILE][,TUNNEL…][,no-relay]` of --observe: a built-in observation point.
struct ConfiguredPoint {
  base::Endpoint listen;  ///< the unspecified address of a family means all its addresses
  std::string key_file;   ///< empty: see key_file_of()
  std::vector<base::IpAddress> tunnel_addresses;  ///< at most one of each family
  bool relays = true;  ///< where the option `relay` does not forbid it for all points

  friend bool operator==(const ConfiguredPoint&, const ConfiguredPoint&) = default;
};

/// A file of peers whose endpoints may be what `wg-quick save` wrote.
struct EndpointFile {
  std::string path;
  base::WallTime time;  ///< when it was modified

  friend bool operator==(const EndpointFile&, const EndpointFile&) = default;
};

/// Where the name of a peer is from. Of two names of one peer the earlier kind counts.
enum class NameOrigin : std::uint8_t {
  yaml,     ///< `name` in the YAML file
  given,    ///< `wg-dnsd peer rename` (state/peer_names)
  added,    ///< the file of added peers
  comment,  ///< a comment in WireGuard's file: it makes way for records of the zone file
};

/// Where a peer of the configuration is defined. Does not count when peers are compared.
struct PeerPlace {
  std::uint32_t file = 0;  ///< its position in Config::place_files; 0 is the YAML file
  std::uint32_t line = 0;

  friend bool operator==(const PeerPlace&, const PeerPlace&) { return true; }
};

/// One peer of the configuration, from YAML or from a WireGuard file.
struct ConfiguredPeer {
  wg::PublicKey public_key;
  std::string name;  ///< one LDH label; empty: none
  std::vector<base::Prefix> allowed_ips;
  std::optional<wg::ConfigEndpoint> endpoint;
  std::string preshared_key_file = {};                 ///< empty: none
  std::optional<wg::PresharedKey> preshared_key = {};  ///< of that file, or of a file of peers
  NameOrigin name_origin = NameOrigin::yaml;
  bool is_fixed = false;   ///< the endpoint is the operator's word, wherever it stands
  bool is_relayed = true;  ///< built-in points pass packets on to it, and from it
  /// Where the endpoint is from, unless it is the operator's word: what a source once knew, as old
  /// as the file. Null: it is.
  std::shared_ptr<const EndpointFile> endpoint_file = {};
  PeerPlace place = {};

  friend bool operator==(const ConfiguredPeer&, const ConfiguredPeer&) = default;
};

/// Everything that the operator decides, checked and complete: defaults are filled in, files of
/// peers are read. Ranges: options.cpp.
struct Config {
  dns::Name zone;
  std::vector<std::string> interfaces;  ///< in order of precedence
  std::vector<ConfiguredPoint> points;  ///< in order of precedence, after the interfaces
  bool relay = true;                    ///< the points pass packets on; see ConfiguredPoint::relays
  std::uint64_t relay_rate = 20'000'000;    ///< bit/s of one sender at one point; 0: no limit
  std::uint64_t relay_total = 200'000'000;  ///< bit/s at one point; 0: no limit
  std::vector<std::string> peers_files;     ///< absolute paths; their peers are in `peers`
  std::vector<base::Prefix> address_range;  ///< `peer new` takes tunnel addresses from here
  std::vector<ConfiguredPeer> peers;        ///< each public key and each name once
  std::vector<std::string> place_files;     ///< that PeerPlace::file means
  std::size_t peers_in_yaml = 0;  ///< how many of `peers` are from the YAML file; they come first
  bool publish_listed_only = false;   ///< publish: listed
  std::vector<ListenAddress> listen;  ///< empty: port 53 on all addresses, public
  std::optional<std::string> zone_file;
  std::vector<NameServer> name_servers;  ///< empty: ns1.Z
  bool publish_private = false;
  PublicParts public_parts;
  bool padded_names = true;
  bool wgsd = false;  ///< lists and SRV answers are those of the CoreDNS plugin wgsd
  std::string tunnel_label = "tunnel";           ///< of NAME.tunnel.Z; empty: no such names
  std::size_t list_max = 100;                    ///< 0: no limit
  dns::Ttl endpoint_ttl{1};                      ///< records of peers
  dns::Ttl cname_ttl{60};                        ///< CNAMEs and tunnel addresses of named peers
  dns::Ttl made_ttl{300};                        ///< made SOA and NS
  dns::Ttl negative_ttl{1};                      ///< the served SOA's MINIMUM is no higher
  std::chrono::milliseconds poll_interval{500};  ///< between two readings of an interface
  std::chrono::seconds stale_after{180};         ///< a peer not heard for longer is stale
  std::chrono::seconds expire_after{86400};      ///< and then its endpoint is withdrawn
  /// Replies per second and bucket where strangers may ask; 0: no limit. As in NSD.
  std::uint32_t rate_limit = 200;
  std::vector<base::Prefix> rate_limit_exempt;
  std::uint32_t tcp_connections = 1000;  ///< open at once, per answer thread
  /// Per answer thread; a client is an IPv4 address or an IPv6 /64.
  std::uint32_t tcp_connections_per_client = 100;
  std::uint32_t query_log = 0;  ///< queries written to the log, per second; 0: none
  std::optional<std::string> cookie_secret_file;  ///< none: a secret of this process
  std::string server_id;                          ///< NSID and id.server; empty: not disclosed
  std::string server_version = "wg-dnsd";         ///< version.bind; empty: not disclosed
  std::string state_dir;       ///< --state-dir, else $STATE_DIRECTORY, else /var/lib/wg-dnsd
  std::string control_socket;  ///< --control, else $RUNTIME_DIRECTORY/control.sock, else
                               ///< /run/wg-dnsd/control.sock
  unsigned answer_threads = 1;
  std::string log_level = "info";     ///< debug, info, warning or error: names that spdlog knows
  std::vector<std::string> warnings;  ///< for the log, once: what was skipped in files of peers
  /// For the log, once: what is wrong in files of peers, with file and line. Each cost the line,
  /// the peer or the file that it stands in.
  std::vector<std::string> errors;
  std::vector<wg::PublicKey> lost_keys;  ///< peers that the errors cost; none is in `peers`
  std::size_t lost_unknown = 0;          ///< and how many whose keys cannot be read

  friend bool operator==(const Config&, const Config&) = default;
};

/// Where a point's private key is: its own file, or `observe-ADDR-PORT.key` in the state folder.
[[nodiscard]] std::string key_file_of(const Config& config, const ConfiguredPoint& point);

/// Whether the point passes packets between peers on.
[[nodiscard]] bool is_relay(const Config& config, const ConfiguredPoint& point);

/// Where `wg-dnsd peer add` writes: `added-peers.conf` in the state folder. Read like a file of
/// peers that the configuration names.
[[nodiscard]] std::string added_peers_file(const Config& config);

/// Checks what no single option can: that there is a zone, that nothing expires before it is stale,
/// and that no two points share a key file or a tunnel address. \throws ConfigError
void check_whole(const Config& config);

}  // namespace dnsd
