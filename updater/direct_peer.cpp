#include "updater/direct_peer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "updater/candidates.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Session = Traffic::Session;

// WireGuard's own timing, seen from outside.

/// How long WireGuard's own repetition of an initiation may let us wait: 5 s and up to 333 ms of
/// jitter. Within it a kick sends nothing, and may leave the keepalive unarmed.
constexpr auto own_retry = 5400ms;
/// After a handshake the keepalive is only touched when that window is over.
constexpr auto handshake_shadow = 6s;

// Ours.

/// The larger key kicks this much later, so that two initiations do not cross (design §4.8).
constexpr auto second_role_delay = 500ms;
/// A candidate's turn: one of WireGuard's own repetitions falls into it.
constexpr auto dwell = 5600ms;
/// Something came from the peer so lately that a handshake may be under way.
constexpr auto heard_window = 1s;
/// A kick that works has sent by then. One that did not fell into the 5 s after an attempt that
/// left no trace, and is repeated until they are over.
constexpr auto kick_check = 1250ms;
constexpr unsigned max_kicks_without_sending = 4;
/// Pauses between tries when no candidate answered.
constexpr std::array<seconds, 5> back_off = {5s, 10s, 20s, 40s, 60s};

/// Of echo requests: suspicions that follow each other closely have one.
constexpr auto probe_interval = 2s;

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

std::vector<wg::PeerUpdate> set_endpoint(const wg::DevicePeer& shown,
                                         const base::Endpoint& endpoint) {
  if (shown.endpoint == endpoint) return {};
  return {{shown.public_key, endpoint, std::nullopt}};
}

void append(std::vector<wg::PeerUpdate>& updates, const std::vector<wg::PeerUpdate>& more) {
  updates.insert(updates.end(), more.begin(), more.end());
}

}  // namespace

DirectPeer::DirectPeer(const base::Now& now, const wg::DevicePeer& shown)
    : key_(shown.public_key), traffic_(now, shown), last_toggle_(now.steady), dns_(now.steady) {}

void DirectPeer::step(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                      PeerMemory& memory, Plan& plan) {
  traffic_.observe(scene.now, shown);
  memory.keepalive.observe(shown.persistent_keepalive);
  const auto verdict = traffic_.judge(scene.now.steady, shown.persistent_keepalive, round_trip_);
  switch (verdict.session) {
    case Session::works:
      stay_direct(scene, settings, shown, memory, plan);
      break;
    case Session::doubtful:
      suspect(scene, settings, shown, verdict.reason, memory, plan);
      break;
    case Session::none:
    case Session::dead:
      reach(scene, settings, shown, verdict.reason, memory, plan);
      break;
  }
  if (dns_.ask_if_due(scene.now.steady)) plan.lookups.push_back({key_, !role_known_});
}

void DirectPeer::stay_direct(const Scene& scene, const Settings& settings,
                             const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan) {
  if (state_ != State::direct) {
    const std::string where = shown.endpoint ? shown.endpoint->to_string() : "no endpoint";
    const std::string after = attempt_
                                  ? fmt::format(", {:.1f} s after the first try",
                                                seconds_between(attempt_->begun, scene.now.steady))
                                  : "";
    plan.notes.push_back({told_ ? Note::Level::change : Note::Level::detail,
                          fmt::format("{}: direct at {}{}", name(), where, after)});
    state_ = State::direct;
    told_ = false;
    attempt_.reset();
    wants_probe_ = wants_probe_ || !round_trip_;
    dns_.calm_down(scene.now.steady, scene.random);
  }
  news_.reset();
  if (wants_probe_) probe(scene, shown, plan);
  // What DNS never knew is not ours to remember.
  if (is_managed(memory) && shown.endpoint) memory.last_good = shown.endpoint;
  keep_keepalive(scene, settings, shown, memory, plan);
}

void DirectPeer::suspect(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                         const std::string& reason, PeerMemory& memory, Plan& plan) {
  if (state_ != State::suspect) {
    plan.notes.push_back({Note::Level::detail, fmt::format("{}: suspect: {}", name(), reason)});
    state_ = State::suspect;
    attempt_.reset();
    hub_kick_ = fmt::format("{} is suspect: {}", name(), reason);
    dns_.hurry(scene.now.steady);
    wants_probe_ = true;
  }
  if (wants_probe_) probe(scene, shown, plan);
  const auto fresh = dns_.last_change();
  const bool changed = fresh && traffic_.last_received() && fresh->at > *traffic_.last_received();
  if (changed && may_set(scene, fresh->endpoint, plan)) {
    auto updates = set_endpoint(shown, fresh->endpoint);
    if (!updates.empty()) {
      append(updates, make_kick(key_, wanted_keepalive(settings, memory)));
      last_toggle_ = scene.now.steady;
      told_ = true;
      change(plan, shown, memory, std::move(updates),
             fmt::format("published anew after its last packet, and {}", reason));
    }
    dns_.forget_change();
    return;
  }
  keep_keepalive(scene, settings, shown, memory, plan);
}

void DirectPeer::reach(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                       const std::string& reason, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  if (state_ == State::direct || state_ == State::suspect) {
    plan.notes.push_back({Note::Level::change, fmt::format("{}: lost: {}", name(), reason)});
    state_ = State::waiting;
    told_ = true;
    hub_kick_ = fmt::format("{} is lost", name());
    dns_.hurry(now);
  }
  wants_probe_ = false;
  // What an earlier run found good, or WireGuard itself, is a candidate behind what DNS says.
  if (dns_.is_asked() && !memory.last_good && !dns_.endpoints().empty() &&
      traffic_.last_handshake())
    memory.last_good = shown.endpoint;
  if (dns_.is_asked() && (!attempt_ || news_)) {
    auto candidates = find_candidates(scene, memory, plan);
    if (!candidates.empty()) {
      begin_attempt(scene, settings, shown, std::move(candidates), reason, memory, plan);
      return;
    }
  }
  if (attempt_) {
    continue_attempt(scene, settings, shown, memory, plan);
    return;
  }
  const bool is_on = shown.persistent_keepalive > 0s;
  if (is_on && !shown.endpoint && !settings.one_round) {
    change(plan, shown, memory, {{key_, std::nullopt, 0s}},
           "no endpoint is known yet, and an attempt without one blocks the next 5 s");
  }
}

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
  attempt_->next_at = now + dwell;
  state_ = State::punching;
  dns_.hurry(now);

  auto updates = set_endpoint(shown, attempt_->candidates.front());
  std::string role;
  if (sent_lately(now)) {
    attempt_->kick_at = *traffic_.last_sent() + own_retry;
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
      attempt.kicked_at && traffic_.last_sent() && *traffic_.last_sent() >= *attempt.kicked_at;
  if (attempt.kicked_at && !has_sent && now - *attempt.kicked_at >= kick_check &&
      attempt.kicks_without_sending < max_kicks_without_sending) {
    ++attempt.kicks_without_sending;
    attempt.kicked_at = now;
    last_toggle_ = now;
    change(plan, shown, memory, make_kick(key_, wanted_keepalive(settings, memory)),
           "the last kick sent nothing: WireGuard was inside the 5 s after an attempt");
    return;
  }
  if (now < attempt.next_at) return;
  if (heard_lately(now)) {
    attempt.next_at = now + heard_window;
    return;
  }
  try_next_candidate(scene, settings, shown, memory, plan);
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
  auto updates = set_endpoint(shown, attempt.candidates[attempt.index]);
  if (!sent_lately(now)) {
    append(updates, make_kick(key_, wanted_keepalive(settings, memory)));
    attempt.kicked_at = now;
    last_toggle_ = now;
  }
  if (!updates.empty())
    change(plan, shown, memory, std::move(updates),
           fmt::format("no answer from {}", before.to_string()));
}

/// Keepalives of a session that stands: the wanted one, and armed.
void DirectPeer::keep_keepalive(const Scene& scene, const Settings& settings,
                                const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  const seconds wanted = wanted_keepalive(settings, memory);
  const auto handshake = traffic_.last_handshake();
  if (!shown.endpoint || (handshake && now - *handshake < handshake_shadow) ||
      now - last_toggle_ < handshake_shadow)
    return;
  if (shown.persistent_keepalive != wanted) {
    last_toggle_ = now;
    change(plan, shown, memory, {{key_, std::nullopt, wanted}},
           wanted == memory.keepalive.user() ? "the user's keepalive, now that it works"
                                             : "to keep the NAT mappings of a direct tunnel open");
    return;
  }
  SteadyTime last_packet = last_toggle_;
  if (traffic_.last_sent()) last_packet = std::max(last_packet, *traffic_.last_sent());
  if (traffic_.last_received()) last_packet = std::max(last_packet, *traffic_.last_received());
  if (is_managed(memory) && wanted > 0s && now - last_packet >= wanted + 2s) {
    last_toggle_ = now;
    change(plan, shown, memory, make_kick(key_, wanted),
           "its keepalive is on, but was never armed: nothing was sent");
  }
}

/// One echo request to the peer's own address, where it has one that this device can talk to.
void DirectPeer::probe(const Scene& scene, const wg::DevicePeer& shown, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  if (probed_ && now - *probed_ < probe_interval) return;
  wants_probe_ = false;
  const auto target = find_tunnel_address(shown, scene.device, scene.host);
  if (!target) return;
  probed_ = now;
  traffic_.expect_echo(now);
  plan.probes.push_back({key_, *target});
}

void DirectPeer::learn(const base::Now& now, const LookupResult& result, std::minstd_rand& random,
                       std::vector<Note>& notes) {
  if (result.is_hub) role_known_ = true;
  if (!result.endpoints) {
    const LookupError error = result.endpoints.error();
    if (is_about_peer(error) && dns_.error() != error)
      notes.push_back({Note::Level::change,
                       fmt::format("{}: no endpoint in DNS: {}", name(), to_string(error))});
  }
  const auto pace = state_ == State::direct ? Published::Pace::calm : Published::Pace::urgent;
  if (dns_.learn(now, result, pace, random)) news_ = "the published endpoint changed";
}

void DirectPeer::hurry(SteadyTime now, std::string what) {
  if (state_ == State::direct || state_ == State::suspect) {
    // Whether it still works shows at once, and a far side that works learns our new address.
    wants_probe_ = true;
    return;
  }
  dns_.hurry(now);
  news_ = std::move(what);
}

std::vector<base::Endpoint> DirectPeer::find_candidates(const Scene& scene,
                                                        const PeerMemory& memory, Plan& plan) {
  std::vector<base::Endpoint> all = dns_.endpoints();
  const auto error = dns_.error();
  const bool is_known = error != LookupError::no_such_name && error != LookupError::foreign;
  if (is_known && memory.last_good &&
      std::find(all.begin(), all.end(), *memory.last_good) == all.end())
    all.push_back(*memory.last_good);
  std::vector<base::Endpoint> candidates;
  for (const base::Endpoint& endpoint : all) {
    if (may_set(scene, endpoint, plan)) candidates.push_back(endpoint);
  }
  return candidates;
}

/// Says once for each endpoint why it is refused.
bool DirectPeer::may_set(const Scene& scene, const base::Endpoint& endpoint, Plan& plan) {
  const auto reason = refuse_endpoint(endpoint, scene.device, scene.host);
  if (!reason) return true;
  std::pair<base::Endpoint, std::string> item(endpoint, *reason);
  if (std::find(refused_.begin(), refused_.end(), item) == refused_.end()) {
    plan.notes.push_back({Note::Level::trouble, fmt::format("{}: {} is refused: {}", name(),
                                                            endpoint.to_string(), *reason)});
    if (refused_.size() >= max_published) refused_.erase(refused_.begin());
    refused_.push_back(std::move(item));
  }
  return false;
}

seconds DirectPeer::wanted_keepalive(const Settings& settings, const PeerMemory& memory) const {
  const seconds user = memory.keepalive.user();
  return user == 0s && is_managed(memory) ? settings.direct_keepalive : user;
}

bool DirectPeer::sent_lately(SteadyTime now) const {
  return traffic_.last_sent() && now - *traffic_.last_sent() < own_retry;
}

bool DirectPeer::heard_lately(SteadyTime now) const {
  return traffic_.last_heard() && now - *traffic_.last_heard() < heard_window;
}

std::optional<SteadyTime> DirectPeer::next_step() const {
  std::optional<SteadyTime> next = dns_.next();
  if (attempt_ && attempt_->kick_at && (!next || *attempt_->kick_at < *next))
    next = attempt_->kick_at;
  return next;
}

std::optional<std::string> DirectPeer::take_hub_kick() {
  return std::exchange(hub_kick_, {});
}

void DirectPeer::change(Plan& plan, const wg::DevicePeer& shown, PeerMemory& memory,
                        std::vector<wg::PeerUpdate> updates, std::string reason) {
  for (auto update = updates.rbegin(); update != updates.rend(); ++update) {
    if (!update->persistent_keepalive) continue;
    memory.keepalive.prepare(shown.persistent_keepalive, *update->persistent_keepalive);
    break;
  }
  plan.changes.push_back({key_, std::move(updates), std::move(reason), Note::Level::change});
}

std::string_view to_string(DirectPeer::State state) {
  switch (state) {
    case DirectPeer::State::waiting:
      return "waiting";
    case DirectPeer::State::punching:
      return "punching";
    case DirectPeer::State::direct:
      return "direct";
    case DirectPeer::State::suspect:
      return "suspect";
  }
  return "";
}

}  // namespace updater
