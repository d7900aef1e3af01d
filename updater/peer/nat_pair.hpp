#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "base/endpoint.hpp"
#include "schema/nat_mapping.hpp"

/// Which pairs of NATs never connect, whatever the updaters on both sides do. Pure.
///
/// A symmetric NAT (`map=` adm, apdm or varies) uses another port towards each destination, and the
/// observation points see only the ports towards themselves. The far side therefore never knows
/// where to send, and everything depends on whether it lets in what it never asked for:
///
///     here        there       result                              given up after
///     symmetric   symmetric   neither knows where to send         the first round
///     symmetric   eim         works if the far side is open       20 s in which nothing came
///     eim         symmetric   works if this side is open          20 s in which nothing came
///     eim         eim         works                               never
///     unknown     any         not known                           never
///
/// An open side has no NAT and no firewall, or a forwarded port, or a filter that does not look at
/// ports (RFC 4787 §5).
///
/// No observation point can see what a filter does, so only a trial shows it: an open side answers
/// the first initiation that reaches it, and WireGuard sends four of them in 20 s. A pair is not
/// given up while something is heard from the peer, nor if a candidate is IPv6: `map=` is about one
/// family, and IPv6 is hardly ever translated.
namespace updater {

/// What one attempt to reach a peer has shown so far.
struct Trial {
  std::optional<schema::NatMapping> own;   ///< of the NAT here; none or unknown: not known
  std::optional<schema::NatMapping> peer;  ///< of the NAT there; none or unknown: not known
  std::span<const base::Endpoint> candidates;
  std::chrono::steady_clock::duration lasted{};
  bool is_round_over = false;  ///< every candidate had its turn
  bool was_heard = false;      ///< something came from the peer
};

/// Why two NATs of these kinds may never connect, as a clause; nullopt: they can, or one of the two
/// is not known.
[[nodiscard]] std::optional<std::string> find_obstacle(std::optional<schema::NatMapping> own,
                                                       std::optional<schema::NatMapping> peer);
/// Why the trial's pair never connects, as find_obstacle(); nullopt: there is no obstacle, or the
/// trial has not proved it.
[[nodiscard]] std::optional<std::string> find_proven_obstacle(const Trial& trial);
/// Whether both NATs are known, and two of these kinds have no obstacle.
[[nodiscard]] bool can_connect(std::optional<schema::NatMapping> own,
                               std::optional<schema::NatMapping> peer);

}  // namespace updater
