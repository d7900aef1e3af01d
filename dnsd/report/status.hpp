#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dnsd/listen/listeners.hpp"
#include "dnsd/observe/source_status.hpp"
#include "dnsd/point/observation_point.hpp"
#include "dnsd/point/peer_oddity.hpp"
#include "dnsd/report/path_status.hpp"
#include "dnsd/report/relay_status.hpp"
#include "dnsd/serve/served.hpp"
#include "dnsd/tunnel/tunnel_host.hpp"
#include "noise/engine.hpp"

/// What `wg-dnsd status` and `wg-dnsd peers` print, for people and for programs. Pure.
namespace dnsd {

struct PeerCounts {
  std::size_t registered = 0;
  std::size_t with_endpoint = 0;
  std::size_t stale = 0;  ///< of those with an endpoint
};

/// The counters of one built-in observation point.
struct PointStatus {
  std::string name;  ///< 203.0.113.10:51820
  noise::EngineCounters counters;
  std::optional<RelayReport> relay = {};  ///< none: it passes nothing on
};

/// A peer that behaves oddly at the points, and what is odd.
struct OddPeer {
  wg::PublicKey key;
  std::string name;  ///< empty: none
  PeerOddity oddity;
};

struct DaemonStatus {
  std::string zone;
  std::chrono::seconds uptime{};
  bool is_ready = false;  ///< every source was read once, or saved state was loaded
  std::vector<ListenerStatus> listeners;
  ObservatoryStatus observatory;
  PeerCounts peers;
  const InnerCounters* tunnel = nullptr;  ///< null: there is no built-in observation point
  std::vector<PointStatus> points = {};   ///< in configuration order
  std::vector<OddPeer> odd_peers = {};
  /// What was wrong at the last reload: nothing changed, or all but a point. Empty: nothing was.
  std::string reload_problem;
  /// What is wrong in files of peers, with file and line.
  std::vector<std::string> config_errors = {};
};

/// The exit code of `status`.
enum class Health : std::uint8_t { ok = 0, degraded = 1, down = 2 };

/// What was asked for and is missing, one line each; empty: nothing is.
[[nodiscard]] std::vector<std::string> problems_of(const DaemonStatus& status);

/// Down: nothing is listened on. Degraded: something that was asked for is missing.
[[nodiscard]] Health judge(const DaemonStatus& status);

[[nodiscard]] std::string status_text(const DaemonStatus& status, const Served& served);
/// A form (control/form.hpp).
[[nodiscard]] std::string status_json(const DaemonStatus& status, const Served& served);

/// One line. \param ways that it tells.
[[nodiscard]] std::string peer_text(const wg::PublicKey& key, const PeerRecord& peer,
                                    const PeerOddity& oddity = {},
                                    std::span<const RelayedTo> relayed = {},
                                    std::span<const ToldWay> ways = {});
/// A form.
[[nodiscard]] std::string peer_json(const wg::PublicKey& key, const PeerRecord& peer,
                                    const PeerOddity& oddity = {},
                                    std::span<const RelayedTo> relayed = {},
                                    std::span<const ToldWay> ways = {});

}  // namespace dnsd
