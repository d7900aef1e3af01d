#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "wg/public_key.hpp"

/// The announcement of a peer's addresses on its own network, `_lan.K.Z` TXT: its strings, and the
/// UPDATE that carries it to the public host (doc/protocol.md §3.1). For both programs.
namespace schema {

inline constexpr std::size_t max_lan_endpoints = 8;
using LanEndpoints = std::vector<base::Endpoint>;

/// Whether an address may be announced: RFC 1918, ULA (RFC 4193) and global unicast (IPv6:
/// 2000::/3, RFC 4291 §2.4), with a port that is not 0.
[[nodiscard]] bool is_lan_endpoint(const base::Endpoint& endpoint);

/// Reads the data of one TXT record: 1 to max_lan_endpoints strings `ADDR:PORT`. \return nullopt:
/// anything else, or an endpoint that may not be announced.
[[nodiscard]] std::optional<LanEndpoints> parse_lan_text(base::Bytes rdata);

/// The same, for strings that are already separate.
[[nodiscard]] std::optional<LanEndpoints> parse_lan_strings(std::span<const std::string> strings);

/// The reverse. \param endpoints 1 to max_lan_endpoints of them.
void write_lan_text(base::ByteWriter& writer, const LanEndpoints& endpoints);

/// The longest that write_lan_text() makes: each string is at most `[` 39 `]:65535`.
inline constexpr std::size_t max_lan_text_octets = max_lan_endpoints * (1 + 47);

/// A whole UPDATE message: delete what `_lan.K.Z` has, then add these. Without endpoints it only
/// deletes. \param zone at most max_zone_octets. \param endpoints at most max_lan_endpoints.
[[nodiscard]] std::vector<std::uint8_t> write_lan_update(std::uint16_t id, dns::NameView zone,
                                                         const wg::PublicKey& key,
                                                         const LanEndpoints& endpoints);

}  // namespace schema
