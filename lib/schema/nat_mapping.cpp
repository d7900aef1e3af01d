#include "schema/nat_mapping.hpp"

namespace schema {

std::string_view to_string(NatMapping mapping) {
  switch (mapping) {
    case NatMapping::endpoint_independent:
      return "eim";
    case NatMapping::address_dependent:
      return "adm";
    case NatMapping::address_and_port_dependent:
      return "apdm";
    case NatMapping::varies:
      return "varies";
    case NatMapping::unknown:
      break;
  }
  return "unknown";
}

std::optional<NatMapping> parse_nat_mapping(std::string_view text) {
  for (const NatMapping mapping :
       {NatMapping::unknown, NatMapping::endpoint_independent, NatMapping::address_dependent,
        NatMapping::address_and_port_dependent, NatMapping::varies}) {
    if (text == to_string(mapping)) return mapping;
  }
  return std::nullopt;
}

}  // namespace schema
