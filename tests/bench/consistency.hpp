#pragma once

#include <cstdint>

namespace bench {

struct Consistency {
  std::uint64_t answers = 0;  ///< all of them checked
  std::uint64_t mixed = 0;    ///< a port beside an address of another endpoint, or a record too few
  std::uint64_t changes = 0;  ///< written meanwhile
};

/// Readers ask for the SRV records of a few peers, and check the whole answer with what dissects it
/// for wg-updater: the port of each SRV record against the address that its target has. One writer
/// gives these peers new endpoints meanwhile, IPv4 and IPv6 at once, as fast as it can, and lets
/// others come and go. The threads are the caller's no more when this returns.
/// \param answers of each reader.
[[nodiscard]] Consistency check_consistency(unsigned readers, std::uint64_t answers);

}  // namespace bench
