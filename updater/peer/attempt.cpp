#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "updater/peer/direct_peer.hpp"

/// One try to reach a peer, over all its candidates: endpoints in turn, kicks by role.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;

/// How long WireGuard's own repetition of an initiation may let us wait: 5 s and up to 333 ms of
/// jitter. Within it a kick sends nothing, and may leave the keepalive unarmed.
constexpr auto own_retry = 5400ms;
/// The larger key kicks this much later, so that two initiations do not cross (design §4.8).
constexpr auto second_role_delay = 500ms;
/// A candidate's turn: one of WireGuard's own repetitions falls into it.
constexpr auto dwell = 5600ms;
/// An initiation of the peer came so lately that its next one is due: this candidate is right.
constexpr auto heard_window = own_retry;
/// A response to what was heard would have come by then: two initiations have crossed.
constexpr auto crossing_check = 1s;
/// Ours go nowhere until its next one has come.
constexpr auto yield_time = 6s;
/// A kick that works has sent by then. One that did not fell into the 5 s after an attempt that
/// left no trace, and is repeated until they are over.
constexpr auto kick_check = 1250ms;
constexpr unsigned max_kicks_without_sending = 4;
/// Pauses between tries when no candidate answered.
constexpr std::array<seconds, 5> back_off = {5s, 10s, 20s, 40s, 60s};
/// Where initiations of ours go that must not arrive: nobody listens there, and nothing leaves.
const base::Endpoint nowhere{base::IpAddress(std::array<std::uint8_t, 4>{127, 0, 0, 1}),
                             base::Port{9}};

}  // namespace

void DirectPeer::begin_attempt(const Scene& scene, const Settings& settings,
                               const wg::DevicePeer& shown, std::vector<base::Endpoint> candidates,
                               const std::string& reason, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  const auto news = std::exchange(news_, {});
  const bool is_first = !scene.device.public_key || *scene.device.public_key < key_;
  const bool is_again = attempt_.has_value();
  const SteadyTime begun = is_again ? attempt_->begun : now;
  attempt_ = Attempt{};
  attempt_->candidates = std::move(candidates);
  attempt_->begun = begun;
  attempt_->tried_since = now;
  attempt_->next_at = now + dwell;
  state_ = State::punching;
  dns_.hurry(now);

  auto updates = make_move(shown, attempt_->candidates.front());
  if (updates.empty() && local_change_) updates = {{key_, shown.endpoint, std::nullopt}};
  local_change_.reset();
  std::string role;
  if (has_live_session(now)) {
    append(updates, make_kick(key_, wanted_keepalive(settings, memory)));
    attempt_->kicked_at = now;
    last_toggle_ = now;
    role = "its session is alive and opens our NAT at once";
  } else if (sent_lately(now)) {
    attempt_->kick_at = *health_.last_sent() + own_retry;
    role = "WireGuard is sending by itself";
  } else if (is_first) {
    append(updates, make_kick(key_, wanted_keepalive(settings, memory)));
    attempt_->kicked_at = now;
    last_toggle_ = now;
    role = "our key is the smaller one and kicks at once";
  } else {
    attempt_->kick_at = now + second_role_delay;
    role = "the other key is the smaller one; ours kicks 0.5 s later unless a handshake appears";
  }
  const std::string why =
      fmt::format("{}, and {}; {}", is_again && news ? *news : "it is published", reason, role);
  if (updates.empty()) {
    plan.notes.push_back({Note::Level::change, fmt::format("{}: punching {}: {}", name(),
                                                           shown.endpoint->to_string(), why)});
  } else {
    change(plan, shown, memory, std::move(updates), why);
  }
}

void DirectPeer::continue_attempt(const Scene& scene, const Settings& settings,
                                  const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  Attempt& attempt = *attempt_;
  if (settings.one_round && !attempt.kick_at) return;  // what comes next is the next round's
  if (rest_if_hopeless(scene, settings, shown, memory, plan)) return;
  if (attempt.kick_at && now >= *attempt.kick_at) {
    attempt.kick_at.reset();
    if (!sent_lately(now)) {  // a peer that was heard has been sent a response, too
      attempt.kicked_at = now;
      last_toggle_ = now;
      change(plan, shown, memory, make_kick(key_, wanted_keepalive(settings, memory)),
             "no handshake has appeared");
      return;
    }
  }
  const bool has_sent =
      attempt.kicked_at && health_.last_sent() && *health_.last_sent() >= *attempt.kicked_at;
  if (attempt.kicked_at && !has_sent && now - *attempt.kicked_at >= kick_check &&
      attempt.kicks_without_sending < max_kicks_without_sending) {
    ++attempt.kicks_without_sending;
    attempt.kicked_at = now;
    last_toggle_ = now;
    change(plan, shown, memory, make_kick(key_, wanted_keepalive(settings, memory)),
           "the last kick sent nothing: WireGuard was inside the 5 s after an attempt");
    return;
  }
  if (yield(scene, shown, memory, plan)) return;
  if (now < attempt.next_at) return;
  if (heard_lately(now)) {
    attempt.next_at = *health_.last_heard() + heard_window;
    return;
  }
  try_next_candidate(scene, settings, shown, memory, plan);
}

/// Two initiations that cross cancel each other, and traffic on both sides repeats them in step for
/// ever. So the larger key's go nowhere until the other one's has come: that one is answered where
/// it came from, whatever endpoint is set. \return whether our own are silenced.
bool DirectPeer::yield(const Scene& scene, const wg::DevicePeer& shown, PeerMemory& memory,
                       Plan& plan) {
  const SteadyTime now = scene.now.steady;
  Attempt& attempt = *attempt_;
  if (attempt.silent_until) {
    const bool is_over = now >= *attempt.silent_until;
    if (shown.endpoint == nowhere && !is_over) return true;
    attempt.silent_until.reset();
    if (shown.endpoint == nowhere)
      change(plan, shown, memory, make_move(shown, attempt.candidates[attempt.index]),
             "the other side was not heard again");
    return true;
  }
  const bool is_second = scene.device.public_key && key_ < *scene.device.public_key;
  const auto heard = health_.last_heard();
  const bool has_crossed = is_second && heard && health_.last_initiation() &&
                           *heard >= attempt.begun && now - *heard >= crossing_check &&
                           now - *heard < own_retry && attempt.yielded_to != heard &&
                           !has_live_session(now);
  if (!has_crossed) return false;
  attempt.yielded_to = heard;
  attempt.silent_until = now + yield_time;
  change(plan, shown, memory, make_move(shown, nowhere),
         "initiations crossed: ours go nowhere until the smaller key's has come");
  return true;
}

void DirectPeer::try_next_candidate(const Scene& scene, const Settings& settings,
                                    const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  Attempt& attempt = *attempt_;
  const base::Endpoint before = attempt.candidates[attempt.index];
  attempt.index = (attempt.index + 1) % attempt.candidates.size();
  if (attempt.index == 0 && state_ == State::punching) {
    state_ = State::waiting;
    plan.notes.push_back(
        {Note::Level::change,
         fmt::format("{}: no answer from {}; trying on, more slowly", name(),
                     attempt.candidates.size() == 1
                         ? before.to_string()
                         : fmt::format("{} candidates", attempt.candidates.size()))});
    // From here on the candidates are those of the day, not of the first answer.
    auto candidates = find_candidates(scene, memory, plan);
    if (!candidates.empty()) attempt.candidates = std::move(candidates);
  }
  if (state_ == State::waiting) {
    const seconds pause = back_off.at(std::min(attempt.pauses, back_off.size() - 1));
    ++attempt.pauses;
    attempt.next_at = now + jittered(pause, scene.random);
  } else {
    attempt.next_at = now + dwell;
  }
  auto updates = make_move(shown, attempt.candidates[attempt.index]);
  if (has_live_session(now) || !sent_lately(now)) {
    append(updates, make_kick(key_, wanted_keepalive(settings, memory)));
    attempt.kicked_at = now;
    last_toggle_ = now;
  }
  if (!updates.empty())
    change(plan, shown, memory, std::move(updates),
           fmt::format("no answer from {}", before.to_string()));
}

bool DirectPeer::sent_lately(SteadyTime now) const {
  return health_.last_sent() && now - *health_.last_sent() < own_retry;
}

bool DirectPeer::heard_lately(SteadyTime now) const {
  return health_.last_heard() && now - *health_.last_heard() < heard_window;
}

std::vector<wg::PeerUpdate> DirectPeer::leave(const wg::DevicePeer& shown) const {
  if (!attempt_ || shown.endpoint != nowhere) return {};
  return make_move(shown, attempt_->candidates[attempt_->index]);
}

bool DirectPeer::is_nowhere(const std::optional<base::Endpoint>& endpoint) {
  return endpoint == nowhere;
}

}  // namespace updater
