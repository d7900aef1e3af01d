#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/endpoint.hpp"
#include "updater/peer/peer_report.hpp"

/// What `wg-updater status` and `wg-updater why` print. Pure.
namespace updater {

struct Report {
  std::string interface;
  std::string zone;
  std::optional<base::Endpoint> seen_at;  ///< where DNS says that this host is
  std::vector<PeerReport> peers;
  std::optional<schema::NatMapping> nat =
      std::nullopt;  ///< how this host's NAT maps; none: unknown
  /// How far this host's clock is behind the latest handshake of a peer; none: it is not.
  std::optional<std::chrono::seconds> clock_behind = std::nullopt;
};

/// Which peers a status shows: those that one of the words is about, as their state, their path,
/// their name (in any case of its letters), or the beginning of their key.
struct PeerFilter {
  std::vector<std::string> words = {};  ///< empty: all peers

  [[nodiscard]] bool shows(const PeerReport& peer) const;
};

/// A table for people.
[[nodiscard]] std::string write_status(const Report& report, const PeerFilter& filter = {});
/// A form (control/form.hpp).
[[nodiscard]] std::string write_status_json(const Report& report, const PeerFilter& filter = {});
/// Whether one of the peers that are shown is not reached.
[[nodiscard]] bool is_any_unreached(const Report& report, const PeerFilter& filter = {});
/// Why this host cannot do its work for its peers now, as a sentence: the public host does not
/// answer, or DNS cannot be asked. Empty: nothing hinders it.
[[nodiscard]] std::string find_hindrance(const Report& report);
/// What happened to one peer, and what a person can do.
[[nodiscard]] std::string write_story(const Report& report, const PeerReport& peer);

/// The one peer of that name, in any case of its letters, else the one whose key is `text` or
/// begins with it; nullptr: no peer, or several.
[[nodiscard]] const PeerReport* find_peer(const Report& report, std::string_view text);
/// What a person can do about a peer that is not direct, or about this host's clock. Empty: no
/// fault is known.
[[nodiscard]] std::vector<std::string> advise(const Report& report, const PeerReport& peer);

}  // namespace updater
