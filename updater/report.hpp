#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "updater/lookup.hpp"
#include "wg/public_key.hpp"

/// What a running updater tells of its peers: `wg-updater status` and `wg-updater why`. Pure.
namespace updater {

/// Something that happened to one peer.
struct Event {
  base::WallTime when;
  std::string text;
  unsigned times = 1;  ///< in a row
};

/// The last 100 events of one peer, the oldest first. A plain value.
class Story {
 public:
  void add(base::WallTime when, std::string text);
  [[nodiscard]] const std::deque<Event>& events() const { return events_; }

 private:
  std::deque<Event> events_;
};

struct PeerReport {
  wg::PublicKey key;
  std::string name;  ///< of the configuration; empty: none
  bool is_hub = false;
  std::string state;                       ///< waiting, punching, direct, suspect, hub, ignored
  std::optional<base::Endpoint> endpoint;  ///< as WireGuard has it
  std::string endpoint_from;  ///< dns, lan (the peer's own network), wireguard (roamed,
                              ///< or the user's)
  std::optional<std::chrono::seconds> handshake_age;
  std::uint64_t rx_bytes = 0;
  std::uint64_t tx_bytes = 0;
  std::optional<std::chrono::microseconds> round_trip;
  std::vector<base::Endpoint> published;    ///< what DNS says
  std::optional<LookupError> lookup_error;  ///< of the last look-up
  bool is_looked_up = false;
  std::optional<schema::NatMapping> nat;  ///< how its NAT maps; none: nobody tells it
  std::string hopeless;                   ///< why it was given up for now; empty: it was not
  bool is_heard = false;                  ///< something came from it while there was no session
  Story story;

  /// Whether packets go straight to it.
  [[nodiscard]] bool is_direct() const { return state == "direct" || state == "suspect"; }
  /// direct, lan (the endpoint is a private address, or one of the peer's own network), none.
  [[nodiscard]] std::string_view path() const;
};

struct Report {
  std::string interface;
  std::string zone;
  std::optional<base::Endpoint> seen_at;  ///< where DNS says that this host is
  std::vector<PeerReport> peers;
  std::optional<schema::NatMapping> nat =
      std::nullopt;  ///< how this host's NAT maps; none: nobody tells it
  /// This host's clock behind the latest handshake of a peer; none: behind none.
  std::optional<std::chrono::seconds> clock_behind = std::nullopt;
};

/// A table for people.
[[nodiscard]] std::string write_status(const Report& report);
/// One JSON object on one line, its format described in wg-updater(8); "version" is 1.
[[nodiscard]] std::string write_status_json(const Report& report);
/// The story of one peer, and what a person can do.
[[nodiscard]] std::string write_story(const Report& report, const PeerReport& peer);

/// The peer whose key is, or begins with, `text`; nullptr: none, or several.
[[nodiscard]] const PeerReport* find_peer(const Report& report, std::string_view text);
/// What a person can do about a peer that is not direct, or about this host's clock; empty: nothing
/// is known to be wrong.
[[nodiscard]] std::vector<std::string> advise(const Report& report, const PeerReport& peer);

}  // namespace updater
