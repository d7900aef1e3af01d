#pragma once

#include <string>

#include "dns/name.hpp"
#include "dns/types.hpp"
#include "dnsd/settings/view.hpp"

namespace dnsd {

/// What the operator decided about the zone as a whole.
struct ZoneOptions {
  dns::Name apex;
  dns::Ttl endpoint_ttl{1};  ///< SRV, TXT, A, AAAA, PTR of peers
  dns::Ttl cname_ttl{60};    ///< CNAMEs of named peers, and their addresses in the tunnel
  dns::Ttl negative_ttl{1};  ///< lowers the MINIMUM of the SOA, never raises it
  bool padded_names = true;  ///< K====._wireguard._udp.Z as well
  bool wgsd = false;         ///< the list is padded, and SRV at padded names brings TXT along
  std::string tunnel_label = "tunnel";  ///< of NAME.tunnel.Z; empty: there are no such names
  bool publish_private = false;  ///< RFC 1918, 100.64/10 and ULA endpoints in the public view too
  PublicParts public_parts;

  /// Whether a view has this part of the private view.
  [[nodiscard]] bool opens(bool PublicParts::*part, View view) const {
    return view == View::private_view || public_parts.*part;
  }
};

}  // namespace dnsd
