#include "updater/peer/nat_pair.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace updater {
namespace {

using namespace std::chrono_literals;
using schema::NatMapping;

/// How long an open side may take to answer: four of WireGuard's initiations.
constexpr auto open_side_patience = 20s;

bool is_known(std::optional<NatMapping> mapping) {
  return mapping.value_or(NatMapping::unknown) != NatMapping::unknown;
}

bool are_both_symmetric(NatMapping own, NatMapping peer) {
  return is_symmetric(own) && is_symmetric(peer);
}

}  // namespace

std::optional<std::string> find_obstacle(std::optional<NatMapping> own,
                                         std::optional<NatMapping> peer) {
  if (!is_known(own) || !is_known(peer)) return std::nullopt;
  const NatMapping here = *own;
  const NatMapping there = *peer;
  if (are_both_symmetric(here, there))
    return fmt::format(
        "both NATs are symmetric (here {}, there {}): neither side can know the other's port",
        to_string(here), to_string(there));
  if (is_symmetric(here))
    return fmt::format(
        "the NAT here is symmetric ({}), and the other side lets nothing in from a port that it "
        "never sent to",
        to_string(here));
  if (is_symmetric(there))
    return fmt::format(
        "the NAT there is symmetric ({}), and this side lets nothing in from a port that it never "
        "sent to",
        to_string(there));
  return std::nullopt;
}

std::optional<std::string> find_proven_obstacle(const Trial& trial) {
  const bool has_ipv6 =
      std::any_of(trial.candidates.begin(), trial.candidates.end(), [](const auto& one) {
        return !one.address.is_ipv4() && one.address.scope() == base::AddressScope::global;
      });
  if (trial.was_heard || has_ipv6 || !trial.is_round_over) return std::nullopt;
  auto obstacle = find_obstacle(trial.own, trial.peer);
  if (!obstacle) return std::nullopt;
  if (!are_both_symmetric(*trial.own, *trial.peer) && trial.lasted < open_side_patience)
    return std::nullopt;
  return obstacle;
}

bool can_connect(std::optional<NatMapping> own, std::optional<NatMapping> peer) {
  return is_known(own) && is_known(peer) && !find_obstacle(own, peer);
}

}  // namespace updater
