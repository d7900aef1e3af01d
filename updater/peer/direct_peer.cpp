#include "updater/peer/direct_peer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "updater/peer/candidates.hpp"
#include "updater/tunnel/tunnel_address.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;
using Session = SessionHealth::Session;

/// After a handshake the keepalive is only touched when the 5 s between WireGuard's initiations are
/// over: within them it may be left unarmed.
constexpr auto handshake_shadow = 6s;
/// A suspicion after a single exchange: so long for the echo before the hub is bothered.
constexpr auto weak_patience = 900ms;
/// Where the round trip was not measured, an echo has this long; else twice the round trip and
/// this.
constexpr auto assumed_echo_time = 1s;
constexpr auto echo_slack = 200ms;
/// A session's life. Source: REJECT_AFTER_TIME of the WireGuard protocol.
constexpr auto session_life = 180s;

/// So long an endpoint that a suspect peer was given has to prove itself.
constexpr auto proving_time = 2s;
/// Of echo requests: suspicions that follow each other closely have one, and one that lasts repeats
/// it, because a single lost packet must not pass for a lost session.
constexpr auto probe_interval = 1500ms;
constexpr auto first_probe_interval = 1s;
/// So long the first try waits for what a peer behind the same NAT says of its own network: it may
/// have started at this moment, and the second question is due after 1.1 s ± 20 %.
constexpr auto lan_patience = 1500ms;
/// And so long before DNS has said where this host itself is.
constexpr auto own_patience = 300ms;
/// What is heard so much later than a local change came to an address that this host has, and
/// WireGuard answers from there.
constexpr auto local_change_slack = 200ms;
/// Endpoints whose refusal is remembered: what DNS says, and what the peer says.
constexpr std::size_t max_refused = max_published + schema::max_lan_endpoints;
/// Then a peer that works does not answer them at all.
constexpr unsigned max_unanswered_echoes = 4;

double seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

DirectPeer::DirectPeer(const base::Now& now, const wg::DevicePeer& shown, PeerSettings settings)
    : key_(shown.public_key),
      own_settings_(std::move(settings)),
      health_(now, shown),
      last_toggle_(now.steady),
      dns_(now.steady) {}

void DirectPeer::step(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                      PeerMemory& memory, Plan& plan) {
  health_.observe(scene.now, shown);
  memory.keepalive.observe(shown.persistent_keepalive);
  if (std::exchange(endpoint_, shown.endpoint) != shown.endpoint) roamed_at_ = scene.now.steady;
  if (local_change_ && health_.last_received() &&
      *health_.last_received() - local_change_->at > local_change_slack)
    local_change_.reset();
  const auto verdict = judge(scene.now.steady, shown);
  switch (verdict.session) {
    case Session::works:
      stay_direct(scene, settings, shown, memory, plan);
      break;
    case Session::doubtful:
      suspect(scene, settings, shown, verdict, memory, plan);
      break;
    case Session::dead:
      if (rewritten_at_ && scene.now.steady - *rewritten_at_ < proving_time &&
          has_live_session(scene.now.steady)) {
        suspect(scene, settings, shown, verdict, memory, plan);
        break;
      }
      [[fallthrough]];
    case Session::none:
      reach(scene, settings, shown, verdict.reason, memory, plan);
      break;
  }
  if (!dns_.ask_if_due(scene.now.steady)) return;
  plan.lookups.push_back({key_, dns_.wants_text(scene.now.steady)});
  const bool is_reached = state_ == State::direct || state_ == State::suspect;
  if (settings.lan && !is_reached && lan_.ask_if_due(scene.now.steady, may_be_near(scene)))
    plan.lan_lookups.push_back(key_);
}

/// What traffic shows; and a peer that used to answer echo requests, and does not answer the first
/// one after a local change, is doubtful at once.
SessionHealth::Verdict DirectPeer::judge(SteadyTime now, const wg::DevicePeer& shown) const {
  auto verdict = health_.judge(now, shown.persistent_keepalive, round_trip_);
  if (verdict.session == Session::works && local_change_ && local_change_->asked && round_trip_ &&
      now - *local_change_->asked >= echo_patience())
    verdict = {Session::doubtful, "it does not answer any more", false};
  return verdict;
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
    lan_awaited_.reset();
    unanswered_echoes_ = 0;
    dns_.calm_down(scene.now.steady, scene.random);
  }
  news_.reset();
  if (wants_probe_ || (!round_trip_ && unanswered_echoes_ < max_unanswered_echoes))
    probe(scene, shown, plan);
  // What DNS never knew is not ours to remember.
  if (is_managed(memory) && shown.endpoint) memory.last_good = shown.endpoint;
  keep_keepalive(scene, settings, shown, memory, plan);
}

void DirectPeer::suspect(const Scene& scene, const Settings& settings, const wg::DevicePeer& shown,
                         const SessionHealth::Verdict& verdict, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  const std::string& reason = verdict.reason;
  if (state_ != State::suspect) {
    plan.notes.push_back({Note::Level::detail, fmt::format("{}: suspect: {}", name(), reason)});
    state_ = State::suspect;
    attempt_.reset();
    suspect_since_ = now;
    echo_awaited_.reset();
    alarmed_ = false;
  }
  const bool can_probe = find_tunnel_address(shown, scene.device, scene.host).has_value();
  const bool is_patient = verdict.is_weak && can_probe && now - suspect_since_ < weak_patience;
  if (!alarmed_ && !is_patient) {
    alarmed_ = true;
    hub_kick_ = fmt::format("{} is suspect: {}", name(), reason);
    dns_.hurry(now);
  }
  probe(scene, shown, plan);
  if (can_probe && waits_for_echo(now)) return;
  const auto fresh = dns_.last_change();
  // What WireGuard learned by itself after the last answer without it is newer, for all we know.
  const bool changed = fresh && health_.last_received() && fresh->at > *health_.last_received() &&
                       (!roamed_at_ || fresh->after > *roamed_at_);
  if (changed && may_set(scene, fresh->endpoint, plan)) {
    auto updates = make_move(shown, fresh->endpoint);
    if (!updates.empty()) {
      append(updates, make_kick(key_, wanted_keepalive(settings, memory)));
      last_toggle_ = now;
      rewrite(scene, shown, memory, std::move(updates),
              fmt::format("published anew after its last packet, and {}", reason), plan);
    }
    dns_.forget_change();
    return;
  }
  if (local_change_ && shown.endpoint) {
    rewrite(scene, shown, memory, {{key_, shown.endpoint, std::nullopt}},
            fmt::format("this host's addresses or routes changed, and {}", reason), plan);
    return;
  }
  keep_keepalive(scene, settings, shown, memory, plan);
}

/// A new endpoint of a suspect peer, which an echo request tries out at once.
void DirectPeer::rewrite(const Scene& scene, const wg::DevicePeer& shown, PeerMemory& memory,
                         std::vector<wg::PeerUpdate> updates, std::string reason, Plan& plan) {
  rewritten_at_ = scene.now.steady;
  local_change_.reset();
  probed_.reset();
  probe(scene, shown, plan);
  told_ = true;
  change(plan, shown, memory, std::move(updates), std::move(reason));
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
      health_.last_handshake() && !is_nowhere(shown.endpoint))
    memory.last_good = shown.endpoint;
  if (may_be_near(scene) && lan_.take_news()) news_ = "it answers on this network";
  if (dns_.is_asked() && (!attempt_ || news_)) {
    auto candidates = find_candidates(scene, memory, plan);
    if (!candidates.empty() && !waits_for_lan(scene, settings)) {
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

/// Keepalives of a session that stands: the wanted one, and armed.
void DirectPeer::keep_keepalive(const Scene& scene, const Settings& settings,
                                const wg::DevicePeer& shown, PeerMemory& memory, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  const seconds wanted = wanted_keepalive(settings, memory);
  const auto handshake = health_.last_handshake();
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
  if (health_.last_sent()) last_packet = std::max(last_packet, *health_.last_sent());
  if (health_.last_received()) last_packet = std::max(last_packet, *health_.last_received());
  if (is_managed(memory) && wanted > 0s && now - last_packet >= wanted + 2s) {
    last_toggle_ = now;
    change(plan, shown, memory, make_kick(key_, wanted),
           "its keepalive is on, but was never armed: nothing was sent");
  }
}

/// One echo request to the peer's own address, where it has one that this device can talk to.
void DirectPeer::probe(const Scene& scene, const wg::DevicePeer& shown, Plan& plan) {
  const SteadyTime now = scene.now.steady;
  const bool is_first = state_ == State::suspect && !echo_awaited_;
  if (probed_ && now - *probed_ < (is_first ? first_probe_interval : probe_interval)) return;
  wants_probe_ = false;
  const auto target = find_tunnel_address(shown, scene.device, scene.host);
  if (!target) return;
  probed_ = now;
  ++unanswered_echoes_;
  if (is_first) echo_awaited_ = now;
  if (local_change_ && !local_change_->asked) local_change_->asked = now;
  health_.expect_echo(now);
  plan.probes.push_back({key_, *target});
}

void DirectPeer::learn(const base::Now& now, const LookupResult& result, std::minstd_rand& random,
                       std::vector<Note>& notes) {
  if (!result.endpoints) {
    const LookupError error = result.endpoints.error();
    if (is_about_peer(error) && dns_.error() != error)
      notes.push_back({Note::Level::change,
                       fmt::format("{}: no endpoint in DNS: {}", name(), to_string(error))});
  }
  LookupResult wanted = result;
  if (wanted.endpoints)
    std::erase_if(wanted.endpoints->endpoints,
                  [&](const base::Endpoint& endpoint) { return !is_wanted(endpoint); });
  const bool is_calm = state_ == State::direct || is_hopeless();
  const auto pace = is_calm ? DnsView::Pace::calm : DnsView::Pace::urgent;
  if (dns_.learn(now, wanted, pace, random)) news_ = "the published endpoint changed";
}

void DirectPeer::learn_lan(const LanResult& result, std::vector<Note>& notes) {
  if (lan_.learn(result))
    notes.push_back(
        {Note::Level::trouble,
         fmt::format("{}: what it tells of its own network is refused: it is no list of "
                     "1 to {} addresses that may be told",
                     name(), schema::max_lan_endpoints)});
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

void DirectPeer::change_local(SteadyTime now, std::string what,
                              const std::set<base::IpAddress>& source_changed) {
  hurry(now, std::move(what));
  if (endpoint_ && source_changed.count(endpoint_->address) != 0)
    local_change_ = LocalChange{now, std::nullopt};
}

std::vector<base::Endpoint> DirectPeer::find_candidates(const Scene& scene,
                                                        const PeerMemory& memory, Plan& plan) {
  CandidateSources sources;
  for (const base::Endpoint& endpoint : dns_.endpoints()) {
    if (may_set(scene, endpoint, plan)) sources.published.push_back(endpoint);
  }
  const auto error = dns_.error();
  const bool is_known = error != LookupError::no_such_name && error != LookupError::foreign;
  if (is_known && memory.last_good && is_wanted(*memory.last_good) &&
      may_set(scene, *memory.last_good, plan))
    sources.last_good = memory.last_good;
  const bool is_near = may_be_near(scene);
  for (const LanCandidate& candidate : lan_.candidates()) {
    if (!is_wanted(candidate.endpoint)) continue;
    const auto reason =
        refuse_lan_endpoint(candidate.endpoint, scene.device, scene.host, scene.hubs);
    if (reason) {
      tell_refused(candidate.endpoint, *reason, plan);
    } else if (may_set(scene, candidate.endpoint, plan)) {
      (candidate.answers && is_near ? sources.near_lan : sources.far_lan)
          .push_back(candidate.endpoint);
    }
  }
  return order_candidates(sources);
}

/// Both peers are seen at one address, so one NAT is before both; or this may still turn out.
bool DirectPeer::may_be_near(const Scene& scene) const {
  return !scene.own || dns_.endpoints().empty() || share_address(*scene.own, dns_.endpoints());
}

/// A NAT that does not send packets back inside makes the first try at the public address a waste,
/// and WireGuard then keeps quiet for 5 s.
bool DirectPeer::waits_for_lan(const Scene& scene, const Settings& settings) {
  if (!settings.lan || attempt_ || !may_be_near(scene) || !lan_.may_come()) return false;
  if (!lan_awaited_) lan_awaited_ = scene.now.steady;
  return scene.now.steady - *lan_awaited_ < (scene.own ? lan_patience : own_patience);
}

bool DirectPeer::may_set(const Scene& scene, const base::Endpoint& endpoint, Plan& plan) {
  const auto reason = refuse_endpoint(endpoint, scene.device, scene.host);
  if (reason) tell_refused(endpoint, *reason, plan);
  return !reason;
}

/// Once for each endpoint and reason.
void DirectPeer::tell_refused(const base::Endpoint& endpoint, const std::string& reason,
                              Plan& plan) {
  std::pair<base::Endpoint, std::string> item(endpoint, reason);
  if (std::find(refused_.begin(), refused_.end(), item) != refused_.end()) return;
  plan.notes.push_back({Note::Level::trouble, fmt::format("{}: {} is refused: {}", name(),
                                                          endpoint.to_string(), reason)});
  if (refused_.size() >= max_refused) refused_.erase(refused_.begin());
  refused_.push_back(std::move(item));
}

seconds DirectPeer::wanted_keepalive(const Settings& settings, const PeerMemory& memory) const {
  const seconds user = memory.keepalive.user();
  return user == 0s && is_managed(memory) ? settings.direct_keepalive_of(key_) : user;
}

/// What is sent in it goes out at once, and crosses nothing.
bool DirectPeer::has_live_session(SteadyTime now) const {
  return health_.last_handshake() && now - *health_.last_handshake() < session_life;
}

std::chrono::steady_clock::duration DirectPeer::echo_patience() const {
  if (!round_trip_) return assumed_echo_time;
  return 2 * *round_trip_ + echo_slack;
}

/// The reply to the last echo request may still come.
bool DirectPeer::waits_for_echo(SteadyTime now) const {
  return !echo_awaited_ || now - *echo_awaited_ < echo_patience();
}

std::optional<SteadyTime> DirectPeer::next_step() const {
  std::optional<SteadyTime> next = dns_.next();
  if (attempt_ && attempt_->kick_at && (!next || *attempt_->kick_at < *next))
    next = attempt_->kick_at;
  if (lan_awaited_ && !attempt_ && state_ == State::waiting)
    next = std::min(next.value_or(SteadyTime::max()), *lan_awaited_ + lan_patience);
  if (state_ == State::direct && local_change_ && local_change_->asked)
    next = std::min(next.value_or(SteadyTime::max()), *local_change_->asked + echo_patience());
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
  for (const wg::PeerUpdate& update : updates) {
    if (update.endpoint) endpoint_ = update.endpoint;
  }
  plan.changes.push_back({key_, std::move(updates), std::move(reason), Note::Level::change});
}

PeerReport DirectPeer::describe(const base::Now& now, const wg::DevicePeer& shown) const {
  PeerReport report;
  report.key = key_;
  report.state = to_string(state_);
  report.endpoint = shown.endpoint;
  const auto& known = dns_.endpoints();
  const bool is_published =
      shown.endpoint && std::find(known.begin(), known.end(), *shown.endpoint) != known.end();
  const bool is_lan = shown.endpoint && lan_.has_told(*shown.endpoint);
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
  report.lookup_error = dns_.error();
  report.is_looked_up = dns_.is_asked();
  report.nat = dns_.mapping();
  if (is_hopeless()) report.hopeless = *attempt_->hopeless;
  report.is_heard = attempt_ && health_.last_heard() && *health_.last_heard() >= attempt_->begun;
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
  }
  return "";
}

}  // namespace updater
