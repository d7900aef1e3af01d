#include "updater/peer/upgrade.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

// A round of pulses, the move that follows a sight, and the way back. step() takes a reading:
// end_pulse() closes a pulse, take_sight() looks where the peer is, and one function for each phase
// does the rest. direct_peer_relay.cpp decides when a round may begin, and what its places are. One
// thread: the caller's.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Result = Upgrade::Result;
using Course = Upgrade::Course;

/// How long a pulse leaves the direct place set.
constexpr auto pulse_time = 4ms;
/// The first sight is answered later than this: the pulse that was seen is over then at the peer,
/// where a packet that comes within it cannot be told from our own write.
constexpr auto answer_delay = 6ms;
/// Between the pulses to several places.
constexpr auto place_interval = 10ms;
/// Pulses to each place in a round, and from one to the next; a round trip is added.
constexpr unsigned slots = 3;
constexpr auto slot_interval = 150ms;
/// After the last one; a round trip is added.
constexpr auto last_patience = 50ms;
/// Between the rounds.
constexpr std::array<seconds, 6> round_pauses = {5s, 10s, 20s, 40s, 60s, 300s};
/// Between two rounds, whatever changes.
constexpr auto least_pause = 1s;
/// Where no place is known.
constexpr auto placeless_pause = 2s;

/// How long the larger key waits for the smaller one to move.
constexpr auto other_patience = 3s;
/// How long the hub's answer is waited for; twice the round trip to it is added.
constexpr auto ask_patience = 1500ms;
/// The pause that the hub is asked for; or a round trip and two to the hub, if they are longer.
constexpr milliseconds least_hub_pause = 400ms;
constexpr milliseconds most_hub_pause = 2s;

/// The second kick after a move: the first one may arrive within a pulse of the peer's.
constexpr auto second_kick = 150ms;
/// How long a direct place may bring nothing; a round trip is added.
constexpr auto proving_time = 600ms;
/// Between readings while a move is to be proved.
constexpr auto proving_pause = 20ms;

bool has_address(const std::vector<base::Endpoint>& places, const base::IpAddress& address) {
  return std::any_of(places.begin(), places.end(),
                     [&](const base::Endpoint& place) { return place.address == address; });
}

milliseconds hub_pause(const Upgrade::Sight& sight) {
  const auto whole = std::chrono::ceil<milliseconds>(
      sight.round_trip + 2 * sight.hub.round_trip.value_or(assumed_round_trip_to_hub));
  return std::clamp(whole, least_hub_pause, most_hub_pause);
}

}  // namespace

// Rounds

void Upgrade::begin(SteadyTime now) {
  rest();
  due_ = now;
  rounds_ = 0;
  tries_ = 0;
  was_hurried_ = false;
}

void Upgrade::hurry(SteadyTime now) {
  was_hurried_ = phase_ != Phase::resting;
  if (was_hurried_) return;
  due_ = std::min<SteadyTime>(due_, std::max<SteadyTime>(now, ended_ + least_pause));
  rounds_ = 0;
}

void Upgrade::begin_round(SteadyTime now, std::vector<base::Endpoint> places) {
  if (places.empty()) {
    due_ = now + placeless_pause;
    return;
  }
  places_ = std::move(places);
  next_place_ = 0;
  slot_ = 0;
  ++tries_;
  pulse_due_ = round_begun_ = now;
  phase_ = Phase::pulsing;
}

void Upgrade::rest() {
  phase_ = Phase::resting;
  open_.reset();
  sighted_.reset();
  seen_at_.reset();
  answer_due_.reset();
  is_granted_.reset();
}

void Upgrade::end_round(Turn& turn) {
  rest();
  const SteadyTime now = ended_ = turn.now();
  if (std::exchange(was_hurried_, false)) {
    rounds_ = 0;
    due_ = now + least_pause;
    return;
  }
  due_ = now +
         jittered(round_pauses.at(std::min(rounds_, round_pauses.size() - 1)), turn.scene.random);
  ++rounds_;
}

// One step

Result Upgrade::step(Turn& turn, const Sight& sight) {
  if (open_ && !end_pulse(turn, sight)) return {Course::busy};
  take_sight(turn, sight);
  switch (phase_) {
    case Phase::resting:
      return {};
    case Phase::pulsing:
      return pulse_on(turn, sight);
    case Phase::seen:
    case Phase::asking:
      return wait_or_ask(turn, sight);
    case Phase::moving:
    case Phase::following:
      return prove(turn, sight);
  }
  return {};
}

/// \return whether the pulse is over.
bool Upgrade::end_pulse(Turn& turn, const Sight& sight) {
  if (turn.shown.endpoint == open_->place) {
    if (turn.now() - open_->at < pulse_time) return false;
    // WireGuard took the place of the last packet: a packet that came through the hub after our
    // write would have taken it back.
    if (open_->is_answered) sighted_ = open_->place;
    go_to_hub(turn, sight, "the pulse is over");
  }
  open_.reset();
  return true;
}

/// Where the peer is, if this shows it: what was seen since our last write, or is there now.
void Upgrade::take_sight(Turn& turn, const Sight& sight) {
  auto seen = std::exchange(sighted_, {});
  const auto& at = turn.written ? turn.written : turn.shown.endpoint;
  const bool is_there = sight.is_direct(at);
  if (is_there) seen = at;
  if (!sight.is_direct(seen)) return;
  if (phase_ == Phase::pulsing && has_address(places_, seen->address)) {
    turn.tell(Note::Level::detail, fmt::format("seen at {}", seen->to_string()));
    phase_ = Phase::seen;
    seen_ = *seen;
    seen_at_ = turn.now();
    answer_due_ = turn.now() + answer_delay;
    if (is_there) go_to_hub(turn, sight, "the move there follows in order");
  } else if (is_there && (phase_ == Phase::resting || phase_ == Phase::pulsing ||
                          (phase_ == Phase::seen && !answer_due_))) {
    follow(turn.now());
  }
}

void Upgrade::go_to_hub(Turn& turn, const Sight& sight, const std::string& reason) {
  turn.write({{turn.key(), sight.hub.endpoint, std::nullopt}}, "back to the hub: " + reason,
             Note::Level::detail);
}

// Pulses

Result Upgrade::pulse_on(Turn& turn, const Sight& sight) {
  const SteadyTime now = turn.now();
  if (now < pulse_due_) return {};
  if (slot_ >= slots) {
    end_round(turn);
    // It takes back what a pulse did at a far end whose packets do not arrive here.
    kick(turn, sight, {}, "no pulse arrived: its packets are to come through the hub");
    return {Course::relayed, true};
  }
  const base::Endpoint place = places_[next_place_++];
  pulse_due_ = now + place_interval;
  if (next_place_ >= places_.size()) {
    next_place_ = 0;
    ++slot_;
    pulse_due_ = slot_ < slots
                     ? std::max<SteadyTime>(
                           pulse_due_, round_begun_ + slot_ * (slot_interval + sight.round_trip))
                     : now + last_patience + sight.round_trip;
  }
  return pulse(turn, sight, place, "a pulse: is it there, without the hub?");
}

Result Upgrade::pulse(Turn& turn, const Sight& sight, const base::Endpoint& place,
                      const std::string& reason) {
  if (!sight.is_direct(place) || turn.written ||
      !turn.scene.limit.admit(turn.now(), turn.key(), place))
    return {};
  open_ = Pulse{place, turn.now()};
  kick(turn, sight, {{turn.key(), place, std::nullopt}}, reason);
  return {Course::busy, true};
}

void Upgrade::take_reply() {
  if (open_) open_->is_answered = true;
}

void Upgrade::kick(Turn& turn, const Sight& sight, std::vector<wg::PeerUpdate> updates,
                   const std::string& reason) {
  append(updates, make_kick(turn.key(), sight.keepalive));
  turn.write(std::move(updates), reason, Note::Level::detail);
}

// The move

Result Upgrade::wait_or_ask(Turn& turn, const Sight& sight) {
  const SteadyTime now = turn.now();
  if (phase_ == Phase::seen && (sight.is_first || now - *seen_at_ >= other_patience)) {
    phase_ = Phase::asking;
    asked_at_ = now;
    is_granted_.reset();
    turn.plan.pauses.push_back({sight.hub.key, turn.key(), hub_pause(sight)});
  }
  if (answer_due_ && now >= *answer_due_ && !turn.written) {
    answer_due_.reset();
    return pulse(turn, sight, seen_, "the answer to its pulse");
  }
  if (phase_ != Phase::asking || answer_due_) return {};
  if (is_granted_.value_or(false)) return move(turn, sight);
  const auto patience = ask_patience + 2 * sight.hub.round_trip.value_or(assumed_round_trip_to_hub);
  if (is_granted_ || now - asked_at_ >= patience) {
    turn.tell(Note::Level::detail, is_granted_ ? "the hub makes no pause: it stays relayed"
                                               : "the hub does not answer: it stays relayed");
    end_round(turn);
  }
  return {};
}

void Upgrade::learn_pause(bool is_granted) {
  if (phase_ == Phase::asking) is_granted_ = is_granted;
}

Result Upgrade::move(Turn& turn, const Sight& sight) {
  if (!turn.scene.limit.admit(turn.now(), turn.key(), seen_)) {
    end_round(turn);
    return {};
  }
  phase_ = Phase::moving;
  moved_at_ = turn.now();
  received_.reset();
  kicks_ = 1;
  kick(turn, sight, {{turn.key(), seen_, std::nullopt}},
       "it was seen there, and the hub makes a pause");
  return {Course::busy, true};
}

/// WireGuard, or an earlier run, took the session to a direct place.
void Upgrade::follow(SteadyTime now) {
  phase_ = Phase::following;
  open_.reset();
  moved_at_ = now;
  received_.reset();
  kicks_ = 0;
}

/// Whether the direct place brings anything. What this side sends there proves it to the peer.
Result Upgrade::prove(Turn& turn, const Sight& sight) {
  const SteadyTime now = turn.now();
  const auto elapsed = now - moved_at_;
  const bool is_moving = phase_ == Phase::moving;
  const bool is_there = sight.is_direct(turn.shown.endpoint);
  if (!received_) received_ = turn.shown.rx_bytes;
  const bool has_come = is_there && turn.shown.rx_bytes > *received_;
  // Sooner, what came may have been the answer to a pulse, and the peer is with the hub again.
  if (has_come && elapsed >= second_kick + sight.round_trip) return {Course::direct};
  if (!is_there && !is_moving) {
    // A packet of the hub came: the peer has not moved yet.
    phase_ = seen_at_ ? Phase::seen : Phase::resting;
    if (!seen_at_) end_round(turn);
    return {};
  }
  if (elapsed >= proving_time + sight.round_trip) {
    kick(turn, sight, {{turn.key(), sight.hub.endpoint, std::nullopt}},
         "back to the hub: nothing came from there");
    end_round(turn);
    return {Course::relayed, true};
  }
  std::vector<wg::PeerUpdate> updates;
  if (!is_there && elapsed < hub_pause(sight)) updates.push_back({turn.key(), seen_, std::nullopt});
  if (kicks_ == 0 || (kicks_ == 1 && is_moving && elapsed >= second_kick)) {
    ++kicks_;
    kick(turn, sight, std::move(updates), "so that it hears from this host there");
    return {Course::busy, true};
  }
  if (!updates.empty())
    turn.write(std::move(updates), "a packet of the hub was still on its way", Note::Level::detail);
  return {Course::busy};
}

// What the caller has to know

std::optional<WatchRequest> Upgrade::watch(const wg::PublicKey& peer,
                                           const base::Endpoint& hub) const {
  switch (phase_) {
    case Phase::resting:
    case Phase::following:
      return std::nullopt;
    case Phase::pulsing:
    case Phase::seen:
    case Phase::asking:
      return WatchRequest{peer, {hub, open_ ? open_->place : hub}};
    case Phase::moving:
      return WatchRequest{peer, {seen_, seen_}};
  }
  return std::nullopt;
}

std::optional<SteadyTime> Upgrade::next_step() const {
  if (open_) return open_->at + pulse_time;
  switch (phase_) {
    case Phase::resting:
      return due_;
    case Phase::pulsing:
      return pulse_due_;
    case Phase::seen:
      return answer_due_ ? *answer_due_ : *seen_at_ + other_patience;
    case Phase::asking:
      return answer_due_ ? *answer_due_ : asked_at_ + ask_patience;
    case Phase::moving:
    case Phase::following:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<milliseconds> Upgrade::pause() const {
  if (phase_ == Phase::moving || phase_ == Phase::following) return proving_pause;
  return std::nullopt;
}

std::string Upgrade::describe(SteadyTime now) const {
  if (tries_ == 0) return "";
  const std::string tried =
      tries_ == 1 ? "tried directly once" : fmt::format("tried directly {} times", tries_);
  if (is_busy()) return tried + ", and now";
  const auto left = std::max<SteadyTime::duration>(due_ - now, 0s);
  if (left < 2min)
    return fmt::format("{}, next in {} s", tried, std::chrono::ceil<seconds>(left).count());
  return fmt::format("{}, next in {} min", tried,
                     std::chrono::round<std::chrono::minutes>(left).count());
}

}  // namespace updater
