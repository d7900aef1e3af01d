#include "updater/peer/relay_doubt.hpp"

#include <algorithm>

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;

/// Readings while there is traffic; while an echo request is unanswered.
constexpr auto watching_pause = 100ms;
constexpr auto asking_pause = 50ms;
constexpr auto resting_pause = 1s;
/// Without data of the peer for this long nothing is urgent.
constexpr auto watching_time = 2s;

/// A longer pause ends a flow. The rest is for readings that are late.
constexpr auto longest_gap = 1200ms;
constexpr auto least_flow = 1800ms;
/// The silence that ends a flow of frequent packets; of others: the last gaps and the slack.
constexpr auto least_silence = 400ms;
constexpr auto silence_slack = 100ms;
/// The longest gap of a flow of small packets.
constexpr auto longest_small_gap = 350ms;
/// An answer to data is due after a round trip and this.
constexpr auto reply_patience = 250ms;
/// From an answered doubt to the next one about data that is unanswered. A flow that goes one way
/// is asked about again and again.
constexpr auto doubt_rest = 1s;

constexpr unsigned max_requests = 2;
constexpr auto request_interval = 150ms;
/// The silence that proves that the peer is gone; two round trips are added, also below.
constexpr auto proving_silence = 750ms;
/// What the first request is given to be answered, at least.
constexpr auto request_patience = 300ms;

}  // namespace

RelayDoubt::Verdict RelayDoubt::step(const Sight& sight) {
  watch_flow(sight);
  const SteadyTime now = sight.now;
  const auto received = sight.health.last_received();
  if (asked_ && received && *received > *asked_) {
    asked_.reset();
    rests_until_ = now + doubt_rest;
  }
  if (asked_) {
    const auto due =
        std::max<SteadyTime>(silent_since_ + proving_silence, *asked_ + request_patience) +
        2 * sight.round_trip;
    if (now >= due) {
      asked_.reset();
      rests_until_ = now + doubt_rest;
      return Verdict::gone;
    }
    if (requests_ >= max_requests || now - asked_last_ < request_interval || !sight.can_ask)
      return Verdict::none;
    ++requests_;
    asked_last_ = now;
    return Verdict::ask;
  }
  if (!sight.can_ask) return Verdict::none;
  const auto silence = find_silence(sight);
  if (!silence) return Verdict::none;
  silent_since_ = *silence;
  asked_ = asked_last_ = now;
  requests_ = 1;
  return Verdict::ask;
}

/// Single small packets may be echo requests of updaters, and replies to them: only where they are
/// frequent are they a flow. Without this two updaters that ask each other would never stop.
void RelayDoubt::watch_flow(const Sight& sight) {
  const auto data = sight.health.last_data();
  if (!data || data == last_data_) return;
  const auto pause = *data - last_data_.value_or(SteadyTime());
  last_data_ = data;
  const bool is_small = sight.health.last_traffic() != data;
  if (is_small && pause > longest_small_gap) return;
  const auto gap = *data - last_traffic_.value_or(SteadyTime());
  last_traffic_ = data;
  if (gap > longest_gap) {
    flow_start_ = *data;
    usual_gap_ = {};
  } else {
    usual_gap_ = std::max(gap, usual_gap_ * 3 / 4);
  }
}

std::optional<SteadyTime> RelayDoubt::find_silence(const Sight& sight) {
  const SteadyTime now = sight.now;
  const auto received = sight.health.last_received();
  const bool was_flowing = last_traffic_ && *last_traffic_ - flow_start_ >= least_flow;
  if (was_flowing && received && doubted_ != last_traffic_ &&
      now - *received >=
          std::max<SteadyTime::duration>(least_silence, usual_gap_ + silence_slack)) {
    doubted_ = last_traffic_;
    return received;
  }
  const auto unanswered = sight.health.unanswered_since();
  // Data that was sent in the middle of a flow is no older than the flow's last packet.
  const bool was_busy = unanswered && received && *unanswered - *received < least_silence;
  const bool is_due = unanswered && now - *unanswered >= sight.round_trip + reply_patience;
  if (is_due && (!rests_until_ || now >= *rests_until_)) return was_busy ? received : unanswered;
  return std::nullopt;
}

void RelayDoubt::forget() {
  asked_.reset();
  rests_until_.reset();
}

std::chrono::milliseconds RelayDoubt::pause(SteadyTime now, const SessionHealth& health) const {
  if (asked_) return asking_pause;
  const auto data = health.last_data();
  const bool is_busy = health.unanswered_since() || (data && now - *data < watching_time);
  return is_busy ? watching_pause : resting_pause;
}

}  // namespace updater
