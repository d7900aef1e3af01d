#include "updater/peer/hub.hpp"

#include <algorithm>

namespace updater {
namespace {

using namespace std::chrono_literals;

/// Kicks closer together than WireGuard's own 5 s add nothing.
constexpr auto kick_interval = 5s;
/// But after a change of this host's routes the last one may not have left it.
constexpr auto reset_interval = 1s;

}  // namespace

void Hub::request_reset(std::string reason) {
  kick_ = std::move(reason);
  reset_ = true;
}

void Hub::step(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
               PeerMemory& memory, Plan& plan) {
  const base::SteadyTime now = scene.now.steady;
  health_.observe(scene.now, shown);
  memory.keepalive.observe(shown.persistent_keepalive);
  // Without an endpoint nothing can be sent, and with one that was just toggled nothing more would
  // be.
  const auto interval = reset_ ? reset_interval : kick_interval;
  if (!shown.endpoint || (last_toggle_ && now - *last_toggle_ < interval)) return;

  const std::chrono::seconds user = memory.keepalive.user();
  const std::chrono::seconds wanted = user == 0s ? settings.direct_keepalive_of(key_) : user;
  const auto last_packet = std::max({first_seen_, last_toggle_.value_or(first_seen_),
                                     health_.last_sent().value_or(first_seen_),
                                     health_.last_received().value_or(first_seen_)});
  Change change;
  change.peer = key_;
  if (shown.persistent_keepalive != wanted) {
    change.updates = {{key_, std::nullopt, wanted}};
    change.reason = "so that the host sees where this peer is";
  } else if (kick_) {
    change.updates = make_kick(key_, wanted);
    if (reset_) change.updates.front().endpoint = shown.endpoint;
    change.reason = "the host had better see this peer's mapping now: " + *kick_;
    // Often for a suspicion that proves wrong.
    if (!reset_) change.level = Note::Level::detail;
  } else if (now - last_packet >= wanted + 2s) {
    change.updates = make_kick(key_, wanted);
    change.reason = "its keepalive is on, but was never armed: nothing was sent";
  } else {
    return;
  }
  kick_.reset();
  reset_ = false;
  last_toggle_ = now;
  memory.keepalive.prepare(shown.persistent_keepalive, wanted);
  plan.changes.push_back(std::move(change));
}

}  // namespace updater
