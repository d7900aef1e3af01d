#include "updater/peer/hub.hpp"

#include <algorithm>
#include <utility>

#include "updater/tunnel/tunnel_address.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;

/// WireGuard sends no two initiations within 5 s, so more frequent kicks add nothing.
constexpr auto kick_interval = 5s;
/// After a change of this host's routes the last kick may not have left it.
constexpr auto reset_interval = 1s;

/// An echo request tells the round trip. A hub that never answers one is asked a few times.
constexpr auto measure_interval = 5s;
constexpr unsigned max_measures = 3;

}  // namespace

void Hub::request_kick(std::string reason) {
  kick_ = std::move(reason);
}

void Hub::request_reset(std::string reason) {
  kick_ = std::move(reason);
  reset_ = true;
  search_.hurry();
  round_trip_.reset();
  probes_ = 0;
}

/// Where hubs may pass packets on, the round trip says when the larger key's first packet is due.
void Hub::measure(Turn& turn) {
  const base::SteadyTime now = turn.now();
  if (std::exchange(endpoint_, turn.shown.endpoint) != turn.shown.endpoint) {
    round_trip_.reset();
    probes_ = 0;
  }
  if (!turn.settings.uses_relay() || round_trip_ || probes_ >= max_measures || !answers(now) ||
      (probed_ && now - *probed_ < measure_interval))
    return;
  const auto target =
      find_tunnel_address(turn.shown.allowed_ips, turn.scene.device, turn.scene.host);
  if (!target) return;
  probed_ = now;
  ++probes_;
  turn.plan.probes.push_back({turn.key(), *target});
}

void Hub::step(Turn& turn) {
  const base::SteadyTime now = turn.now();
  const wg::DevicePeer& shown = turn.shown;
  measure(turn);
  turn.memory.keepalive.observe(shown.persistent_keepalive);
  const std::chrono::seconds user = turn.memory.keepalive.user();
  const std::chrono::seconds wanted =
      user == 0s ? turn.settings.direct_keepalive_of(turn.key()) : user;
  if (turn.settings.hubs.count(turn.key()) != 0 && !turn.settings.one_round) {
    if (search_.step(turn, health_, wanted)) {
      last_toggle_ = now;
      return;
    }
    if (shown.endpoint && health_.has_live_session(now) && search_.describe(now).empty())
      turn.memory.last_good = shown.endpoint;
  }
  // Without an endpoint nothing can be sent; just after a toggle nothing more would be.
  const auto interval = reset_ ? reset_interval : kick_interval;
  if (!shown.endpoint || (last_toggle_ && now - *last_toggle_ < interval)) return;

  const auto last_packet = std::max({first_seen_, last_toggle_.value_or(first_seen_),
                                     health_.last_sent().value_or(first_seen_),
                                     health_.last_received().value_or(first_seen_)});
  std::vector<wg::PeerUpdate> updates;
  std::string reason;
  auto level = Note::Level::change;
  if (shown.persistent_keepalive != wanted) {
    updates = {{turn.key(), std::nullopt, wanted}};
    reason = "so that the public host sees where this host is";
  } else if (kick_) {
    updates = make_kick(turn.key(), wanted);
    if (reset_) updates.front().endpoint = shown.endpoint;
    reason = "so that the public host sees where this host is now: " + *kick_;
    // A kick for a suspicion that proves wrong is frequent.
    if (!reset_) level = Note::Level::detail;
  } else if (now - last_packet >= wanted + 2s) {
    updates = make_kick(turn.key(), wanted);
    reason = "its keepalive is on, but was never armed: nothing was sent";
    level = Note::Level::detail;
  } else {
    return;
  }
  kick_.reset();
  reset_ = false;
  last_toggle_ = now;
  turn.write(std::move(updates), std::move(reason), level);
}

}  // namespace updater
