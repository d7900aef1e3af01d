#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "base/interfaces.hpp"
#include "schema/nat_mapping.hpp"
#include "updater/plan/address_limit.hpp"
#include "updater/settings/settings.hpp"
#include "wg/device.hpp"

/// Input and output of the state machine. Plain data: the machine touches no device, no socket and
/// no clock.
namespace updater {

/// A hub as the relay: it may pass packets on to peers that DNS names with it.
struct RelayHub {
  wg::PublicKey key;
  base::Endpoint endpoint;  ///< that this device has for it now
  bool answers = false;     ///< it has a live session, and is not silent
  std::optional<std::chrono::microseconds> round_trip = {};  ///< to the hub; none: not measured
};

/// The round trip to a hub where it was not measured.
inline constexpr std::chrono::milliseconds assumed_round_trip_to_hub{200};

/// What one step decides on. Borrowed for the call.
struct Scene {
  base::Now now;
  const wg::Device& device;                      ///< read just now
  std::span<const base::InterfaceAddress> host;  ///< this host's addresses
  std::minstd_rand& random;                      ///< for jitter
  AddressLimit& limit;                           ///< asked before a peer is pointed anywhere
  std::span<const base::IpAddress> hubs = {};    ///< addresses of the hubs' endpoints
  /// This host's own endpoints in DNS; none: not looked up yet.
  std::optional<std::span<const base::Endpoint>> own = {};
  /// How this host's own NAT maps; none: DNS does not say.
  std::optional<schema::NatMapping> own_mapping = std::nullopt;
  /// The peers through which the public host is reached (find_gateways()).
  std::set<wg::PublicKey> gateways = {};
  std::vector<RelayHub> relays = {};  ///< the configured hubs with an endpoint, and no others
  /// Where the zone's name servers are; empty: not known, or a hub is configured.
  std::span<const base::IpAddress> name_servers = {};

  /// The hub of that key, or the one that this device has at that endpoint; nullptr: none is.
  [[nodiscard]] const RelayHub* find_relay(const wg::PublicKey& key) const;
  [[nodiscard]] const RelayHub* find_relay_at(const std::optional<base::Endpoint>& endpoint) const;
};

/// One look-up in DNS, due now.
struct LookupRequest {
  wg::PublicKey peer;
  bool with_text = false;  ///< ask for its TXT record, too

  friend bool operator==(const LookupRequest&, const LookupRequest&) = default;
};

/// One look-up of the places where a hub may be (updater/lookup/hub_lookup.hpp), due now.
struct HubRequest {
  wg::PublicKey hub;
  std::vector<HubPlace> places;         ///< the operator's
  std::optional<base::Port> last_port;  ///< none: not known

  friend bool operator==(const HubRequest&, const HubRequest&) = default;
};

/// One ICMP echo request to a peer's own address inside the tunnel.
struct Probe {
  wg::PublicKey peer;
  base::IpAddress target;

  friend bool operator==(const Probe&, const Probe&) = default;
};

/// To be told to a hub inside its tunnel, now: from now on these peers are reached through it
/// (doc/protocol.md §3.2). It also shows the hub where this host is.
struct ViaRequest {
  wg::PublicKey hub;
  std::vector<wg::PublicKey> peers;

  friend bool operator==(const ViaRequest&, const ViaRequest&) = default;
};

/// To be asked of a hub inside its tunnel, now: it drops the data of this host and the peer, both
/// ways, for a moment (doc/protocol.md §3.2). Its answer goes to Machine::learn_pause().
struct PauseRequest {
  wg::PublicKey hub;
  wg::PublicKey peer;
  std::chrono::milliseconds time{};  ///< 400 to 2000

  friend bool operator==(const PauseRequest&, const PauseRequest&) = default;
};

/// To be looked at every 1 to 2 ms until the next plan: where the device has the peer.
/// Machine::see() wants to know each place that is not expected.
struct WatchRequest {
  wg::PublicKey peer;
  std::array<base::Endpoint, 2> expected;

  friend bool operator==(const WatchRequest&, const WatchRequest&) = default;
};

/// A report to people: a line of the log and, if it is about a peer, an event of that peer's story
/// (PeerReport).
struct Note {
  enum class Level : std::uint8_t { detail, change, trouble };
  Level level{};
  std::string text;                                  ///< without the peer's name
  std::optional<wg::PublicKey> peer = std::nullopt;  ///< none: about this host or the device
  /// How it is done, in WireGuard's terms and ours, for the log at debug; empty: nothing to say.
  std::string mechanism = {};
};

/// A write to one peer, and why. All updates belong in one transaction, in this order.
struct Change {
  wg::PublicKey peer;
  std::vector<wg::PeerUpdate> updates;
  std::string reason;                       ///< a clause
  Note::Level level = Note::Level::change;  ///< of make_note()
  std::string mechanism = {};               ///< a clause about the kick, or empty
};

/// What to do now, in this order: remember, say via (so that the hub knows when the peer's packets
/// come), write, ask for pauses, probe, look up (in DNS, then lan_lookups), tell; and watch.
struct Plan {
  bool remember = false;         ///< the memory changed and has to be on disk before the writes
  std::vector<ViaRequest> vias;  ///< at most one for each hub
  std::vector<Change> changes;
  std::vector<PauseRequest> pauses;
  std::vector<Probe> probes;
  std::vector<LookupRequest> lookups;
  std::vector<HubRequest> hub_lookups;
  bool name_servers = false;               ///< look up where the zone's name servers are
  std::vector<wg::PublicKey> lan_lookups;  ///< peers to ask for their own networks' addresses
  std::vector<Note> notes;
  std::vector<WatchRequest> watches;  ///< instead of the last plan's
  base::SteadyTime next;              ///< the latest time of the next reading and step

  void add_via(const wg::PublicKey& hub, const wg::PublicKey& peer);
};

/// A keepalive turned from 0 to its value sends at once (doc/protocol.md §4.2): one transaction,
/// two updates.
[[nodiscard]] std::vector<wg::PeerUpdate> make_kick(const wg::PublicKey& peer,
                                                    std::chrono::seconds keepalive);

/// The update that sets `endpoint`; empty: `shown` has it already.
[[nodiscard]] std::vector<wg::PeerUpdate> make_move(const wg::DevicePeer& shown,
                                                    const base::Endpoint& endpoint);
/// Appends `more` to `updates`.
void append(std::vector<wg::PeerUpdate>& updates, const std::vector<wg::PeerUpdate>& more);

/// All of it: `endpoint 203.0.113.10:51820, kick, keepalive 25 s`.
[[nodiscard]] std::string describe(const std::vector<wg::PeerUpdate>& updates);
/// The note for a change. For people: what is different afterwards, without kicks, and the reason:
/// `endpoint 203.0.113.10:51820: DNS says so`. As its mechanism, and where the note is for the log
/// at debug alone: all updates.
[[nodiscard]] Note make_note(const Change& change);
/// A line of the log, the peer's name first: `bob (xTIB…p8Dg): lost: its handshake is 180 s old`.
[[nodiscard]] std::string to_string(const Note& note, const Settings& settings);

/// A random time of `mean` ± `percent`, so that many updaters do not act at the same moment.
/// Uniform. \param percent 0 to 100.
[[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds mean,
                                                 std::minstd_rand& random, int percent = 20);

}  // namespace updater
