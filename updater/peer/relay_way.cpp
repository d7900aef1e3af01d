#include "updater/peer/relay_way.hpp"

#include <fmt/format.h>

#include <utility>

// The life of a session that goes through a hub: move() brings it there, and step() keeps it there.
// relay_doubt.cpp notices that a peer is gone, upgrade.cpp takes a session to the direct way, and
// direct_peer_relay.cpp decides when a session moves. One thread: the caller's.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;

/// Kicks after a move, until something comes. The hub may have to learn first where this host and
/// the peer are.
constexpr auto relay_kick_interval = 200ms;
constexpr unsigned max_relay_kicks = 10;
/// How long the last of them is waited for.
constexpr auto last_patience = 500ms;
/// The hub takes one `via` for a pair in this time.
constexpr auto relay_move_interval = 5s;

}  // namespace

void RelayWay::move(Turn& turn, const Sight& sight, const std::string& reason) {
  moved_at_ = turn.now();
  is_asking_ = true;
  kicks_ = 0;
  turn.plan.add_via(hub_, turn.key());
  kick(turn, sight, {{turn.key(), endpoint_, std::nullopt}},
       fmt::format("{}; through {}, which passes packets on", reason, turn.settings.describe(hub_)),
       Note::Level::change);
}

bool RelayWay::may_move(SteadyTime now) const {
  return !moved_at_ || now - *moved_at_ >= relay_move_interval;
}

RelayWay::Course RelayWay::step(Turn& turn, const Sight& sight) {
  if (follow(turn, sight)) return is_asking_ ? Course::asking : Course::proven;
  if (is_asking_) return ask(turn, sight);
  return Course::proven;
}

/// \return whether the hub is elsewhere now.
bool RelayWay::follow(Turn& turn, const Sight& sight) {
  const RelayHub* hub = turn.scene.find_relay(hub_);
  if (hub == nullptr || !hub->answers) return false;
  auto updates = make_move(turn.shown, hub->endpoint);
  if (updates.empty()) {
    endpoint_ = hub->endpoint;
    return false;
  }
  endpoint_ = hub->endpoint;
  kick(turn, sight, std::move(updates),
       "the public host, which passes its packets on, is there now", Note::Level::change);
  return true;
}

RelayWay::Course RelayWay::ask(Turn& turn, const Sight& sight) {
  const SteadyTime now = turn.now();
  if (sight.health.last_received() && *sight.health.last_received() > *moved_at_) {
    is_asking_ = false;
    turn.tell(Note::Level::change,
              fmt::format("answers through {}, {:.1f} s after it was moved there",
                          turn.settings.describe(hub_),
                          std::chrono::duration<double>(now - *moved_at_).count()));
    return Course::proven;
  }
  if (kicks_ >= max_relay_kicks)
    return now - kicked_at_ < last_patience ? Course::asking : Course::failed;
  if (now - kicked_at_ >= relay_kick_interval)
    kick(turn, sight, {}, "no answer through the hub yet", Note::Level::detail);
  return Course::asking;
}

void RelayWay::kick(Turn& turn, const Sight& sight, std::vector<wg::PeerUpdate> updates,
                    const std::string& reason, Note::Level level) {
  append(updates, make_kick(turn.key(), sight.keepalive));
  ++kicks_;
  kicked_at_ = turn.now();
  turn.write(std::move(updates), reason, level);
}

std::optional<SteadyTime> RelayWay::next_step() const {
  if (!is_asking_) return std::nullopt;
  const bool is_last = kicks_ >= max_relay_kicks;
  return kicked_at_ + (is_last ? last_patience : relay_kick_interval);
}

}  // namespace updater
