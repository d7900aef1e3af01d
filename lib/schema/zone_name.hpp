#pragma once

#include <optional>
#include <string_view>

#include "dns/name.hpp"

namespace schema {

/// A zone as an operator names it. \return nullopt: no name, the root, or longer than
/// max_zone_octets (schema/owner_name.hpp).
[[nodiscard]] std::optional<dns::Name> parse_zone_name(std::string_view text);
inline constexpr std::string_view zone_name_allowed =
    "a domain name of at most 169 octets, such as wg.example.org";

}  // namespace schema
