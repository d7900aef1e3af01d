#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "dns/name.hpp"
#include "dns/request.hpp"
#include "dns/types.hpp"

/// Reading a dynamic update (RFC 2136 §2): what it asks for, not whether it may; and the reply to
/// one.
namespace dns {

/// One record of the update section (§2.5); its class says what to do with it.
struct UpdateRecord {
  Name owner;
  RrType type{};
  RrClass rr_class{};
  std::uint32_t ttl = 0;
  base::Bytes rdata;  ///< borrowed from the packet; names in it may be compressed
};

/// More than any legitimate update needs here.
inline constexpr std::size_t max_update_records = 16;

struct Update {
  /// What the reply needs. The question is the zone section: name, SOA, class. Its rcode is NOERROR
  /// for a well-formed message, FORMERR, BADVERS, or REFUSED for one with more than
  /// max_update_records.
  Request head;
  std::size_t prerequisites = 0;  ///< records of that section
  std::vector<UpdateRecord> records;
  bool is_signed = false;  ///< it carries a TSIG (RFC 8945), which was not checked
};

/// \return nullopt: not a request of this opcode. Borrows from the packet.
[[nodiscard]] std::optional<Update> parse_update(base::Bytes packet);

/// What the server did (§2.2): the response code of the reply to an update of `zone`.
/// \param id of the update. \return nullopt: no reply to it, or malformed.
[[nodiscard]] std::optional<Rcode> parse_update_reply(base::Bytes packet, std::uint16_t id,
                                                      NameView zone);

}  // namespace dns
