#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/expected.hpp"
#include "dnsd/point/inner_packet.hpp"
#include "dnsd/point/peer_oddity.hpp"
#include "dnsd/point/point_rules.hpp"
#include "dnsd/point/relay/relay.hpp"
#include "dnsd/registry/observation.hpp"
#include "noise/engine.hpp"

namespace dnsd {

/// A peer that may speak to an observation point.
struct PointPeer {
  wg::PublicKey key;
  wg::PresharedKey psk;  ///< all zero: none
  std::string name;      ///< for the log; empty: none
  std::vector<base::Prefix> allowed_ips;
  bool is_relayed = true;  ///< packets are passed on to it, and from it
};

/// What a point remembers over a restart.
struct PointMemory {
  /// The newest timestamp of a peer, also of one that was removed.
  struct Mark {
    wg::PublicKey key;
    noise::Tai64n timestamp;
    std::optional<base::WallTime> removed = {};
  };
  std::vector<SavedPeer> peers;
  std::vector<Mark> marks;
  noise::Tai64n last_timestamp;  ///< that the point sent
  std::vector<RelayRoute> routes;
  /// The address of ours that a peer speaks to.
  std::unordered_map<wg::PublicKey, base::IpAddress> own_addresses;
};

/// What a point has learnt since its last report.
struct PointReport {
  std::vector<PointRules::Seen> seen;
  std::vector<std::pair<wg::PublicKey, noise::Tai64n>> marks;
  noise::Tai64n last_timestamp;
  std::vector<Relay::Change> routes;  ///< those that changed
  /// Peers that speak to another address of ours than before; only of a point on all addresses.
  std::vector<std::pair<wg::PublicKey, base::IpAddress>> own_addresses;

  [[nodiscard]] bool empty() const {
    return seen.empty() && marks.empty() && routes.empty() && own_addresses.empty();
  }
};

/// What passes through a point, unread.
struct RelayReport {
  RelayRates rates;
  RelayCounters counters;
  std::vector<RelayedPair> pairs;
};

/// A built-in observation point: wg-dnsd as a WireGuard peer of its own, on one UDP address and
/// port, with one key. It passes packets between its peers on, too. Everything it does,
/// cryptography too, happens on its own thread, which never answers DNS:
///
///     socket ─▶ Relay ─▶ noise::Engine ─▶ PointRules ─▶ report ─▶ the observatory, on its thread
///       ▲  ▲      │ ▲       │  ▲          │  │ ask back
///       │  └──────┘ │       │  └──────────┘  │
///       └───────────┼───────┘                │
///                   └── confirmed places ────┘
///
/// The functions of this class may be called from one other thread.
class ObservationPoint {
 public:
  struct Settings {
    base::Endpoint listen;  ///< the unspecified address of a family: all its addresses
    std::vector<base::IpAddress> tunnel_addresses;
    std::optional<RelayRates> relay = {};  ///< none: nothing is passed on
  };
  /// Called on the point's thread, for every batch of datagrams that brought something.
  using Report = std::function<void(PointReport report)>;

  /// Binds, so that an error shows at once; nothing is received before start(). \param budget
  /// shared by all points of this host; outlives this.
  /// \error of bind(2)
  [[nodiscard]] static base::Expected<std::unique_ptr<ObservationPoint>, std::error_code> open(
      Settings settings, const wg::PrivateKey& key, Report report, InnerHandler inner,
      TrialBudget& budget);
  /// Stops the thread; nothing is reported afterwards.
  ~ObservationPoint();
  ObservationPoint(const ObservationPoint&) = delete;
  ObservationPoint& operator=(const ObservationPoint&) = delete;

  [[nodiscard]] const Settings& settings() const;
  [[nodiscard]] const wg::PublicKey& public_key() const;

  /// Before start().
  void restore(const PointMemory& memory);
  /// Once, after the first set_peers().
  void start();
  /// From the thread of settings().
  void set_tunnel_addresses(std::vector<base::IpAddress> addresses);
  /// None: nothing is passed on any more.
  void set_relay(std::optional<RelayRates> rates);
  /// Replaces the list of peers. Peers that stay keep their sessions.
  void set_peers(std::vector<PointPeer> peers);
  /// Forgets the newest timestamp of a peer whose clock was set back.
  void reset_peer(const wg::PublicKey& key);
  /// A copy of the counters, from the thread's last turn.
  [[nodiscard]] noise::EngineCounters counters() const;
  /// What passes through. Waits for the end of the thread's turn. nullopt: nothing does.
  [[nodiscard]] std::optional<RelayReport> relay_report() const;
  /// Peers that behave oddly, from the thread's last turn.
  [[nodiscard]] PeerOddities oddities() const;

 private:
  class Impl;
  explicit ObservationPoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dnsd
