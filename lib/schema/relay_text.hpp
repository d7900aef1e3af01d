#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "dns/name.hpp"
#include "wg/public_key.hpp"

/// What DNS says of the relay, for both programs: the list of points that pass packets on to a
/// peer, `relay=` in its TXT record (doc/protocol.md §1.1), and the UPDATE by which a peer tells
/// the public host whose packets it now sends there, `_relay.K.Z` TXT `via=` (§3.2).
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

/// Reads the data of one TXT record: 1 to max_via_peers strings `via=<key in base32>`. \return
/// nullopt: anything else.
[[nodiscard]] std::optional<std::vector<wg::PublicKey>> parse_via_text(base::Bytes rdata);

/// A whole UPDATE message: `_relay.K.Z` TXT `via=` for each of these peers, which the sender from
/// now on reaches through the host that is told. \param zone at most max_zone_octets. \param key of
/// the sender. \param peers 1 to max_via_peers.
[[nodiscard]] std::vector<std::uint8_t> write_via_update(std::uint16_t id, dns::NameView zone,
                                                         const wg::PublicKey& key,
                                                         std::span<const wg::PublicKey> peers);

}  // namespace schema
