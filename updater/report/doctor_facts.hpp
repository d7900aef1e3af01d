#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "base/interfaces.hpp"
#include "dns/name.hpp"
#include "schema/nat_mapping.hpp"
#include "wg/device.hpp"

namespace updater {

/// What the running daemon tells `wg-updater doctor`: its configuration, and what it has found out.
struct DaemonFacts {
  dns::Name zone;
  std::optional<base::Endpoint> server;  ///< --server
  std::set<wg::PublicKey> hubs;          ///< of --hub
  /// For the peers whose keepalive the daemon has set: the user's own value, seconds.
  std::map<wg::PublicKey, std::int64_t> user_keepalives;
  std::string state_file;
  std::optional<schema::NatMapping> nat = std::nullopt;         ///< this host's NAT; none: unknown
  std::optional<base::Endpoint> private_server = std::nullopt;  ///< --private-server
  /// What the daemon says of hubs that do not answer or have no endpoint (PeerReport::problem).
  std::map<wg::PublicKey, std::string> hub_problems = {};
  std::map<wg::PublicKey, std::string> names = {};  ///< of those peers that have one
  /// Why nothing arrives at those peers that it manages and does not reach (PeerReport), a clause.
  /// None: no daemon was asked.
  std::optional<std::map<wg::PublicKey, std::string>> unreached = std::nullopt;

  /// `bob (xTIB…p8Dg)`.
  [[nodiscard]] std::string describe(const wg::PublicKey& peer) const;
  /// The whole key, behind the name: `bob xTIB…=`.
  [[nodiscard]] std::string describe_whole(const wg::PublicKey& peer) const;

  friend bool operator==(const DaemonFacts&, const DaemonFacts&) = default;
};

/// JSON, one line.
[[nodiscard]] std::string write_daemon_facts(const DaemonFacts& facts);
/// \error one sentence: the daemon is of another version.
[[nodiscard]] base::Expected<DaemonFacts, std::string> parse_daemon_facts(std::string_view text);

/// Everything that is examined, except what DNS says.
struct DoctorFacts {
  /// Times of files on one host, and of a handshake, may be ahead of the clock by this much.
  static constexpr std::chrono::seconds clock_tolerance{5};

  DaemonFacts daemon;
  wg::Device device;  ///< read just now
  std::vector<base::InterfaceAddress> host;
  base::WallTime now;
  std::optional<base::WallTime> saved;  ///< when the state file was written; none: there is none
  /// Peers that wg-updater added: they have allowed-ips only while their session works.
  std::set<wg::PublicKey> members = {};
};

/// Reads device, addresses, clock and the age of the state file.
/// \error one sentence that names the device.
[[nodiscard]] base::Expected<DoctorFacts, std::string> collect_facts(const std::string& interface,
                                                                     DaemonFacts daemon);

}  // namespace updater
