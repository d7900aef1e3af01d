#include "updater/peer/relay_way.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

// The life of a session that goes through a hub: move() brings it there, step() keeps it there, and
// pulse() looks for a direct place on this network. relay_doubt.cpp notices that a peer is gone,
// direct_peer_relay.cpp decides when a session moves. One thread: the caller's.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;

/// Kicks after a move, until something comes. The hub may have to learn first where this host and
/// the peer are.
constexpr auto relay_kick_interval = 200ms;
constexpr unsigned max_relay_kicks = 10;
/// How long the last of them is waited for.
constexpr auto last_patience = 500ms;
/// The hub takes one `via` for a pair in this time.
constexpr auto relay_move_interval = 5s;

/// How long a pulse leaves the direct place set.
constexpr auto pulse_time = 4ms;
/// When the keepalive through the hub follows it.
constexpr auto restore_time = 250ms;
/// Between the pulses to several places.
constexpr auto place_interval = 500ms;
/// Between the rounds over them.
constexpr std::array<seconds, 6> pulse_pauses = {5s, 10s, 20s, 40s, 60s, 300s};

}  // namespace

void RelayWay::move(Turn& turn, const Sight& sight, const std::string& reason) {
  moved_at_ = turn.now();
  is_asking_ = true;
  kicks_ = 0;
  pulse_.reset();
  restore_at_.reset();
  turn.plan.add_via(hub_, turn.key());
  kick(turn, sight, {{turn.key(), endpoint_, std::nullopt}},
       fmt::format("{}; through {}, which passes packets on", reason, turn.settings.describe(hub_)),
       Note::Level::change);
}

bool RelayWay::may_move(SteadyTime now) const {
  return !moved_at_ || now - *moved_at_ >= relay_move_interval;
}

RelayWay::Course RelayWay::step(Turn& turn, const Sight& sight) {
  if (pulse_) return end_pulse(turn) ? Course::direct : Course::proven;
  if (follow(turn, sight)) return is_asking_ ? Course::asking : Course::proven;
  if (is_asking_) return ask(turn, sight);
  if (restore_at_ && turn.now() >= *restore_at_) {
    restore_at_.reset();
    kick(turn, sight, {}, "no answer to the pulse: its packets are to come through the hub",
         Note::Level::detail);
  }
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

bool RelayWay::pulse(Turn& turn, const Sight& sight, std::span<const base::Endpoint> near,
                     const std::optional<base::Endpoint>& moved) {
  const SteadyTime now = turn.now();
  if (pulse_ || restore_at_ || is_asking_) return false;
  if (!std::equal(near.begin(), near.end(), near_.begin(), near_.end())) {
    near_.assign(near.begin(), near.end());
    tries_ = next_near_ = 0;
    pulse_due_ = now;
  }
  std::optional<base::Endpoint> place;
  if (moved && moved != tried_moved_) {
    place = tried_moved_ = moved;
  } else if (!near_.empty() && now >= pulse_due_) {
    place = near_[next_near_++];
    pulse_due_ = now + place_interval;
    if (next_near_ >= near_.size()) {
      next_near_ = 0;
      pulse_due_ = now + jittered(pulse_pauses.at(std::min(tries_, pulse_pauses.size() - 1)),
                                  turn.scene.random);
      ++tries_;
    }
  }
  if (!place || *place == endpoint_) return false;
  if (!turn.scene.limit.admit(now, turn.key(), *place)) return false;
  pulse_ = Pulse{*place, now};
  kick(turn, sight, {{turn.key(), *place, std::nullopt}}, "a pulse: is it there, without the hub?",
       Note::Level::detail);
  return true;
}

/// \return whether the session is direct now: the reply came from where the pulse went.
bool RelayWay::end_pulse(Turn& turn) {
  const bool is_there = turn.shown.endpoint == pulse_->endpoint;
  const bool is_answered = is_there && pulse_->is_answered;
  if (is_there && !is_answered) {
    if (turn.now() - pulse_->at < pulse_time) return false;
    turn.write({{turn.key(), endpoint_, std::nullopt}}, "back to the hub", Note::Level::detail);
  }
  if (!is_answered) restore_at_ = pulse_->at + restore_time;
  pulse_.reset();
  return is_answered;
}

void RelayWay::take_reply() {
  if (pulse_) pulse_->is_answered = true;
}

std::vector<wg::PeerUpdate> RelayWay::leave(const wg::DevicePeer& shown) const {
  if (!pulse_ || shown.endpoint != pulse_->endpoint) return {};
  return make_move(shown, endpoint_);
}

std::optional<SteadyTime> RelayWay::next_step() const {
  if (pulse_) return pulse_->at + pulse_time;
  if (is_asking_) {
    const bool is_last = kicks_ >= max_relay_kicks;
    return kicked_at_ + (is_last ? last_patience : relay_kick_interval);
  }
  return restore_at_;
}

}  // namespace updater
