#pragma once

#include "dnsd/report/findings.hpp"

namespace dnsd {

struct DelegationCheck {
  bool resolver_works = true;  ///< this host's; otherwise nothing of the delegation is known
  Addresses addresses;         ///< of the name servers that the parent zone delegates to
  /// What the zone itself says of its name servers: by the facts, or else by the servers.
  std::vector<DoctorFacts::Server> stated;
};

/// Whether the parent zone delegates to the servers that the zone itself names, at their addresses.
/// Without facts the zone's own servers are asked for what it names. Blocks: up to 4 s for each
/// address of the parent's servers over UDP, 2 s more over TCP if a reply is truncated; 2 s for
/// each address of the zone's servers; and as long as the resolver takes.
[[nodiscard]] DelegationCheck check_delegation(const Examined& examined, Findings& findings);

}  // namespace dnsd
