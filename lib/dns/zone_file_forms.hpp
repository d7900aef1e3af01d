#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "dns/name.hpp"
#include "dns/zone_file_data.hpp"
#include "dns/zone_file_lexer.hpp"

/// Data with a form of its own, that no list of simple fields describes. Each function appends the
/// wire form of its words. Pure.
namespace dns {

using ZoneTokens = std::span<const ZoneToken>;
using ZoneData = std::vector<std::uint8_t>;

[[nodiscard]] DataError parse_loc(ZoneTokens tokens, ZoneData& data);  ///< RFC 1876 §3
[[nodiscard]] DataError check_loc(base::Bytes data);                   ///< RFC 1876 §2

/// What a client of NAPTR replaces with what: empty, or `!ERE!REPLACEMENT![i]` with any delimiter
/// but a digit, a backslash and i (RFC 3402 §3.2). The ERE itself is not read.
[[nodiscard]] DataError check_substitution(std::string_view expression);

[[nodiscard]] DataError parse_nsap(ZoneTokens tokens, ZoneData& data);    ///< RFC 1706 §5
[[nodiscard]] DataError parse_wks(ZoneTokens tokens, ZoneData& data);     ///< RFC 1035 §3.4.2
[[nodiscard]] DataError parse_apl_item(ZoneToken token, ZoneData& data);  ///< RFC 3123 §5
[[nodiscard]] DataError parse_ipseckey(ZoneTokens tokens, NameView origin,
                                       ZoneData& data);  ///< RFC 4025 §3
[[nodiscard]] DataError parse_hip(ZoneTokens tokens, NameView origin,
                                  ZoneData& data);                             ///< RFC 8005 §6
[[nodiscard]] DataError parse_type_bitmap(ZoneTokens tokens, ZoneData& data);  ///< RFC 4034 §4.1.2
/// Groups of hexadecimal digits: EUI-48 and EUI-64 (RFC 7043 §3), ILNP addresses (RFC 6742 §2).
[[nodiscard]] DataError parse_hex_groups(ZoneToken token, std::size_t groups, std::size_t digits,
                                         char separator, ZoneData& data);

// Parts of data.
[[nodiscard]] std::optional<std::uint64_t> parse_decimal(std::string_view text, std::uint64_t max);
/// All words as one text. \error empty, or half an octet
[[nodiscard]] DataError parse_hex_words(ZoneTokens tokens, ZoneData& data);
/// All words as one text (RFC 4648 §4).
[[nodiscard]] DataError parse_base64_words(ZoneTokens tokens, ZoneData& data);
/// \param family AF_INET or AF_INET6
[[nodiscard]] DataError parse_address(ZoneToken token, int family, ZoneData& data);
[[nodiscard]] DataError parse_data_name(ZoneToken token, NameView origin, ZoneData& data);
void append_u16(std::uint16_t number, ZoneData& data);
void append_u32(std::uint32_t number, ZoneData& data);

}  // namespace dns
