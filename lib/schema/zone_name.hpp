#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dns/name.hpp"

/// Names of zones and of hosts as operators write them. DNS itself would take any octets; what
/// nobody can mean is refused here, with what is wrong.
namespace schema {

/// A zone as an operator names it. \return nullopt: see find_zone_fault()
[[nodiscard]] std::optional<dns::Name> parse_zone_name(std::string_view text);
inline constexpr std::string_view zone_name_allowed =
    "a domain name of at most 169 octets, such as wg.example.org";

/// What keeps a text from being the name of a zone, as `it has a blank`; nullopt: nothing. A zone
/// is not the root, and no longer than max_zone_octets (schema/owner_name.hpp).
[[nodiscard]] std::optional<std::string> find_zone_fault(std::string_view text);

/// The same for the whole name of a host, which has at least two labels.
[[nodiscard]] std::optional<std::string> find_host_fault(std::string_view text);

}  // namespace schema
