#pragma once

#include <array>
#include <optional>
#include <unordered_map>

#include "base/clock.hpp"
#include "dnsd/point/relay/relay_pairs.hpp"
#include "dnsd/point/relay/relay_peers.hpp"
#include "dnsd/point/relay/relay_rules.hpp"

namespace dnsd {

/// Sessions that were made on the direct way, and whose packets come to the relay because one of
/// the two asked for it (doc/relay.md). No index of such a session is known. For a moment, what
/// one of them sends under an unknown index goes to the other; once both have sent something, the
/// indices are routes. Pure; one thread.
class RelayAdoptions {
 public:
  RelayAdoptions(RelayPeers& peers, RelayPairs& pairs) : peers_(peers), pairs_(pairs) {}

  /// Goes on if it has begun, whoever asked. \param pair of both \param side that asked
  /// \return false: one of them has too many
  bool begin(RelayId pair, std::uint8_t side, base::SteadyTime now);
  struct Result {
    /// The pair that the packet goes along, and the side that it comes from.
    RelayId pair = no_relay_id;
    std::uint8_t side = 0;
    bool is_held = false;     ///< it is of an adoption, but not to be passed on
    bool is_paused = false;   ///< it may be of a pair whose data is not passed on now
    bool is_adopted = false;  ///< its index has become a route by it
  };
  /// Data of a peer under an index that is no route. \return no pair and not held: not of an
  /// adoption.
  [[nodiscard]] Result take(RelayId from, noise::SessionIndex index, std::size_t datagrams,
                            base::SteadyTime now);
  /// Forgets what is over.
  void sweep(base::SteadyTime now);
  /// Before the pairs of a peer are removed.
  void forget(RelayId peer);

 private:
  struct Candidate {
    noise::SessionIndex index{};
    std::uint64_t packets = 0;  ///< 0: free
    base::SteadyTime last{};
    TokenBucket pace{};
    bool is_route = false;
  };
  struct Adoption {
    base::SteadyTime ends;
    std::array<std::array<Candidate, relay_rules::adoption_indices>, 2> candidates;
  };

  [[nodiscard]] Candidate* candidate(Adoption& adoption, std::uint8_t side,
                                     noise::SessionIndex index);
  bool adopt(RelayId pair, std::uint8_t side, Candidate& candidate, base::SteadyTime now);
  void end(RelayId pair);

  RelayPeers& peers_;
  RelayPairs& pairs_;
  std::unordered_map<RelayId, Adoption> adoptions_;
};

}  // namespace dnsd
