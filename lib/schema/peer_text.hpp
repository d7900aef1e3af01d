#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ip_address.hpp"
#include "schema/nat_mapping.hpp"
#include "wg/public_key.hpp"

/// The strings of a peer's TXT record (doc/protocol.md §1.1, §1.2), both directions.
namespace schema {

struct PeerText {
  wg::PublicKey public_key;
  std::vector<base::Prefix> allowed_ips;  ///< private
  std::optional<base::WallTime> since;    ///< private: this endpoint was first confirmed
  std::optional<base::WallTime> stale;    ///< private: last seen; only while stale
  bool is_hub = false;                    ///< private: role=hub
  std::optional<NatMapping> mapping;      ///< private: map=
  std::string name;                       ///< private: one LDH label; empty: none
  /// The points, by their own keys, that pass packets on to this peer: relay=. At most max_relays.
  std::vector<wg::PublicKey> relays;

  friend bool operator==(const PeerText&, const PeerText&) = default;
};

/// Reads the strings of one TXT record. Unknown `key=value` strings are skipped (RFC 6763 §6.4),
/// the first of a key counts. \return nullopt: txtvers is not 1, `pub` is missing or not a key, or
/// a value is malformed. An unknown word in `map` counts as no `map`, and a `name` that no peer can
/// have as none.
[[nodiscard]] std::optional<PeerText> parse_peer_text(std::span<const std::string> strings);

}  // namespace schema
