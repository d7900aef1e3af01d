#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "base/endpoint.hpp"
#include "schema/nat_mapping.hpp"

/// Which pairs of NATs no updater can connect. Pure.
///
/// A symmetric NAT (`map=` adm, apdm or varies) gives another port towards each destination, and
/// the observation points see only their own: the far side never knows where to send. So everything
/// depends on whether the far side lets in what it never asked for:
///
///     here        there       what is left                        given up after
///     symmetric   symmetric   neither knows where to send         the first round
///     symmetric   eim         works where the far side is open    20 s in which nothing came
///     eim         symmetric   likewise                            likewise
///     eim         eim         works                               never
///     unknown     any         not known                           never
///
/// An open side has no NAT and no firewall, or a forwarded port, or a filter that does not look at
/// ports (RFC 4787 §5).
///
/// No point can see what a filter does, so the trial tells: an open side answers the first
/// initiation that reaches it, and WireGuard sends four of them in 20 s. Something that was heard
/// speaks against the verdict, and so does a candidate of IPv6: `map=` tells about one family, and
/// IPv6 is hardly ever translated.
namespace updater {

/// One attempt to reach a peer, so far.
struct Trial {
  std::optional<schema::NatMapping> own;   ///< none, and unknown: nobody tells it
  std::optional<schema::NatMapping> peer;  ///< likewise
  std::span<const base::Endpoint> candidates;
  std::chrono::steady_clock::duration lasted{};
  bool is_round_over = false;  ///< every candidate had its turn
  bool was_heard = false;      ///< something came from the peer
};

/// Why two NATs of these kinds may never be connected, as a clause; nullopt: nothing is known
/// against it.
[[nodiscard]] std::optional<std::string> find_obstacle(std::optional<schema::NatMapping> own,
                                                       std::optional<schema::NatMapping> peer);
/// The same, once the trial has borne it out.
[[nodiscard]] std::optional<std::string> find_hopeless(const Trial& trial);

}  // namespace updater
