#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "dns/name.hpp"

namespace dns {

/// A name of a packet, compressed or not (RFC 1035 §4.1.4). A pointer has to point before
/// everything of this name that was read so far: every chain of pointers ends, and no honest one is
/// refused. \param reader reads `packet`; afterwards it is behind the name. \return nullopt: cut
/// short, a pointer forward or into the header, a reserved label type, or too long.
[[nodiscard]] std::optional<Name> read_name(base::Bytes packet, base::ByteReader& reader);

}  // namespace dns
