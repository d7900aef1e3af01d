#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"

/// The parts of an UPDATE (RFC 2136 §2) by which a peer says something of itself to the public
/// host: TXT records of one owner.
namespace schema {

/// TTL of an added record. The server decides how long it keeps what it was told.
inline constexpr std::uint32_t announced_ttl = 1;
/// The longest zone name with the longest of our texts fits.
inline constexpr std::size_t max_update_octets = 1232;

/// Header and zone section. \param records how many follow, each by write_update_record().
void write_update_head(base::ByteWriter& writer, std::uint16_t id, dns::NameView zone,
                       std::uint16_t records);
/// One TXT record of the update section. What it does is said by class, TTL and data (§2.5).
void write_update_record(base::ByteWriter& writer, dns::NameView owner, dns::RrClass rr_class,
                         std::uint32_t ttl, base::Bytes rdata);
/// The same. \param owner a name as it is in the message, perhaps compressed (RFC 1035 §4.1.4).
void write_update_record_at(base::ByteWriter& writer, base::Bytes owner, dns::RrClass rr_class,
                            std::uint32_t ttl, base::Bytes rdata);

/// One string of such a record's data: `prefix` and `value`, together at most 255 octets.
void write_text_string(base::ByteWriter& writer, std::string_view prefix, std::string_view value);

}  // namespace schema
