#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "dnsd/point/relay/relay_pairs.hpp"
#include "dnsd/point/relay/relay_peers.hpp"

namespace dnsd {

/// Moments in which the relay drops all data of a pair, because one of both moves the session to
/// the direct way and asked for it (doc/relay.md). Handshakes pass. Pure; one thread.
class RelayPauses {
 public:
  RelayPauses(RelayPeers& peers, RelayPairs& pairs) : peers_(peers), pairs_(pairs) {}

  enum class Verdict : std::uint8_t {
    begun,
    goes_on,  ///< the same side had asked for the one that is in force; it is no longer for that
    refused,
  };
  /// \param pair of both \param side that asks \param length asked for; relay_rules bound it
  Verdict begin(RelayId pair, std::uint8_t side, std::chrono::milliseconds length,
                base::SteadyTime now);

 private:
  RelayPeers& peers_;
  RelayPairs& pairs_;
};

}  // namespace dnsd
