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

/// What one peer tells of itself. Pure.
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

}  // namespace updater
