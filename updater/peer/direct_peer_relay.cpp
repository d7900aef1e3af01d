#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "updater/peer/direct_peer.hpp"
#include "updater/peer/nat_pair.hpp"

// What a direct peer has to do with hubs that pass packets on: when a session counts as relayed,
// when it is moved there, and when it leaves. relay_way.cpp has the course of a relayed session,
// upgrade.cpp takes it to the direct way, relay_doubt.cpp notices that a peer fell silent,
// attempt.cpp makes the first contact. One thread: the caller's.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using Session = SessionHealth::Session;

/// A peer that left this many echo requests unanswered does not answer them any more, so its
/// silence says nothing.
constexpr unsigned max_unanswered_requests = 6;
/// From one question about the networks of a relayed peer to the next.
constexpr std::array<std::chrono::seconds, 6> near_pauses = {1s, 2s, 5s, 10s, 30s, 60s};
/// An older echo request is answered, or lost.
constexpr auto request_memory = 1s;
/// Direct places that a round of pulses tries at most.
constexpr std::size_t max_places = 4;
/// The round trip through a hub where neither it nor that to the hub was measured.
constexpr auto assumed_round_trip = 200ms;

}  // namespace

/// WireGuard itself takes a session to a hub when packets come from there. So where nothing was
/// known the endpoint decides, and afterwards the state. It leaves by an Upgrade alone.
void DirectPeer::watch_path(Turn& turn, const SessionHealth::Verdict& verdict) {
  has_relay_ = turn.settings.relay_of(key_) != RelayUse::never &&
               (relay_ || !known_.find_relays(turn).empty());
  if (!relay_) resume_upgrade(turn);
  if (relay_ && relay_->is_at(turn.shown.endpoint)) return;
  const RelayHub* hub = turn.scene.find_relay_at(turn.shown.endpoint);
  if (hub == nullptr || verdict.session == Session::none || verdict.session == Session::dead)
    return;
  const std::string why = relay_     ? "its packets come through another hub"
                          : attempt_ ? "the first answer came that way"
                                     : "its packets come from there";
  become_relayed(turn, *hub, why);
}

/// An earlier run ended while it tried a direct place: that one has to prove itself, or to go.
void DirectPeer::resume_upgrade(Turn& turn) {
  if (!turn.memory.back_to) return;
  const RelayHub* hub = turn.scene.find_relay(*turn.memory.back_to);
  if (hub != nullptr && hub->endpoint == turn.shown.endpoint) turn.memory.back_to.reset();
  if (hub == nullptr || hub->endpoint == turn.shown.endpoint ||
      !health_.has_live_session(turn.now()))
    return;
  become_relayed(turn, *hub, "an earlier run tried a direct way, and did not see its end");
  upgrade_.resume(turn.now());
}

void DirectPeer::become_relayed(Turn& turn, const RelayHub& hub, const std::string& reason) {
  const SteadyTime now = turn.now();
  std::string why = reason;
  if (attempt_) {
    if (attempt_->obstacle()) why = "no direct way: " + *attempt_->obstacle();
    why += fmt::format(", {:.1f} s after the first try",
                       std::chrono::duration<double>(now - attempt_->begun()).count());
  }
  turn.tell(Note::Level::change,
            fmt::format("relayed by {} at {}: {}", turn.settings.describe(hub.key),
                        hub.endpoint.to_string(), why));
  relay_ = RelayWay(hub.key, hub.endpoint, now);
  set_path(now, std::move(why));
  state_ = State::relayed;
  told_ = true;
  alarmed_ = false;
  attempt_.reset();
  lan_awaited_.reset();
  doubt_.forget();
  unanswered_echoes_ = 0;
  wants_probe_ = true;
  near_due_ = now;
  near_questions_ = 0;
  upgrade_.begin(now);
  known_.dns().calm_down(now, turn.scene.random);
}

/// \return whether the peer is relayed; otherwise its state follows from its session.
bool DirectPeer::stay_relayed(Turn& turn, const SessionHealth::Verdict& verdict) {
  if (!relay_) return false;
  const bool is_lost = verdict.session == Session::dead || verdict.session == Session::none;
  if (turn.settings.relay_of(key_) == RelayUse::never) {
    if (!is_lost && relay_->is_at(turn.shown.endpoint)) return true;
    relay_.reset();
    return false;
  }
  if (upgrade(turn, is_lost)) return relay_.has_value();
  switch (relay_->step(turn, {health_, kick_keepalive(turn)})) {
    case RelayWay::Course::asking:
      return true;
    case RelayWay::Course::failed:
      if (is_lost) return false;
      suspect(turn, {Session::doubtful, "it does not answer through the hub either", false});
      if (turn.written && !relay_->is_at(turn.written)) relay_.reset();
      return true;
    case RelayWay::Course::proven:
      break;
  }
  if (is_lost && health_.has_live_session(turn.now()) && relay_->may_move(turn.now())) {
    relay_->move(turn, {health_, kick_keepalive(turn)}, verdict.reason);
    return true;
  }
  if (is_lost) return false;
  if (turn.written) return true;
  if (verdict.session == Session::doubtful) {
    doubt_relayed(turn, verdict);
  } else {
    keep_relayed(turn);
  }
  return true;
}

/// Takes the session to the direct way, step by step.
/// \return whether nothing else may be done now; then relay_ is gone where the session is direct.
bool DirectPeer::upgrade(Turn& turn, bool is_lost) {
  const SteadyTime now = turn.now();
  if (is_lost && !health_.has_live_session(now)) {
    upgrade_.abandon();
    turn.memory.back_to.reset();
    return false;
  }
  const auto [course, wants_echo] = upgrade_.step(turn, upgrade_sight(turn));
  if (course == Upgrade::Course::direct) {
    upgrade_.abandon();
    relay_.reset();
    doubt_.forget();
    turn.memory.back_to.reset();
    wants_probe_ = true;
    return true;
  }
  if (upgrade_.is_busy()) {
    state_ = State::relayed;
    turn.memory.back_to = relay_->hub();
    if (auto watch = upgrade_.watch(key_, relay_->endpoint()))
      turn.plan.watches.push_back(*std::move(watch));
  } else if (relay_->is_at(turn.written ? turn.written : turn.shown.endpoint)) {
    turn.memory.back_to.reset();
  }
  if (wants_echo && find_target(turn)) send_echo(turn);
  return upgrade_.is_busy() || wants_echo || turn.written;
}

Upgrade::Sight DirectPeer::upgrade_sight(const Turn& turn) const {
  const RelayHub* known = turn.scene.find_relay(relay_->hub());
  const RelayHub hub = known != nullptr ? *known : RelayHub{relay_->hub(), relay_->endpoint()};
  const auto assumed = hub.round_trip ? 2 * *hub.round_trip : assumed_round_trip;
  const auto& own = turn.scene.device.public_key;
  return {health_,
          kick_keepalive(turn),
          hub,
          relay_->endpoint(),
          round_trip_.value_or(assumed),
          own && *own < turn.key()};
}

void DirectPeer::keep_relayed(Turn& turn) {
  state_ = State::relayed;
  told_ = true;
  alarmed_ = false;
  look_for_direct(turn);
  if (turn.written || upgrade_.is_busy()) return;
  if (wants_probe_ || (!round_trip_ && unanswered_echoes_ < max_unanswered_requests)) probe(turn);
  keep_keepalive(turn);
}

/// A relayed peer that may have stopped. Either side's place may have changed, and the hub learns
/// of ours by a kick.
void DirectPeer::doubt_relayed(Turn& turn, const SessionHealth::Verdict& verdict) {
  state_ = State::relayed;
  if (std::exchange(local_change_, {}) && relay_->may_move(turn.now())) {
    relay_->move(turn, {health_, kick_keepalive(turn)},
                 "this host's addresses or routes changed, and " + verdict.reason);
    return;
  }
  if (!std::exchange(alarmed_, true))
    hub_kick_ = fmt::format("{} is suspect: {}", turn.settings.describe(key_), verdict.reason);
  probe(turn);
  keep_keepalive(turn);
}

/// Begins a round of pulses, if one is due and may bring anything.
void DirectPeer::look_for_direct(Turn& turn) {
  const SteadyTime now = turn.now();
  const bool may_be_near = known_.may_be_near(turn.scene);
  if (turn.settings.lan && may_be_near && now >= near_due_) {
    if (known_.lan().ask_if_due(now, true)) turn.plan.lan_lookups.push_back(key_);
    near_due_ = now + near_pauses.at(std::min(near_questions_++, near_pauses.size() - 1));
  }
  const bool is_new = known_.lan().take_news();
  if (std::exchange(news_, {}) || is_new) upgrade_.hurry(now);
  if (!upgrade_.is_due(now) || turn.settings.one_round || !health_.has_live_session(now)) return;
  // The reply to another echo request must not look like that to the pulse's.
  const bool is_quiet = !probed_ || unanswered_echoes_ == 0 || now - *probed_ >= request_memory;
  if (doubt_.is_asking() || !is_quiet) return;
  std::vector<base::Endpoint> places;
  if (relay_place(turn) != RelayPlace::only) {
    for (const Candidate& candidate : known_.find_candidates(turn, RelayPlace::none)) {
      if (places.size() < max_places) places.push_back(candidate.endpoint);
    }
  }
  upgrade_.begin_round(now, std::move(places));
  (void)upgrade(turn, false);
}

/// Moves a session that stopped, but is not too old to go on, to the first hub that answers.
/// \return whether there is one.
bool DirectPeer::move_to_relay(Turn& turn, const std::string& reason) {
  const auto relays = known_.find_relays(turn);
  if (relays.empty() || turn.written || turn.settings.one_round) return false;
  const SteadyTime now = turn.now();
  const Candidate& first = relays.front();
  relay_ = RelayWay(*first.relay, first.endpoint, now);
  relay_->move(turn, {health_, kick_keepalive(turn)}, reason);
  (void)turn.scene.limit.admit(now, key_, first.endpoint);
  set_path(now, reason);
  state_ = State::relayed;
  told_ = true;
  alarmed_ = false;
  attempt_.reset();
  local_change_.reset();
  near_due_ = now;
  near_questions_ = 0;
  upgrade_.begin(now);
  known_.dns().hurry(now);
  if (find_target(turn)) send_echo(turn);
  return true;
}

/// Asks a peer that fell silent, and moves it to a hub if it stays so.
void DirectPeer::doubt(Turn& turn) {
  const bool is_over = relay_ && (upgrade_.is_busy() || state_ != State::relayed);
  if (!has_relay_ || !round_trip_ || is_over || !is_reached()) {
    doubt_.forget();
    return;
  }
  const bool answers = unanswered_echoes_ < max_unanswered_requests;
  const bool can_ask = answers && !turn.written && find_target(turn).has_value();
  switch (doubt_.step({turn.now(), health_, *round_trip_, can_ask})) {
    case RelayDoubt::Verdict::none:
      break;
    case RelayDoubt::Verdict::ask:
      send_echo(turn);
      break;
    case RelayDoubt::Verdict::gone: {
      if (turn.written) break;
      const std::string reason =
          fmt::format("silent for {:.1f} s, echo requests included",
                      std::chrono::duration<double>(turn.now() - doubt_.silent_since()).count());
      if (!relay_) {
        (void)move_to_relay(turn, reason);
      } else if (relay_->may_move(turn.now())) {
        relay_->move(turn, {health_, kick_keepalive(turn)}, reason);
        if (find_target(turn)) send_echo(turn);
      }
      break;
    }
  }
}

RelayPlace DirectPeer::relay_place(const Turn& turn) const {
  if (!has_relay_) return RelayPlace::none;
  const auto own = turn.scene.own_mapping;
  const auto peer = known_.dns().mapping();
  const auto& published = known_.dns().endpoints();
  const bool has_ipv6 =
      std::any_of(published.begin(), published.end(),
                  [](const base::Endpoint& endpoint) { return !endpoint.address.is_ipv4(); });
  const bool are_symmetric = own && peer && is_symmetric(*own) && is_symmetric(*peer) && !has_ipv6;
  if (are_symmetric && !known_.may_be_near(turn.scene)) return RelayPlace::only;
  return turn.settings.relay_of(key_) == RelayUse::first || are_symmetric ? RelayPlace::first
                                                                          : RelayPlace::after;
}

/// A kick needs a keepalive, also where the user wants none.
std::chrono::seconds DirectPeer::kick_keepalive(const Turn& turn) const {
  const auto wanted = known_.wanted_keepalive(turn);
  return wanted > 0s ? wanted : turn.settings.direct_keepalive_of(key_);
}

void DirectPeer::set_path(SteadyTime now, std::string reason) {
  path_since_ = now;
  path_reason_ = std::move(reason);
}

std::string_view DirectPeer::path(const wg::DevicePeer& shown, bool is_routed) const {
  if (is_routed) return "hub";
  if (relay_) return "relay";
  if (!is_reached()) return "none";
  const auto& endpoint = shown.endpoint;
  const bool is_near = endpoint && (endpoint->address.scope() == base::AddressScope::private_use ||
                                    known_.lan().has_told(*endpoint));
  return is_near ? "lan" : "direct";
}

void DirectPeer::describe_path(const base::Now& now, PeerReport& report) const {
  if (relay_) {
    report.relay = relay_->hub();
    report.endpoint_from = "relay";
  }
  if (!is_reached()) return;
  report.path_age = std::chrono::duration_cast<std::chrono::seconds>(now.steady - path_since_);
  report.path_reason = path_reason_;
  const std::string tried = relay_ ? upgrade_.describe(now.steady) : "";
  if (!tried.empty()) report.path_reason += (path_reason_.empty() ? "" : "; ") + tried;
}

}  // namespace updater
