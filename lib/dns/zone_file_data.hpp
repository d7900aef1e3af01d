#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"
#include "dns/zone_file_lexer.hpp"

/// The data of one record of a master file, from its words to its wire form. ldns's descriptor of
/// the type says which fields there are; each word is checked and converted here, because ldns
/// takes numbers out of range, digests of a wrong length and half an octet without an error. Pure.
namespace dns {

/// What is wrong; nullopt: nothing.
using DataError = std::optional<std::string>;

/// \param tokens everything behind the type. \param data empty; gets the wire form, names whole.
/// \error a field is missing, out of its range or of a wrong length, or one too many; a type whose
/// data is not known and not given as `\# LENGTH HEX` (RFC 3597 §5)
[[nodiscard]] DataError parse_zone_data(RrType type, std::span<const ZoneToken> tokens,
                                        NameView origin, std::vector<std::uint8_t>& data);

/// A type by its name, in any case, or as `TYPE65280`. \return nullopt: no such type.
[[nodiscard]] std::optional<RrType> parse_zone_type(std::string_view text);

/// A name in a master file. \param origin where a name without a dot at its end continues.
/// \return nullopt: it is not a name, or one of more than 255 octets.
[[nodiscard]] std::optional<Name> parse_relative_name(std::string_view text, NameView origin);

/// Seconds: a number, or numbers with the units w, d, h, m, s, as `1h30m`. \return nullopt: it is
/// neither, or larger than `max`.
[[nodiscard]] std::optional<std::uint32_t> parse_zone_seconds(std::string_view text,
                                                              std::uint32_t max);

/// Whether two records of a type have the same data: names in it are compared in any case where RFC
/// 4034 §6.2 says so.
[[nodiscard]] bool is_same_data(RrType type, base::Bytes a, base::Bytes b);

}  // namespace dns
