#pragma once

#include <cstdint>

namespace bench {

struct Consistency {
  std::uint64_t answers = 0;  ///< all of them checked
  std::uint64_t mixed = 0;    ///< a port with an address of another endpoint, or a missing record
  std::uint64_t changes = 0;  ///< written meanwhile
};

/// Readers ask for the SRV records of a few peers, and check whole answers with the parser of
/// wg-updater: the port of each SRV record against the address of its target. Meanwhile one writer
/// gives these peers new endpoints, IPv4 and IPv6 at once, as fast as it can, and adds and removes
/// other peers. All threads have ended when this returns.
/// \param answers of each reader.
[[nodiscard]] Consistency check_consistency(unsigned readers, std::uint64_t answers);

}  // namespace bench
