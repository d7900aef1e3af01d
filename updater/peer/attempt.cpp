#include "updater/peer/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "updater/peer/nat_pair.hpp"

// The course of an attempt: begin(), then advance() at each step until a handshake ends it. First
// the rounds over the candidates, then the case of NATs that keep the peers apart.
// known_endpoints.cpp chooses the candidates, nat_pair.cpp knows which NATs never connect, and
// direct_peer.cpp decides when an attempt begins and ends. One thread: the caller's.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;

/// WireGuard repeats an initiation after 5 s and up to 333 ms of jitter. A kick within that time
/// sends nothing, and may leave the keepalive unarmed.
constexpr auto own_retry = 5400ms;
/// The larger key kicks this much later, so that two initiations do not cross (doc/protocol.md
/// §4.3).
constexpr auto second_role_delay = 500ms;
/// The same through a hub, which cannot lose the first initiation to a NAT, and holds back one of
/// two that cross; half of the round trip to the hub is added.
constexpr auto second_role_delay_at_relay = 100ms;
/// How long a hub that passes packets on has its turn once an initiation was sent there; two round
/// trips are added.
constexpr auto relay_dwell = 1s;
/// How long a candidate before a hub has its turn once an initiation was sent there: WireGuard's
/// next one, 5 s later, is the hub's.
constexpr auto dwell_before_relay = 4500ms;
/// A candidate's turn: long enough for one of WireGuard's own repetitions.
constexpr auto dwell = 5600ms;
/// An initiation of the peer within this time proves the candidate: the peer's next one is due.
constexpr auto heard_window = own_retry;
/// The response to an initiation has come by then. If it has not, two initiations have crossed.
constexpr auto crossing_check = 1s;
/// How long our initiations are sent nowhere: until the peer's next one has come.
constexpr auto yield_time = 6s;
/// A kick that works has sent by then. One that did not came within the 5 s after an attempt of
/// WireGuard's that left no trace; it is repeated until they are over.
constexpr auto kick_check = 1250ms;
constexpr unsigned max_kicks_without_sending = 4;
/// Pauses between tries when no candidate answered.
constexpr std::array<seconds, 5> back_off = {5s, 10s, 20s, 40s, 60s};
/// Where our initiations are sent when they must not arrive: nobody listens there, and nothing
/// leaves this host.
const base::Endpoint nowhere{base::IpAddress(std::array<std::uint8_t, 4>{127, 0, 0, 1}),
                             base::Port{9}};

/// One attempt of WireGuard's own: what is sent later than this after its beginning is the user's
/// traffic. Source: REKEY_ATTEMPT_TIME of the WireGuard protocol, 90 s, and its jitter.
constexpr auto own_attempt = 110s;
/// Pauses between tries of a hopeless attempt. Each try costs twenty packets.
constexpr std::array<seconds, 5> slow_retries = {300s, 600s, 1200s, 2400s, 3600s};

bool was_within(std::optional<SteadyTime> time, SteadyTime now,
                std::chrono::steady_clock::duration window) {
  return time && now - *time < window;
}

bool has_sent_lately(const SessionHealth& health, SteadyTime now) {
  return was_within(health.last_sent(), now, own_retry);
}

std::chrono::microseconds round_trip_to(const Scene& scene, const wg::PublicKey& hub) {
  const RelayHub* relay = scene.find_relay(hub);
  return relay != nullptr ? relay->round_trip.value_or(assumed_round_trip_to_hub)
                          : assumed_round_trip_to_hub;
}

bool was_heard_since(const SessionHealth& health, SteadyTime since) {
  return health.last_heard() && *health.last_heard() >= since;
}

}  // namespace

Attempt::Attempt(std::vector<Candidate> candidates, RelayPlace place, SteadyTime begun,
                 SteadyTime now)
    : candidates_(std::move(candidates)),
      place_(place),
      set_at_(now),
      begun_(begun),
      tried_since_(now),
      next_at_(now + dwell) {}

void Attempt::begin(Turn& turn, const Context& context, bool set_again, const std::string& reason) {
  if (place_ == RelayPlace::only)
    obstacle_ = find_obstacle(turn.scene.own_mapping, context.known.dns().mapping());
  if (choose(turn, 0)) return start(turn, context, set_again, reason);
  waits_ = true;
  is_aside_ = is_nowhere(turn.shown.endpoint);
  turn.tell(
      Note::Level::change,
      fmt::format("waits for its turn at {}: other peers are said to be at this address, too, "
                  "and it never answered",
                  candidates_.front().endpoint.to_string()));
  if (turn.shown.persistent_keepalive > 0s && !turn.shown.endpoint && !turn.settings.one_round)
    turn.write({{turn.key(), std::nullopt, 0s}},
               "an attempt without an endpoint blocks the next 5 s", Note::Level::detail);
}

/// Sets the candidate that was chosen, and kicks now or soon.
void Attempt::start(Turn& turn, const Context& context, bool set_again, const std::string& reason) {
  const SteadyTime now = turn.now();
  const wg::Device& device = turn.scene.device;
  const bool is_first = !device.public_key || *device.public_key < turn.key();
  auto updates = make_move(turn.shown, candidates_[index_].endpoint);
  mark_set(now);
  if (updates.empty() && set_again) updates = {{turn.key(), turn.shown.endpoint, std::nullopt}};
  std::string role;
  if (context.health.has_live_session(now)) {
    append_kick(updates, turn, context);
    role = "its session is alive, so the kick opens our NAT at once";
    if (relay()) turn.plan.add_via(*relay(), turn.key());
  } else if (has_sent_lately(context.health, now)) {
    kick_at_ = *context.health.last_sent() + own_retry;
    role = "WireGuard is sending by itself";
  } else if (is_first) {
    append_kick(updates, turn, context);
    role = "our key is the smaller one and kicks at once";
  } else {
    const std::chrono::microseconds delay =
        relay() ? second_role_delay_at_relay + round_trip_to(turn.scene, *relay()) / 2
                : std::chrono::microseconds(second_role_delay);
    kick_at_ = now + delay;
    role = fmt::format(
        "the other key is the smaller one; ours kicks {:.1f} s later unless a handshake appears",
        std::chrono::duration<double>(delay).count());
  }
  std::string why = reason + describe_relay(turn);
  const bool is_move = std::any_of(updates.begin(), updates.end(),
                                   [](const auto& one) { return one.endpoint.has_value(); });
  if (!is_move) why = fmt::format("trying {}: {}", turn.shown.endpoint->to_string(), why);
  const auto level = std::exchange(is_aside_, false) ? Note::Level::detail : Note::Level::change;
  if (updates.empty()) {
    turn.plan.notes.push_back({level, why, turn.key(), role});
  } else {
    turn.write(std::move(updates), why, level, role);
  }
}

std::string Attempt::describe_candidate(const Turn& turn) const {
  const std::string text = candidates_[index_].endpoint.to_string();
  return relay() ? fmt::format("{}, through {}", text, turn.settings.describe(*relay())) : text;
}

/// `; through xTIB…p8Dg, which passes packets on`, where a hub is set.
std::string Attempt::describe_relay(const Turn& turn) const {
  return relay() ? fmt::format("; through {}, which passes packets on",
                               turn.settings.describe(*relay()))
                 : "";
}

void Attempt::mark_set(SteadyTime now) {
  set_at_ = now;
  sent_at_.reset();
}

/// Makes index_ the first candidate, from `first` on, that this host may send to now.
/// \return whether there is one.
bool Attempt::choose(const Turn& turn, std::size_t first) {
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    const std::size_t index = (first + i) % candidates_.size();
    if (!turn.scene.limit.admit(turn.now(), turn.key(), candidates_[index].endpoint)) continue;
    index_ = index;
    return true;
  }
  return false;
}

/// \return whether the peer waits, or waited until now, for a turn at an address that never
/// answered.
bool Attempt::take_turns(Turn& turn, const Context& context) {
  const SteadyTime now = turn.now();
  AddressLimit& limit = turn.scene.limit;
  if (!waits_) {
    if (relay()) return false;
    if (!limit.is_over(now, turn.key(), context.health.last_sent())) return false;
    limit.leave(turn.key());
    if (!is_aside_ && !round_over_)
      turn.tell(
          Note::Level::change,
          fmt::format("no answer from {}; still trying, in turn with the other peers that are "
                      "said to be at this address",
                      candidates_[index_].endpoint.to_string()));
    round_over_ = true;
    kick_at_.reset();
    silent_until_.reset();
    waits_ = true;
    if (!choose(turn, index_ + 1)) {
      step_aside(turn);
      return true;
    }
  } else if (turn.settings.one_round && limit.is_full(candidates_.front().endpoint)) {
    waits_ = false;
    turn.tell(Note::Level::trouble,
              fmt::format("not set: too many peers are said to be at {}, which never answered",
                          candidates_.front().endpoint.address.to_string()));
    return true;
  } else if (!choose(turn, index_)) {
    return true;
  }
  waits_ = false;
  next_at_ = now + dwell;
  start(turn, context, false, "it is its turn");
  return true;
}

/// Its initiations go nowhere, and end soon, because the keepalive is off. A peer whose own
/// initiation comes is answered all the same, where that came from.
void Attempt::step_aside(Turn& turn) {
  is_aside_ = true;
  auto updates = make_move(turn.shown, nowhere);
  if (turn.shown.persistent_keepalive > 0s) updates.push_back({turn.key(), std::nullopt, 0s});
  if (!updates.empty())
    turn.write(std::move(updates),
               "others are said to be at this address, too, and it never answered",
               Note::Level::detail);
}

std::optional<std::string> Attempt::advance(Turn& turn, const Context& context) {
  const SteadyTime now = turn.now();
  if (turn.settings.one_round && !kick_at_ && !waits_)
    return std::nullopt;  // the round of this run is over
  if (hopeless_) {
    auto hope = find_hope(turn.scene, context);
    if (!hope && turn.scene.limit.is_over(now, turn.key(), context.health.last_sent())) {
      turn.scene.limit.leave(turn.key());
      step_aside(turn);
    } else if (!hope && now >= next_at_) {
      retry_slowly(turn, context);
    }
    return hope;
  }
  if (obstacle_ && can_connect(turn.scene.own_mapping, context.known.dns().mapping()))
    return "the NATs are of other kinds now";
  if (take_turns(turn, context) || rest_if_hopeless(turn, context) || follow_relay(turn) ||
      kick_if_due(turn, context) || silence_if_crossed(turn, context) ||
      !is_turn_over(turn, context))
    return std::nullopt;
  if (was_within(context.health.last_heard(), now, heard_window)) {
    next_at_ = *context.health.last_heard() + heard_window;
    return std::nullopt;
  }
  try_next_candidate(turn, context);
  return std::nullopt;
}

/// Whether the candidate that is set had its turn. Something that came from the peer prolongs it.
bool Attempt::is_turn_over(const Turn& turn, const Context& context) {
  const auto sent = context.health.last_sent();
  if (!sent_at_ && sent && *sent > set_at_) sent_at_ = sent;
  if (round_over_ || !sent_at_) return turn.now() >= next_at_;
  if (relay())
    return turn.now() >= *sent_at_ + relay_dwell + 2 * round_trip_to(turn.scene, *relay());
  const bool is_before_relay = index_ + 1 < candidates_.size() && candidates_[index_ + 1].relay;
  return turn.now() >= (is_before_relay ? *sent_at_ + dwell_before_relay : next_at_);
}

/// A hub that is set as the endpoint may have moved meanwhile. \return whether it had.
bool Attempt::follow_relay(Turn& turn) {
  for (Candidate& candidate : candidates_) {
    const RelayHub* hub = candidate.relay ? turn.scene.find_relay(*candidate.relay) : nullptr;
    if (hub != nullptr && hub->answers) candidate.endpoint = hub->endpoint;
  }
  if (!relay()) return false;
  auto updates = make_move(turn.shown, candidates_[index_].endpoint);
  if (updates.empty()) return false;
  mark_set(turn.now());
  turn.write(std::move(updates), "the public host, which passes packets on, is there now");
  return true;
}

/// The kick that begin() put off, or a kick once more where the last one sent nothing.
/// \return whether it kicked.
bool Attempt::kick_if_due(Turn& turn, const Context& context) {
  const SteadyTime now = turn.now();
  const auto kick = [&](std::string reason) {
    std::vector<wg::PeerUpdate> updates;
    append_kick(updates, turn, context);
    turn.write(std::move(updates), std::move(reason), Note::Level::detail);
    return true;
  };
  if (kick_at_ && now >= *kick_at_) {
    kick_at_.reset();
    // A peer that was heard has been sent a response, too.
    if (!has_sent_lately(context.health, now)) return kick("no handshake has appeared");
  }
  const auto sent = context.health.last_sent();
  const bool has_sent = kicked_at_ && sent && *sent >= *kicked_at_;
  if (!kicked_at_ || has_sent || now - *kicked_at_ < kick_check ||
      kicks_without_sending_ >= max_kicks_without_sending)
    return false;
  ++kicks_without_sending_;
  return kick("the last kick sent nothing: WireGuard was inside the 5 s after an attempt");
}

/// Two initiations that cross cancel each other, and traffic on both sides repeats them in step for
/// ever. So the larger key sends its own nowhere until the other's next one has come. WireGuard
/// answers that one where it came from, whatever endpoint is set.
/// \return whether our own are silenced, or were until now.
bool Attempt::silence_if_crossed(Turn& turn, const Context& context) {
  const SteadyTime now = turn.now();
  if (silent_until_) {
    const bool is_over = now >= *silent_until_;
    if (is_nowhere(turn.shown.endpoint) && !is_over) return true;
    silent_until_.reset();
    if (is_nowhere(turn.shown.endpoint))
      turn.write(make_move(turn.shown, candidates_[index_].endpoint),
                 "the other side was not heard again", Note::Level::detail);
    return true;
  }
  // A hub holds one of two crossing initiations back.
  if (relay() || !has_crossed(turn, context.health)) return false;
  yielded_to_ = context.health.last_heard();
  silent_until_ = now + yield_time;
  turn.write(make_move(turn.shown, nowhere),
             "initiations crossed: ours go nowhere until the smaller key's has come",
             Note::Level::detail);
  return true;
}

/// Whether our initiation crossed one of the peer's that has not been yielded to, and ours is the
/// larger key.
bool Attempt::has_crossed(const Turn& turn, const SessionHealth& health) const {
  const SteadyTime now = turn.now();
  const wg::Device& device = turn.scene.device;
  const bool is_second = device.public_key && turn.key() < *device.public_key;
  const auto heard = health.last_heard();
  return is_second && heard && health.last_initiation() && *heard >= begun_ &&
         now - *heard >= crossing_check && now - *heard < own_retry && yielded_to_ != heard &&
         !health.has_live_session(now);
}

void Attempt::try_next_candidate(Turn& turn, const Context& context) {
  const SteadyTime now = turn.now();
  const std::string before = describe_candidate(turn);
  index_ = (index_ + 1) % candidates_.size();
  if (index_ == 0 && !round_over_) {
    round_over_ = true;
    turn.tell(
        Note::Level::change,
        fmt::format(
            "no answer from {}; still trying, more slowly",
            candidates_.size() == 1 ? before : fmt::format("{} candidates", candidates_.size())));
    // The first round kept to the candidates of its beginning; take the present ones now.
    collect(turn, context);
  }
  waits_ = !choose(turn, index_);
  if (waits_) return;
  mark_set(now);
  if (round_over_) {
    const seconds pause = back_off.at(std::min(pauses_, back_off.size() - 1));
    ++pauses_;
    next_at_ = now + jittered(pause, turn.scene.random);
  } else {
    next_at_ = now + dwell;
  }
  auto updates = make_move(turn.shown, candidates_[index_].endpoint);
  const auto level = updates.empty() ? Note::Level::detail : Note::Level::change;
  if (context.health.has_live_session(now) || !has_sent_lately(context.health, now))
    append_kick(updates, turn, context);
  if (!updates.empty())
    turn.write(std::move(updates), fmt::format("no answer from {}{}", before, describe_relay(turn)),
               level);
}

/// Takes the candidates of the present.
void Attempt::collect(Turn& turn, const Context& context) {
  auto candidates = context.known.find_candidates(turn, place_);
  if (candidates.empty()) return;
  candidates_ = std::move(candidates);
  index_ = std::min(index_, candidates_.size() - 1);
}

void Attempt::append_kick(std::vector<wg::PeerUpdate>& updates, const Turn& turn,
                          const Context& context) {
  append(updates, make_kick(turn.key(), context.known.wanted_keepalive(turn)));
  kicked_at_ = turn.now();
}

/// Falls silent when the NATs on both sides never connect, and no hub passes packets on.
/// \return whether it wrote to the peer, or fell silent.
bool Attempt::rest_if_hopeless(Turn& turn, const Context& context) {
  const SteadyTime now = turn.now();
  if (obstacle_ && has_relay()) return false;
  std::vector<base::Endpoint> candidates;
  for (const Candidate& candidate : candidates_) {
    if (!candidate.relay) candidates.push_back(candidate.endpoint);
  }
  const Trial trial{turn.scene.own_mapping,
                    context.known.dns().mapping(),
                    candidates,
                    now - tried_since_,
                    round_over_,
                    was_heard_since(context.health, tried_since_)};
  const auto reason = find_proven_obstacle(trial);
  if (!reason) return false;
  if (has_relay()) return keep_relays_only(turn, context, *reason);
  hopeless_ = reason;
  kick_at_.reset();
  quiet_from_ = now + own_attempt;
  next_at_ = now + jittered(slow_retries.front(), turn.scene.random);
  auto updates = leave(turn.shown);
  silent_until_.reset();
  if (turn.shown.persistent_keepalive > 0s) updates.push_back({turn.key(), std::nullopt, 0s});
  const std::string verdict = "hopeless: " + *reason;
  if (updates.empty()) {
    turn.tell(Note::Level::change, verdict);
  } else {
    turn.write(std::move(updates), verdict);
  }
  return true;
}

/// \pre has_relay(). \return whether it wrote to the peer.
bool Attempt::keep_relays_only(Turn& turn, const Context& context, const std::string& reason) {
  obstacle_ = reason;
  place_ = RelayPlace::only;
  const Candidate before = candidates_[index_];
  std::erase_if(candidates_, [](const Candidate& one) { return !one.relay; });
  const auto kept = std::find(candidates_.begin(), candidates_.end(), before);
  index_ = kept == candidates_.end() ? 0 : static_cast<std::size_t>(kept - candidates_.begin());
  const std::string verdict = "no direct way: " + reason;
  if (before.relay) {
    turn.tell(Note::Level::change, verdict);
    return false;
  }
  kick_at_.reset();
  silent_until_.reset();
  waits_ = is_aside_ = false;
  (void)turn.scene.limit.admit(turn.now(), turn.key(), candidates_[index_].endpoint);
  mark_set(turn.now());
  next_at_ = turn.now() + dwell;
  auto updates = make_move(turn.shown, candidates_[index_].endpoint);
  if (!has_sent_lately(context.health, turn.now())) append_kick(updates, turn, context);
  turn.write(std::move(updates), verdict + describe_relay(turn));
  return true;
}

/// Why a hopeless peer is tried again at once; nullopt: there is no reason.
std::optional<std::string> Attempt::find_hope(const Scene& scene, const Context& context) const {
  if (can_connect(scene.own_mapping, context.known.dns().mapping()))
    return "the NATs are of other kinds now";
  if (was_heard_since(context.health, tried_since_)) return "something came from it";
  if (context.health.last_sent() && *context.health.last_sent() > quiet_from_)
    return "there is traffic for it";
  return std::nullopt;
}

/// One attempt of WireGuard's own towards the next candidate. The keepalive stays off.
void Attempt::retry_slowly(Turn& turn, const Context& context) {
  const SteadyTime now = turn.now();
  collect(turn, context);
  if (!choose(turn, index_ + 1)) return;
  mark_set(now);
  is_aside_ = false;
  ++slow_tries_;
  next_at_ = now + jittered(slow_retries.at(std::min(slow_tries_, slow_retries.size() - 1)),
                            turn.scene.random);
  quiet_from_ = now + own_attempt;
  kicked_at_ = now;
  auto updates = make_move(turn.shown, candidates_[index_].endpoint);
  append(updates, make_kick(turn.key(), turn.settings.direct_keepalive));
  updates.push_back({turn.key(), std::nullopt, 0s});
  turn.write(std::move(updates), "occasional retry of a hopeless peer");
}

std::vector<wg::PeerUpdate> Attempt::leave(const wg::DevicePeer& shown) const {
  // One that waits for its turn would be sent to at once.
  if (!is_nowhere(shown.endpoint) || is_aside_) return {};
  return make_move(shown, candidates_[index_].endpoint);
}

bool Attempt::has_relay() const {
  return std::any_of(candidates_.begin(), candidates_.end(),
                     [](const Candidate& one) { return one.relay.has_value(); });
}

bool is_nowhere(const std::optional<base::Endpoint>& endpoint) {
  return endpoint == nowhere;
}

}  // namespace updater
