#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace schema {

/// How a NAT maps one inner address and port towards several destinations (RFC 4787 §4.1), as far
/// as the observation points that saw the peer can tell: `map=` in TXT.
enum class NatMapping : std::uint8_t {
  unknown,                     ///< the points do not tell it
  endpoint_independent,        ///< the same for all; also where there is no NAT
  address_dependent,           ///< another one for another address
  address_and_port_dependent,  ///< another one for another port of the same address
  varies,                      ///< another one for another address; ports were not compared
};

/// Whether a third party cannot know at which address and port it would reach the peer: a symmetric
/// NAT.
[[nodiscard]] constexpr bool is_symmetric(NatMapping mapping) {
  return mapping == NatMapping::address_dependent ||
         mapping == NatMapping::address_and_port_dependent || mapping == NatMapping::varies;
}

/// As `map=` in TXT and status: eim, adm, apdm, varies, unknown.
[[nodiscard]] std::string_view to_string(NatMapping mapping);
/// \return nullopt: none of these words.
[[nodiscard]] std::optional<NatMapping> parse_nat_mapping(std::string_view text);

}  // namespace schema
