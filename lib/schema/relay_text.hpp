#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "dns/name.hpp"
#include "wg/public_key.hpp"

/// What DNS says of the relay, for both programs: the list of points that pass packets on to a
/// peer, `relay=` in its TXT record (doc/protocol.md §1.1), and what a peer asks of the relay by an
/// UPDATE of `_relay.K.Z` TXT inside its tunnel (§3.2).
namespace schema {

/// Points that one peer's TXT names at most. A reader keeps the first ones.
inline constexpr std::size_t max_relays = 16;

/// `relay=<H>[,<H>…]`, then `relay2=` … where one string of at most 255 octets does not hold all:
/// keys in base32, in this order. Empty without relays. \param relays at most max_relays.
[[nodiscard]] std::vector<std::string> write_relay_strings(std::span<const wg::PublicKey> relays);

/// Appends the keys of one such list, until there are max_relays.
/// \return false: one of them is not 52 characters of base32.
[[nodiscard]] bool append_relays(std::string_view list, std::vector<wg::PublicKey>& relays);

/// Peers that one message names at most.
inline constexpr std::size_t max_via_peers = 8;

/// The sender from now on reaches these peers through the host that is told: `via=<K>` for each.
struct ViaRequest {
  std::vector<wg::PublicKey> peers;  ///< 1 to max_via_peers
};
/// The host should pass no data on between the sender and this peer for a moment: `pause=<K>`, then
/// `for=<milliseconds>`, which may be left out.
struct PauseRequest {
  wg::PublicKey peer;
  /// 0 to 2^32 - 1, as it was asked; the host bounds it. nullopt: the host's shortest.
  std::optional<std::chrono::milliseconds> length;
};
using RelayRequest = std::variant<ViaRequest, PauseRequest>;

/// Reads the data of one TXT record. Words in any case of letters. \return nullopt: neither
/// request, or both.
[[nodiscard]] std::optional<RelayRequest> parse_relay_request(base::Bytes rdata);

/// A whole UPDATE message. \param zone at most max_zone_octets. \param key of the sender. \param
/// peers 1 to max_via_peers.
[[nodiscard]] std::vector<std::uint8_t> write_via_update(std::uint16_t id, dns::NameView zone,
                                                         const wg::PublicKey& key,
                                                         std::span<const wg::PublicKey> peers);
/// The same with the other request. \param length 0 to 2^32 - 1 ms
[[nodiscard]] std::vector<std::uint8_t> write_pause_update(std::uint16_t id, dns::NameView zone,
                                                           const wg::PublicKey& key,
                                                           const wg::PublicKey& peer,
                                                           std::chrono::milliseconds length);

}  // namespace schema
