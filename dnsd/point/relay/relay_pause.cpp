#include "dnsd/point/relay/relay_pause.hpp"

#include <algorithm>
#include <vector>

#include "dnsd/point/relay/relay_rules.hpp"

namespace dnsd {

namespace rules = relay_rules;

RelayPauses::Verdict RelayPauses::begin(RelayId id, std::uint8_t side,
                                        std::chrono::milliseconds length, base::SteadyTime now) {
  const RelayPair& pair = pairs_[id];
  // The reply may have been lost.
  if (pair.pause.is_on(now)) return pair.pause.side == side ? Verdict::goes_on : Verdict::refused;
  if (pair.pause.is_recent(now) || !pairs_.has_session(id, now)) return Verdict::refused;
  std::vector<base::SteadyTime>& held = peers_[pair.peers[side]].pauses;
  std::erase_if(held, [&](base::SteadyTime ends) { return ends <= now; });
  if (held.size() >= rules::pauses_per_peer) return Verdict::refused;
  const auto bounded = std::chrono::duration_cast<RelayPair::Pause::Length>(
      std::clamp<std::chrono::milliseconds>(length, rules::shortest_pause, rules::longest_pause));
  held.push_back(now + bounded);
  pairs_.begin_pause(id, {.begun = now, .length = bounded, .side = side});
  return Verdict::begun;
}

}  // namespace dnsd
