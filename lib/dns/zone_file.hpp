#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"

/// Master files (RFC 1035 §5, RFC 2308 §4, RFC 3597 §5), read and written. A file is read as NSD,
/// Knot and BIND read it; what at least two of them refuse is refused. doc/rfc.md has the
/// differences.
namespace dns {

/// Where a record begins.
struct ZonePlace {
  std::uint32_t file = 0;  ///< index into ZoneFile::files
  std::uint32_t line = 0;  ///< 1-based; 0: it was made, not read
};

/// One record of class IN as a zone holds it: names in the data are whole.
struct ZoneRecord {
  Name owner;
  Ttl ttl;
  RrType type{};
  std::vector<std::uint8_t> rdata;  ///< wire form, 0–65535 octets
  ZonePlace place{};
};

/// Something about a record, or about the whole zone if the line is 0.
struct ZoneNote {
  ZonePlace place;
  std::string message;
};

/// What was read, in the order of the text.
struct ZoneFile {
  std::vector<ZoneRecord> records;  ///< at or below the origin
  std::vector<std::string> files;   ///< the file itself, and those that it includes
  std::vector<ZoneNote> warnings;   ///< records that were skipped; TTLs that were not given
};

struct ZoneFileError {
  std::string file;      ///< the path of the file that is wrong
  std::size_t line = 0;  ///< 1-based, where the entry begins; 0: the file cannot be read
  std::string message;

  [[nodiscard]] std::string to_string() const;  ///< `file:line: message`
};

/// Files that include others: how deep, and how many in all.
inline constexpr std::size_t max_include_depth = 10;
inline constexpr std::size_t max_included_files = 1000;

/// Reads a file and those that it includes: blocks. `$INCLUDE` is relative to the file that it
/// stands in, and leads to no file outside the folder of `path`, links followed.
/// \param origin of the zone: what relative names end in until $ORIGIN says otherwise; a record
/// elsewhere is skipped with a warning. A record without a TTL has that of `$TTL`, else the last
/// one that was given, else the MINIMUM of the SOA (without an SOA, 0).
/// \error what does not read as a zone file, signatures, types that no zone holds, classes but IN
[[nodiscard]] base::Expected<ZoneFile, ZoneFileError> read_zone_file(const std::string& path,
                                                                     const Name& origin);
/// The same for a text; it cannot include files. \param file for errors
[[nodiscard]] base::Expected<ZoneFile, ZoneFileError> parse_zone_text(std::string_view text,
                                                                      const Name& origin,
                                                                      std::string file = {});

/// One line of a master file, with the newline.
[[nodiscard]] std::string to_zone_line(NameView owner, Ttl ttl, RrType type, base::Bytes rdata);

}  // namespace dns
