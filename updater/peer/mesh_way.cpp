#include "updater/peer/mesh_way.hpp"

#include <algorithm>
#include <array>

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using Session = SessionHealth::Session;

/// Readings while there is traffic, or an answer is awaited; while there is none.
constexpr auto busy_pause = 100ms;
constexpr auto idle_pause = 250ms;
/// Without traffic for this long a peer is idle.
constexpr auto busy_time = 2s;
/// How long a trial may take, and a round trip where it is known. With the readings before and
/// after it, less than a second of the user's packets is lost where the trial fails.
constexpr auto trial_time = 600ms;
/// Between the echo requests of a trial, or of a doubt.
constexpr auto echo_interval = 150ms;
/// Between two doubts whose echoes were answered.
constexpr auto doubt_interval = 400ms;
/// An answer to data is due after a round trip and this.
constexpr auto answer_slack = 100ms;
/// The reply to an echo request is due after a round trip and this.
constexpr auto reply_slack = 200ms;
/// A longer pause ends a flow. A flow has this many readings at least.
constexpr auto flow_pause = 1300ms;
constexpr unsigned least_readings = 3;
/// How much longer than the last gaps of a flow the gap is that ends it.
constexpr auto flow_slack = 200ms;
/// Data that comes this long after the return was sent by a peer that has our addresses itself.
constexpr auto settle_time = 400ms;
/// Data proves a trial if it came in this many readings, the last one not longer ago than this.
constexpr unsigned proving_readings = 2;
constexpr auto proving_limit = 300ms;
/// After this many failures in a row data is no reason to come back sooner.
constexpr unsigned patient_failures = 2;
/// A way that was direct for this long forgets earlier failures.
constexpr auto stable_time = 60s;
/// From a failure to the next trial, which needs a packet of the peer besides.
constexpr std::array<std::chrono::seconds, 6> trial_pauses = {5s, 20s, 60s, 300s, 1200s, 3600s};

bool is_newer(std::optional<SteadyTime> time, SteadyTime than) {
  return time && *time > than;
}

}  // namespace

void MeshWay::step(const Sight& sight) {
  watch_data(sight);
  const bool is_live = (sight.session == Session::works || sight.session == Session::doubtful) &&
                       sight.health.has_live_session(sight.now);
  if (!is_live) {
    if (way_ != Way::hub) go(sight.now, Way::hub);
    return;
  }
  switch (way_) {
    case Way::hub:
      step_hub(sight);
      break;
    case Way::trial:
      step_trial(sight);
      break;
    case Way::direct:
      step_direct(sight);
      break;
  }
}

void MeshWay::watch_data(const Sight& sight) {
  const auto data = sight.health.last_data();
  if (data && data != last_data_) ++data_readings_;
  last_data_ = data;
  const auto traffic = sight.health.last_traffic();
  if (!traffic || traffic == last_traffic_) return;
  const auto gap = *traffic - last_traffic_.value_or(SteadyTime());
  last_traffic_ = traffic;
  if (gap > flow_pause) {
    flow_readings_ = 1;
    usual_gap_ = {};
  } else {
    ++flow_readings_;
    usual_gap_ = std::max(gap, usual_gap_ * 3 / 4);
  }
}

void MeshWay::step_hub(const Sight& sight) {
  if (sight.session != Session::works) return;
  if (returned_) {
    if (!is_newer(sight.health.last_received(), *returned_)) return;
    const bool is_asked =
        failures_ <= patient_failures && is_newer(last_data_, *returned_ + settle_time);
    const auto wait =
        failures_ == 0 ? 0s : trial_pauses.at(std::min<std::size_t>(failures_, 6) - 1);
    if (!is_asked && sight.now - *returned_ < wait) return;
  }
  go(sight.now, sight.has_detour ? Way::trial : Way::direct);
}

void MeshWay::step_trial(const Sight& sight) {
  if (!since_) since_ = sight.now;
  if (replied_ || !sight.has_detour) return go(sight.now, Way::direct);
  if (sight.now - *since_ < trial_time + sight.round_trip.value_or(0us)) return;
  if (data_readings_ >= proving_readings && last_data_ && sight.now - *last_data_ <= proving_limit)
    return go(sight.now, Way::direct);
  fail(sight.now);
}

void MeshWay::step_direct(const Sight& sight) {
  if (asked_ && is_newer(sight.health.last_received(), *asked_)) asked_.reset();
  if (sight.now - *since_ >= stable_time) failures_ = 0;
  if (!sight.has_detour) return;
  const bool is_silent = sight.round_trip
                             ? asked_ && sight.now - *asked_ >= *sight.round_trip + reply_slack
                             : sight.session == Session::doubtful;
  if (is_silent) fail(sight.now);
}

void MeshWay::go(SteadyTime now, Way way) {
  way_ = way;
  since_ = now;
  if (way == Way::hub) returned_ = now;
  asked_.reset();
  replied_ = false;
  data_readings_ = 0;
}

void MeshWay::fail(SteadyTime now) {
  ++failures_;
  go(now, Way::hub);
}

bool MeshWay::wants_echo(const Sight& sight) const {
  if (way_ == Way::hub || !sight.has_detour) return false;
  const auto since_echo = echoed_ ? sight.now - *echoed_ : SteadyTime::duration::max();
  if (way_ == Way::trial || asked_) return since_echo >= echo_interval;
  if (!sight.round_trip || since_echo < doubt_interval) return false;
  const auto unanswered = sight.health.unanswered_since();
  return (unanswered && sight.now - *unanswered >= *sight.round_trip + answer_slack) ||
         is_flow_broken(sight.now);
}

/// The peer's own packets, which came one after the other, have stopped.
bool MeshWay::is_flow_broken(SteadyTime now) const {
  return last_traffic_ && flow_readings_ >= least_readings &&
         (!echoed_ || *echoed_ < *last_traffic_) && now - *last_traffic_ >= usual_gap_ + flow_slack;
}

void MeshWay::ask(SteadyTime now) {
  echoed_ = now;
  if (!asked_) asked_ = now;
}

std::chrono::milliseconds MeshWay::pause(SteadyTime now, const SessionHealth& health) const {
  const bool is_busy = way_ == Way::trial || asked_ || health.unanswered_since() ||
                       is_newer(last_data_, now - busy_time);
  return way_ != Way::hub && is_busy ? busy_pause : idle_pause;
}

}  // namespace updater
