#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "updater/peer/direct_peer.hpp"
#include "updater/peer/nat_pair.hpp"

/// What becomes of an attempt that the NATs on both sides doom (updater/peer/nat_pair.hpp): quiet,
/// until there is a reason for hope.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;

/// An attempt of WireGuard's: what is sent later than this after its beginning is somebody's
/// traffic. Source: REKEY_ATTEMPT_TIME of the WireGuard protocol, 90 s, and its jitter.
constexpr auto own_attempt = 110s;
/// A retry costs twenty packets.
constexpr std::array<seconds, 5> slow_retries = {300s, 600s, 1200s, 2400s, 3600s};

}  // namespace

bool DirectPeer::rest_if_hopeless(const Scene& scene, const Settings& settings,
                                  const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  Attempt& attempt = *attempt_;
  const bool was_heard = health_.last_heard() && *health_.last_heard() >= attempt.tried_since;
  if (attempt.hopeless) {
    news_ = find_hope(scene, was_heard);
    if (!news_ && now >= attempt.next_at) retry_slowly(scene, settings, shown, memory, plan);
    return true;
  }
  const Trial trial{scene.own_mapping,         dns_.mapping(),           attempt.candidates,
                    now - attempt.tried_since, state_ == State::waiting, was_heard};
  const auto reason = find_hopeless(trial);
  if (!reason) return false;
  attempt.hopeless = reason;
  attempt.kick_at.reset();
  attempt.quiet_from = now + own_attempt;
  attempt.next_at = now + jittered(slow_retries.front(), scene.random);
  dns_.calm_down(now, scene.random);
  auto updates = leave(shown);
  attempt.silent_until.reset();
  if (shown.persistent_keepalive > 0s) updates.push_back({key_, std::nullopt, 0s});
  const std::string verdict = "hopeless: " + *reason;
  if (updates.empty()) {
    plan.notes.push_back({Note::Level::change, fmt::format("{}: {}", name(), verdict)});
  } else {
    change(plan, shown, memory, std::move(updates), verdict);
  }
  return true;
}

/// Why a hopeless peer is tried again at once.
std::optional<std::string> DirectPeer::find_hope(const Scene& scene, bool was_heard) const {
  if (news_) return news_;
  const auto known = [](const auto& mapping) {
    return mapping.value_or(schema::NatMapping::unknown) != schema::NatMapping::unknown;
  };
  if (known(scene.own_mapping) && known(dns_.mapping()) &&
      !find_obstacle(scene.own_mapping, dns_.mapping()))
    return "the NATs are of other kinds now";
  if (was_heard) return "something came from it";
  if (health_.last_sent() && *health_.last_sent() > attempt_->quiet_from)
    return "there is traffic for it";
  return std::nullopt;
}

/// One attempt of WireGuard's own towards the next candidate; the keepalive stays off.
void DirectPeer::retry_slowly(const Scene& scene, const Settings& settings,
                              const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  Attempt& attempt = *attempt_;
  auto candidates = find_candidates(scene, memory, plan);
  if (!candidates.empty()) attempt.candidates = std::move(candidates);
  attempt.index = (attempt.index + 1) % attempt.candidates.size();
  ++attempt.slow_tries;
  attempt.next_at =
      now + jittered(slow_retries.at(std::min(attempt.slow_tries, slow_retries.size() - 1)),
                     scene.random);
  attempt.quiet_from = now + own_attempt;
  last_toggle_ = now;
  auto updates = make_move(shown, attempt.candidates[attempt.index]);
  append(updates, make_kick(key_, settings.direct_keepalive));
  updates.push_back({key_, std::nullopt, 0s});
  change(plan, shown, memory, std::move(updates), "now and then, although it is hopeless");
}

}  // namespace updater
