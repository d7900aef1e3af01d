#pragma once

#include <array>
#include <optional>
#include <vector>

#include "dns/response.hpp"
#include "dns/zone_file.hpp"

/// A whole message, parsed with ldns, to be shown to people.
namespace dns {

struct Message {
  Rcode rcode{};
  bool authoritative = false;
  bool truncated = false;
  /// Answer, authority, additional: indexed by Section. Every type, OPT excepted.
  std::array<std::vector<ZoneRecord>, 3> sections;
  std::optional<ExtendedError> extended_error;

  [[nodiscard]] const std::vector<ZoneRecord>& section(Section which) const {
    return sections.at(static_cast<std::size_t>(which));
  }
};

/// \param packet one that this program made itself: ldns is not made for hostile ones.
/// \return nullopt: malformed.
[[nodiscard]] std::optional<Message> read_own_message(base::Bytes packet);

}  // namespace dns
