#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"

/// Master files (RFC 1035 §5), read and written through ldns.
namespace dns {

/// One record of class IN as a zone holds it: names in the data are whole.
struct ZoneRecord {
  Name owner;
  Ttl ttl;
  RrType type{};
  std::vector<std::uint8_t> rdata;  ///< wire form, 0–65535 octets
  std::size_t line = 0;  ///< 1-based line of its file where it ends; 0: it was made, not read
};

struct ZoneFileError {
  std::size_t line = 0;  ///< 1-based
  std::string message;
};

/// Parses a whole file. \param origin the name that relative names end in, until $ORIGIN sets
/// another one. $INCLUDE is refused with a message. Records outside `origin` are refused.
[[nodiscard]] base::Expected<std::vector<ZoneRecord>, ZoneFileError> parse_zone_file(
    std::string_view text, const Name& origin, Ttl default_ttl);

/// One line of a master file, with the newline.
[[nodiscard]] std::string to_zone_line(NameView owner, Ttl ttl, RrType type, base::Bytes rdata);

}  // namespace dns
