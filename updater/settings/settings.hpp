#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "wg/config_values.hpp"
#include "wg/public_key.hpp"

/// The operator's choices that the state machine follows.
namespace updater {

/// Per peer, in the configuration.
inline constexpr std::size_t max_lan_candidates = 8;

/// Per hub, in the configuration.
inline constexpr std::size_t max_hub_endpoints = 8;

/// Where a hub can be reached: a host name, or an address without brackets, and its port.
using HubPlace = wg::HostEndpoint;
/// `HOST:PORT`, `ADDRESS:PORT` or `[IPv6]:PORT`, read as WireGuard reads an Endpoint; otherwise
/// nullopt. Nothing is resolved.
[[nodiscard]] std::optional<HubPlace> parse_hub_place(std::string_view text);
/// In the form that parse_hub_place() takes.
[[nodiscard]] std::string to_string(const HubPlace& place);

/// When packets for a peer are passed on by a public host that offers it (doc/protocol.md §4.11).
enum class RelayUse : std::uint8_t {
  fallback,  ///< directly first; the relay where that fails, or cannot succeed
  first,     ///< the first contact goes to the relay
  never,
};
[[nodiscard]] std::string_view to_string(RelayUse use);
/// nullopt: not one of the three words.
[[nodiscard]] std::optional<RelayUse> parse_relay_use(std::string_view text);
inline constexpr std::string_view relay_use_allowed = "fallback, first or never";

/// The operator's choices for one peer.
struct PeerSettings {
  std::string name = {};  ///< for the log and the status; one label; empty: none
  bool ignore = false;    ///< neither looked up nor written to
  std::optional<base::Family> endpoint_family = {};    ///< of candidates; none: any
  std::optional<std::chrono::seconds> keepalive = {};  ///< its direct keepalive; 1–65535
  std::vector<base::Endpoint> lan_candidates = {};     ///< at most max_lan_candidates
  std::vector<HubPlace> hub_endpoints = {};            ///< of a hub; at most max_hub_endpoints
  std::optional<RelayUse> relay = {};                  ///< none: as the others

  friend bool operator==(const PeerSettings&, const PeerSettings&) = default;
};

/// Which peers that the public host lists may join (mesh.hpp).
struct MeshSettings {
  std::vector<base::Prefix> ranges = {};  ///< of their tunnel addresses; empty: no peer joins
  std::size_t max = 100;                  ///< peers that joined; 1–10000
  std::set<wg::PublicKey> deny = {};      ///< keys that are never added

  friend bool operator==(const MeshSettings&, const MeshSettings&) = default;
};

/// The operator's choices.
struct Settings {
  std::set<wg::PublicKey> hubs;               ///< --hub
  std::chrono::seconds direct_keepalive{25};  ///< where the user's is 0; 1–65535
  /// One round, then exit: keepalives are not turned off to wait for an endpoint.
  bool one_round = false;
  bool lan = false;  ///< peers are asked for the addresses of their own networks
  MeshSettings mesh = {};
  /// Inside the tunnel, as configured; none: the hub's own address is taken.
  std::optional<base::IpAddress> private_server = {};
  /// Of the one hub that has none of its own; at most max_hub_endpoints.
  std::vector<HubPlace> hub_endpoints = {};
  std::map<wg::PublicKey, PeerSettings> peers = {};  ///< peers with settings of their own
  RelayUse relay = RelayUse::fallback;
  /// What peers without a name of their own are called by others (updater/plan/names.hpp).
  std::map<wg::PublicKey, std::string> names = {};

  /// The settings of this peer; the defaults for a peer with none of its own.
  [[nodiscard]] const PeerSettings& of(const wg::PublicKey& peer) const;
  /// Where the operator says that this hub is.
  [[nodiscard]] const std::vector<HubPlace>& hub_endpoints_of(const wg::PublicKey& hub) const {
    return of(hub).hub_endpoints.empty() ? hub_endpoints : of(hub).hub_endpoints;
  }
  /// The keepalive that a direct peer gets where the user has set none.
  [[nodiscard]] std::chrono::seconds direct_keepalive_of(const wg::PublicKey& peer) const {
    return of(peer).keepalive.value_or(direct_keepalive);
  }
  [[nodiscard]] RelayUse relay_of(const wg::PublicKey& peer) const {
    return of(peer).relay.value_or(relay);
  }
  /// Whether any peer may be relayed.
  [[nodiscard]] bool uses_relay() const;
  /// One label; empty: the peer has no name.
  [[nodiscard]] const std::string& name_of(const wg::PublicKey& peer) const;
  /// As the log names it: `bob (xTIB…)`.
  [[nodiscard]] std::string describe(const wg::PublicKey& peer) const;

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace updater
