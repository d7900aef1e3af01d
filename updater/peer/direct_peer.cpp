#include "updater/peer/direct_peer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

// The transitions between the states of one peer. step() judges the session: a working session
// keeps the peer direct, a doubtful one makes it suspect, and without one the peer is to be
// reached. attempt.cpp has the course of an attempt, known_endpoints.cpp chooses the endpoints
// that it tries, and session_health.cpp judges a session by its counters; direct_peer_relay.cpp has
// what concerns hubs that pass packets on. One thread: the caller's.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;
using Session = SessionHealth::Session;

/// Between two readings. While a peer is punched or suspect, its next packet decides what comes
/// next.
constexpr auto calm_pause = 1s;
constexpr auto restless_pause = 250ms;
/// After a handshake the keepalive is only touched when the 5 s between WireGuard's initiations are
/// over: within them it may be left unarmed.
constexpr auto handshake_shadow = 6s;
/// How long a suspicion after a single exchange waits for the echo before the hub is kicked.
constexpr auto weak_patience = 900ms;
/// How long an echo may take where the round trip was not measured. Where it was: twice the round
/// trip and the slack.
constexpr auto assumed_echo_time = 1s;
constexpr auto echo_slack = 200ms;
/// How long an endpoint that a suspect peer was given may take to prove itself.
constexpr auto proving_time = 2s;
/// Between echo requests: a suspicion that lasts repeats them, because a single lost packet must
/// not look like a lost session. The first one of a suspicion may follow the last one sooner.
constexpr auto probe_interval = 1500ms;
constexpr auto first_probe_interval = 1s;
/// How long the first attempt waits for what a peer behind the same NAT says of its own network: it
/// may have started at this moment, and the second question is due after 1.1 s ± 20 %.
constexpr auto lan_patience = 1500ms;
/// The same while DNS has not said yet where this host itself is.
constexpr auto own_patience = 300ms;
/// A packet that is heard this much later than a local change came to an address that this host
/// has, and WireGuard answers from there.
constexpr auto local_change_slack = 200ms;
/// A peer with a working session that leaves this many echo requests unanswered never answers them.
constexpr unsigned max_unanswered_echoes = 4;

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

DirectPeer::DirectPeer(const base::Now& now, const wg::DevicePeer& shown,
                       const PeerSettings& settings)
    : key_(shown.public_key),
      health_(now, shown),
      known_(now.steady, settings.endpoint_family),
      last_toggle_(now.steady) {}

void DirectPeer::step(Turn& turn) {
  const SteadyTime now = turn.now();
  health_.observe(turn.scene.now, turn.shown);
  turn.memory.keepalive.observe(turn.shown.persistent_keepalive);
  if (std::exchange(endpoint_, turn.shown.endpoint) != turn.shown.endpoint) roamed_at_ = now;
  if (local_change_ && health_.last_received() &&
      *health_.last_received() - local_change_->at > local_change_slack)
    local_change_.reset();
  notice_hub(turn);
  const auto verdict = judge(turn);
  watch_path(turn, verdict);
  if (!stay_relayed(turn, verdict)) take(turn, verdict);
  if (verdict.session == Session::works || verdict.session == Session::doubtful) doubt(turn);
  if (turn.written) endpoint_ = turn.written;
  choose_way(turn, verdict);
  look_up(turn);
}

/// The state that follows from the session of a peer that is not relayed.
void DirectPeer::take(Turn& turn, const SessionHealth::Verdict& verdict) {
  const SteadyTime now = turn.now();
  switch (verdict.session) {
    case Session::works:
      stay_direct(turn);
      break;
    case Session::doubtful:
      suspect(turn, verdict);
      break;
    case Session::dead:
      if (rewritten_at_ && now - *rewritten_at_ < proving_time && health_.has_live_session(now)) {
        suspect(turn, verdict);
        break;
      }
      if (is_reached() && !relay_ && health_.has_live_session(now) &&
          move_to_relay(turn, verdict.reason))
        break;
      [[fallthrough]];
    case Session::none:
      reach(turn, verdict.reason);
      break;
  }
}

/// What the counters show. In addition, a peer that answered echo requests before, and does not
/// answer the first one after a local change, is doubtful at once.
SessionHealth::Verdict DirectPeer::judge(const Turn& turn) const {
  auto verdict = health_.judge(turn.now(), turn.shown.persistent_keepalive, round_trip_);
  if (verdict.session == Session::works && local_change_ && local_change_->asked && round_trip_ &&
      turn.now() - *local_change_->asked >= echo_patience())
    verdict = {Session::doubtful, "it does not answer any more", false};
  return verdict;
}

void DirectPeer::look_up(Turn& turn) {
  const SteadyTime now = turn.now();
  if (!known_.dns().ask_if_due(now)) return;
  turn.plan.lookups.push_back({key_, known_.dns().wants_text(now)});
  if (turn.settings.lan && !is_reached() &&
      known_.lan().ask_if_due(now, known_.may_be_near(turn.scene)))
    turn.plan.lan_lookups.push_back(key_);
}

void DirectPeer::stay_direct(Turn& turn) {
  const auto& endpoint = turn.shown.endpoint;
  if (state_ != State::direct) {
    const std::string where = endpoint ? endpoint->to_string() : "no endpoint";
    const std::string after = attempt_ ? fmt::format(", {:.1f} s after the first try",
                                                     seconds_between(attempt_->begun(), turn.now()))
                                       : "";
    turn.tell(told_ ? Note::Level::change : Note::Level::detail,
              fmt::format("direct at {}{}", where, after));
    set_path(turn.now(),
             state_ == State::relayed ? "its packets come from there" : "it works" + after);
    state_ = State::direct;
    told_ = false;
    attempt_.reset();
    lan_awaited_.reset();
    unanswered_echoes_ = 0;
    known_.dns().calm_down(turn.now(), turn.scene.random);
  }
  news_.reset();
  if (wants_probe_ || (!round_trip_ && unanswered_echoes_ < max_unanswered_echoes)) probe(turn);
  // The endpoint of a peer that is not managed is the user's, and not ours to remember.
  if (known_.is_managed(turn.memory) && endpoint) turn.memory.last_good = endpoint;
  keep_keepalive(turn);
}

void DirectPeer::suspect(Turn& turn, const SessionHealth::Verdict& verdict) {
  const SteadyTime now = turn.now();
  const std::string& reason = verdict.reason;
  if (state_ != State::suspect) become_suspect(turn, reason);
  const bool can_probe = find_target(turn).has_value();
  const bool is_patient = verdict.is_weak && can_probe && now - suspect_since_ < weak_patience;
  if (!alarmed_ && !is_patient) {
    alarmed_ = true;
    hub_kick_ = fmt::format("{} is suspect: {}", turn.settings.describe(key_), reason);
    known_.dns().hurry(now);
  }
  probe(turn);
  if (can_probe && waits_for_echo(now)) return;
  if (follow_dns(turn, reason)) return;
  if (local_change_ && turn.shown.endpoint) {
    rewrite(turn, {{key_, turn.shown.endpoint, std::nullopt}},
            fmt::format("this host's addresses or routes changed, and {}", reason));
    return;
  }
  keep_keepalive(turn);
}

void DirectPeer::become_suspect(Turn& turn, const std::string& reason) {
  turn.tell(Note::Level::detail, fmt::format("suspect: {}", reason));
  state_ = State::suspect;
  attempt_.reset();
  suspect_since_ = turn.now();
  echo_awaited_.reset();
  alarmed_ = false;
}

/// Sets the published endpoint that is newer than the suspect peer's last packet.
/// \return whether there is one that may be set.
bool DirectPeer::follow_dns(Turn& turn, const std::string& reason) {
  const auto fresh = known_.dns().last_change();
  if (known_.dns().is_hub() || is_found_hub_) return false;
  // If WireGuard roamed after the last answer that lacked this endpoint, roaming may be newer:
  // keep it.
  const bool changed = fresh && health_.last_received() && fresh->at > *health_.last_received() &&
                       (!roamed_at_ || fresh->after > *roamed_at_);
  if (!changed || !known_.may_set(turn, fresh->endpoint) ||
      !turn.scene.limit.admit(turn.now(), key_, fresh->endpoint))
    return false;
  auto updates = make_move(turn.shown, fresh->endpoint);
  if (!updates.empty()) {
    append(updates, make_kick(key_, known_.wanted_keepalive(turn)));
    last_toggle_ = turn.now();
    rewrite(turn, std::move(updates),
            fmt::format("DNS says so since its last packet, and {}", reason));
  }
  known_.dns().forget_change();
  return true;
}

/// Sets an endpoint of a suspect peer. An echo request tries it at once.
void DirectPeer::rewrite(Turn& turn, std::vector<wg::PeerUpdate> updates, std::string reason) {
  rewritten_at_ = turn.now();
  local_change_.reset();
  probed_.reset();
  told_ = true;
  turn.write(std::move(updates), std::move(reason));
  probe(turn);
}

void DirectPeer::reach(Turn& turn, const std::string& reason) {
  if (is_reached()) become_lost(turn, reason);
  wants_probe_ = false;
  if (rests(turn)) return;
  const bool is_asked = known_.dns().is_asked();
  const RelayPlace place = relay_place(turn);
  if (attempt_ && !attempt_->has_relay() && has_relay_) news_ = "a hub passes packets on to it";
  // An endpoint that worked for an earlier run, or that WireGuard found by itself, becomes a
  // candidate behind those of DNS.
  if (is_asked && !turn.memory.last_good && !known_.dns().endpoints().empty() &&
      health_.last_handshake() && !is_nowhere(turn.shown.endpoint) &&
      turn.scene.find_relay_at(turn.shown.endpoint) == nullptr)
    turn.memory.last_good = turn.shown.endpoint;
  if (known_.may_be_near(turn.scene) && known_.lan().take_news())
    news_ = "it answers on this network";
  if (is_asked && (!attempt_ || news_)) {
    auto candidates = known_.find_candidates(turn, place);
    if (!candidates.empty() && (candidates.front().relay || !waits_for_lan(turn))) {
      begin_attempt(turn, std::move(candidates), place, reason);
      return;
    }
  }
  if (attempt_) {
    continue_attempt(turn);
    return;
  }
  const bool is_on = turn.shown.persistent_keepalive > 0s;
  if (is_on && !turn.shown.endpoint && !turn.settings.one_round)
    turn.write({{key_, std::nullopt, 0s}},
               "no endpoint is known yet, and an attempt without one blocks the next 5 s",
               Note::Level::detail);
}

void DirectPeer::become_lost(Turn& turn, const std::string& reason) {
  turn.tell(Note::Level::change, fmt::format("lost: {}", reason));
  state_ = State::waiting;
  relay_.reset();
  doubt_.forget();
  set_path(turn.now(), "");
  told_ = true;
  hub_kick_ = fmt::format("{} is lost", turn.settings.describe(key_));
  known_.dns().hurry(turn.now());
}

/// The first attempt waits for the addresses of the peer's own network. Behind a NAT that sends
/// nothing back inside, a try at the public address fails, and WireGuard then is silent for 5 s.
bool DirectPeer::waits_for_lan(const Turn& turn) {
  if (!turn.settings.lan || attempt_ || !known_.may_be_near(turn.scene) || !known_.lan().may_come())
    return false;
  if (!lan_awaited_) lan_awaited_ = turn.now();
  return turn.now() - *lan_awaited_ < (turn.scene.own ? lan_patience : own_patience);
}

void DirectPeer::begin_attempt(Turn& turn, std::vector<Candidate> candidates, RelayPlace place,
                               const std::string& reason) {
  const SteadyTime now = turn.now();
  const auto news = std::exchange(news_, {});
  const std::string occasion = attempt_ && news ? *news : known_.describe_origin(turn.memory);
  const SteadyTime begun = attempt_ ? attempt_->begun() : now;
  const bool set_again = std::exchange(local_change_, {}).has_value();
  attempt_ = Attempt(std::move(candidates), place, begun, now);
  state_ = State::punching;
  known_.dns().hurry(now);
  attempt_->begin(turn, {health_, known_}, set_again, fmt::format("{}, and {}", occasion, reason));
  note_toggle();
}

void DirectPeer::continue_attempt(Turn& turn) {
  const bool was_hopeless = is_hopeless();
  if (was_hopeless && news_) return;  // another attempt begins as soon as there is a candidate
  if (auto hope = attempt_->advance(turn, {health_, known_})) news_ = std::move(hope);
  state_ = attempt_->is_round_over() ? State::waiting : State::punching;
  note_toggle();
  if (is_hopeless() && !was_hopeless) known_.dns().calm_down(turn.now(), turn.scene.random);
}

/// A kick of the attempt toggles the keepalive, too.
void DirectPeer::note_toggle() {
  if (attempt_->kicked_at()) last_toggle_ = std::max(last_toggle_, *attempt_->kicked_at());
}

/// Sets the wanted keepalive of a live session, and sees to it that it is armed.
void DirectPeer::keep_keepalive(Turn& turn) {
  const SteadyTime now = turn.now();
  const seconds wanted = known_.wanted_keepalive(turn);
  const auto handshake = health_.last_handshake();
  if (!turn.shown.endpoint || (handshake && now - *handshake < handshake_shadow) ||
      now - last_toggle_ < handshake_shadow)
    return;
  if (turn.shown.persistent_keepalive != wanted) {
    last_toggle_ = now;
    turn.write({{key_, std::nullopt, wanted}},
               wanted == turn.memory.keepalive.user()
                   ? "the configured keepalive again, now that it works"
                   : "so that the NATs stay open for it");
    return;
  }
  SteadyTime last_packet = last_toggle_;
  if (health_.last_sent()) last_packet = std::max(last_packet, *health_.last_sent());
  if (health_.last_received()) last_packet = std::max(last_packet, *health_.last_received());
  if (known_.is_managed(turn.memory) && wanted > 0s && now - last_packet >= wanted + 2s) {
    last_toggle_ = now;
    turn.write(make_kick(key_, wanted),
               "its keepalive is on, but was never armed: nothing was sent", Note::Level::detail);
  }
}

/// Sends one echo request to the peer's own address, if it has one that this device can talk to,
/// and if the last one was long enough ago.
void DirectPeer::probe(Turn& turn) {
  const SteadyTime now = turn.now();
  const bool is_first = state_ == State::suspect && !echo_awaited_;
  if (probed_ && now - *probed_ < (is_first ? first_probe_interval : probe_interval)) return;
  wants_probe_ = false;
  const auto& way = turn.written ? turn.written : turn.shown.endpoint;
  if (!find_target(turn) || (way && turn.scene.limit.is_crowded(*way))) return;
  if (is_first) echo_awaited_ = now;
  send_echo(turn);
}

void DirectPeer::learn_round_trip(std::chrono::microseconds round_trip) {
  if (way_ && way_->way() == MeshWay::Way::hub) return;  // it came the hub's way
  if (way_) way_->take_reply();
  round_trip_ = round_trip;
  unanswered_echoes_ = 0;
  upgrade_.take_reply();
  if (local_change_ && local_change_->asked) local_change_.reset();
}

std::chrono::steady_clock::duration DirectPeer::echo_patience() const {
  if (!round_trip_) return assumed_echo_time;
  return 2 * *round_trip_ + echo_slack;
}

/// The reply to the first echo request of this suspicion may still come.
bool DirectPeer::waits_for_echo(SteadyTime now) const {
  return !echo_awaited_ || now - *echo_awaited_ < echo_patience();
}

void DirectPeer::learn(const base::Now& now, const LookupResult& result, std::minstd_rand& random,
                       std::vector<Note>& notes) {
  if (!result.endpoints) {
    const LookupError error = result.endpoints.error();
    if (is_about_peer(error) && known_.dns().error() != error)
      notes.push_back(
          {Note::Level::change, fmt::format("no endpoint in DNS: {}", to_string(error)), key_});
  }
  const bool is_calm = state_ == State::direct || state_ == State::relayed || is_hopeless();
  const auto pace = is_calm ? DnsView::Pace::calm : DnsView::Pace::urgent;
  if (known_.learn(now, result, pace, random)) news_ = "DNS says another endpoint";
}

void DirectPeer::learn_lan(const LanResult& result, std::vector<Note>& notes) {
  if (known_.lan().learn(result))
    notes.push_back(
        {Note::Level::trouble,
         fmt::format("its LAN announcement is refused: it must have 1 to {} addresses that may "
                     "be announced",
                     schema::max_lan_endpoints),
         key_});
}

void DirectPeer::hurry(SteadyTime now, std::string what) {
  if (is_reached()) {
    // The reply shows whether the tunnel still works, and the peer learns our new address.
    wants_probe_ = true;
    if (relay_) upgrade_.hurry(now);
    return;
  }
  known_.dns().hurry(now);
  news_ = std::move(what);
}

void DirectPeer::change_local(SteadyTime now, std::string what,
                              const std::set<base::IpAddress>& source_changed) {
  hurry(now, std::move(what));
  if (endpoint_ && source_changed.count(endpoint_->address) != 0)
    local_change_ = LocalChange{now, std::nullopt};
}

std::chrono::milliseconds DirectPeer::pause(SteadyTime now) const {
  const bool is_restless = state_ == State::punching || state_ == State::suspect;
  std::chrono::milliseconds pause = is_restless ? restless_pause : calm_pause;
  if (has_relay_ && is_reached()) pause = std::min(pause, doubt_.pause(now, health_));
  if (relay_ && upgrade_.pause()) pause = std::min(pause, *upgrade_.pause());
  return way_ && !is_hopeless() ? std::min(pause, way_->pause(now, health_)) : pause;
}

std::optional<SteadyTime> DirectPeer::next_step() const {
  std::optional<SteadyTime> next = known_.dns().next();
  const auto come_by = [&](SteadyTime due) { next = std::min(next.value_or(due), due); };
  if (attempt_ && attempt_->kick_at()) come_by(*attempt_->kick_at());
  if (relay_ && relay_->next_step()) come_by(*relay_->next_step());
  if (relay_ && upgrade_.next_step()) come_by(*upgrade_.next_step());
  if (lan_awaited_ && !attempt_ && state_ == State::waiting) come_by(*lan_awaited_ + lan_patience);
  if (state_ == State::direct && local_change_ && local_change_->asked)
    come_by(*local_change_->asked + echo_patience());
  return next;
}

std::optional<std::string> DirectPeer::take_hub_kick() {
  return std::exchange(hub_kick_, {});
}

PeerReport DirectPeer::describe(const base::Now& now, const wg::DevicePeer& shown) const {
  PeerReport report;
  report.key = key_;
  report.state = to_string(state_);
  report.endpoint = shown.endpoint;
  const auto& known = known_.dns().endpoints();
  const bool is_published =
      shown.endpoint && std::find(known.begin(), known.end(), *shown.endpoint) != known.end();
  const bool is_lan = shown.endpoint && known_.lan().has_told(*shown.endpoint);
  report.endpoint_from = !shown.endpoint ? "-"
                         : is_published  ? "dns"
                         : is_lan        ? "lan"
                                         : "wireguard";
  if (health_.last_handshake())
    report.handshake_age =
        std::chrono::duration_cast<seconds>(now.steady - *health_.last_handshake());
  report.rx_bytes = shown.rx_bytes;
  report.tx_bytes = shown.tx_bytes;
  report.round_trip = round_trip_;
  report.published = known;
  report.lookup_error = known_.dns().error();
  report.is_looked_up = known_.dns().is_asked();
  report.nat = known_.dns().mapping();
  report.is_called_hub = known_.dns().is_hub();
  report.is_found_hub = is_found_hub_;
  report.is_hub = is_found_hub_;
  if (is_found_hub_) report.state = "hub";
  describe_path(now, report);
  if (is_hopeless()) report.hopeless = *attempt_->hopeless();
  report.is_heard = attempt_ && health_.last_heard() && *health_.last_heard() >= attempt_->begun();
  return report;
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
    case DirectPeer::State::relayed:
      return "relayed";
  }
  return "";
}

}  // namespace updater
