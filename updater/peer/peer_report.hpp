#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "updater/lookup/lookup.hpp"
#include "wg/public_key.hpp"

/// What reports say of one peer. Plain values.
namespace updater {

/// Something that happened to one peer.
struct Event {
  base::WallTime when;  ///< the last time
  std::string text;     ///< a clause, without the peer's name
  unsigned times = 1;   ///< in a row, at least 1
};

/// The last 100 events of one peer, the oldest first.
class Story {
 public:
  /// Adds an event, or counts the last one once more if it has the same text.
  void add(base::WallTime when, std::string text);
  [[nodiscard]] const std::deque<Event>& events() const { return events_; }

 private:
  std::deque<Event> events_;
};

/// The state of one peer at one moment.
struct PeerReport {
  wg::PublicKey key;
  std::string name;     ///< updater/plan/names.hpp; empty: none
  bool is_hub = false;  ///< configured, or found
  std::string state;    ///< waiting, punching, direct, suspect, relayed, hub, ignored
  std::optional<base::Endpoint> endpoint;  ///< as WireGuard has it
  std::string endpoint_from;  ///< dns, lan (the peer's own network), relay (the hub's), wireguard
                              ///< (roamed, or the user's), - (no endpoint)
  std::optional<wg::PublicKey> relay;  ///< the hub that passes its packets on; none: none does
  /// How long packets have taken their present way, and why, as a clause; none: not reached.
  std::optional<std::chrono::seconds> path_age;
  std::string path_reason;
  std::optional<std::chrono::seconds> handshake_age;  ///< none: there was no handshake
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::optional<std::chrono::microseconds> round_trip;  ///< none: not measured
  std::vector<base::Endpoint> published;                ///< in DNS
  std::optional<LookupError> lookup_error;              ///< of the last look-up; none: it succeeded
  bool is_looked_up = false;                            ///< at least once
  std::optional<schema::NatMapping> nat;  ///< how its NAT maps; none: DNS does not say
  std::string problem;  ///< of a hub, as a clause: "it has no endpoint; …"; empty: nothing is known
  std::string hopeless;        ///< why no attempt can succeed now; empty: one may
  bool is_heard = false;       ///< something came from it while there was no session
  bool is_called_hub = false;  ///< by DNS (role=hub), not by the operator
  bool is_found_hub = false;   ///< a hub that the operator does not name: DNS shows that it is
  bool has_detour = false;     ///< the hub would carry its addresses without it
  bool is_member = false;      ///< it joined the mesh: we added it
  bool is_routed = false;      ///< a member whose addresses the hub carries now
  Story story;

  /// Whether packets go straight to it.
  [[nodiscard]] bool is_direct() const { return state == "direct" || state == "suspect"; }
  /// Whether packets reach it, a hub's help included.
  [[nodiscard]] bool is_reached() const { return is_direct() || state == "relayed"; }
  /// Whether nothing that is sent to it arrives, though somebody wants it to.
  [[nodiscard]] bool is_unreached() const { return state != "ignored" && path() == "none"; }
  /// The way that packets to it take: relay (a hub passes them on, unread), direct, lan (its
  /// endpoint is a private address, or one of its own network), hub (a member of the mesh without a
  /// session that works), none. A hub without a live session has none.
  [[nodiscard]] std::string_view path() const;
};

}  // namespace updater
