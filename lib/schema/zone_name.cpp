#include "schema/zone_name.hpp"

#include "schema/owner_name.hpp"

namespace schema {

static_assert(max_zone_octets == 169);  // zone_name_allowed and the manuals say so

std::optional<dns::Name> parse_zone_name(std::string_view text) {
  auto name = dns::Name::parse(text);
  if (!name || name->view().is_root() || name->view().wire().size() > max_zone_octets)
    return std::nullopt;
  return name;
}

}  // namespace schema
