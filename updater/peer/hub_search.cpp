#include "updater/peer/hub_search.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <utility>

#include "updater/peer/candidates.hpp"

// The course of a search: find_silence() begins it, look_up() asks where the hub may be
// (lookup/hub_lookup.cpp does it, on a thread of its own), try_next() sets one place after the
// other, rest() goes back to where the hub was. hub.cpp has the keepalive of a hub that answers.
namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::seconds;

constexpr seconds patience = 30s;
/// Seconds between keepalives at the most frequent, kicks included.
constexpr std::int64_t most_keepalives = 4;
/// An initiation that WireGuard has repeated once. A single one may be the one that is under way.
constexpr seconds repeated = 10s;
/// How long one place may take: WireGuard sends to it once or twice.
constexpr seconds place_dwell = 10s;
/// A kick that works has sent by then. One that did not came within the 5 s after an attempt of
/// WireGuard's; it is repeated until they are over.
constexpr auto hub_kick_check = 1250ms;
constexpr unsigned max_hub_kicks = 5;
/// Between the rounds, at the place where the hub was.
constexpr std::array<seconds, 4> round_pauses = {10s, 20s, 40s, 60s};
/// At most this many refusals are remembered; beyond, one may be told again.
constexpr std::size_t max_refused_places = 2 * max_hub_candidates;

std::int64_t whole_seconds_between(SteadyTime from, SteadyTime to) {
  return std::chrono::duration_cast<seconds>(to - from).count();
}

}  // namespace

bool HubSearch::step(Turn& turn, const SessionHealth& health, seconds keepalive) {
  const SteadyTime now = turn.now();
  next_.reset();
  if (std::exchange(endpoint_, turn.shown.endpoint) != turn.shown.endpoint) restart(now);
  if (silence_ && health.last_received() && *health.last_received() > silence_->noticed)
    recover(turn);
  if (!silence_) {
    const auto since = find_silence(turn, health, keepalive);
    if (!since) return false;
    silence_ = Silence{*since, now, turn.shown.endpoint};
    lookup_at_ = now;
  }
  if (is_pending_) return false;
  if (is_trying_) {
    if (!tried_ || now - moved_at_ >= place_dwell) return try_next(turn, keepalive);
    const bool has_sent = health.last_sent() && *health.last_sent() >= moved_at_;
    next_ = moved_at_ + place_dwell;
    if (has_sent || kicks_ >= max_hub_kicks || now - kicked_at_ < hub_kick_check) return false;
    ++kicks_;
    kicked_at_ = now;
    turn.write(make_kick(turn.key(), keepalive), "the last kick to the public host sent nothing",
               Note::Level::detail);
    return true;
  }
  if (now >= lookup_at_) look_up(turn);
  if (!is_pending_) next_ = lookup_at_;
  return false;
}

/// \return since when the hub is silent; nullopt: it answers, or nothing was due from it for 30 s.
std::optional<SteadyTime> HubSearch::find_silence(const Turn& turn, const SessionHealth& health,
                                                  seconds keepalive) {
  const SteadyTime now = turn.now();
  if (!turn.shown.endpoint) return now;
  // The hub's own initiations are no answer either, where no packet of a session follows.
  const auto initiation = std::max(health.last_initiation(), health.last_heard());
  if (health.last_received() >= initiation) {
    asked_since_.reset();
  } else if (!asked_since_) {
    asked_since_ = initiation;
  }
  if (asked_since_ && now - *asked_since_ >= repeated) {
    const auto since = std::min(*asked_since_, health.unanswered_since().value_or(*asked_since_));
    if (now - since >= patience) return since;
  }
  if (is_data_unanswered(turn, health)) return health.unanswered_since();
  if (health.has_live_session(now)) return std::nullopt;
  // Where nothing can be sent, no initiation is counted.
  const auto handshake = health.last_handshake();
  const auto since = handshake ? std::max(first_seen_, *handshake + wg::session_life) : first_seen_;
  if (now - since < std::max(patience, keepalive + 5s)) return std::nullopt;
  return since;
}

/// Between data the counters do not show initiations. Two keepalives at once look like data, too,
/// but keepalives alone are few.
bool HubSearch::is_data_unanswered(const Turn& turn, const SessionHealth& health) {
  const auto since = health.unanswered_since();
  if (std::exchange(unanswered_since_, since) != since) sent_before_ = turn.shown.tx_bytes;
  if (!since || turn.now() - *since < patience) return false;
  const auto keepalives =
      static_cast<std::uint64_t>(whole_seconds_between(*since, turn.now()) / most_keepalives + 4);
  return turn.shown.tx_bytes - sent_before_ > keepalives * SessionHealth::keepalive_octets;
}

void HubSearch::recover(Turn& turn) {
  if (rounds_ > 0 || tried_ || is_told_)
    turn.tell(is_told_ ? Note::Level::change : Note::Level::detail,
              fmt::format("the public host answers at {}, after {} s",
                          turn.shown.endpoint ? turn.shown.endpoint->to_string() : "no endpoint",
                          whole_seconds_between(silence_->since, turn.now())));
  restart(first_seen_);
}

/// As if the hub had just appeared. What is still asked for is not asked for again.
void HubSearch::restart(SteadyTime first_seen) {
  HubSearch fresh(first_seen);
  fresh.endpoint_ = endpoint_;
  fresh.is_pending_ = is_pending_;
  *this = std::move(fresh);
}

void HubSearch::look_up(Turn& turn) {
  is_pending_ = true;
  const auto port = [](const std::optional<base::Endpoint>& endpoint) {
    return endpoint ? std::optional(endpoint->port) : std::nullopt;
  };
  auto last_port = port(silence_->home);
  if (!last_port) last_port = port(turn.memory.last_good);
  turn.plan.hub_lookups.push_back(
      {turn.key(), turn.settings.hub_endpoints_of(turn.key()), last_port});
}

void HubSearch::learn(SteadyTime now, const HubResult& result) {
  is_pending_ = false;
  if (!silence_) return;
  candidates_ = result.candidates;
  failures_ = result.failures;
  index_ = 0;
  is_trying_ = true;
  has_tried_ = false;
  moved_at_ = now;
}

/// Sets the next place that may be set. The hub was silent at its own already.
bool HubSearch::try_next(Turn& turn, seconds keepalive) {
  const auto& last = turn.memory.last_good;
  const auto is_last = [&](const HubCandidate& known) { return known.endpoint == last; };
  if (last && std::none_of(candidates_.begin(), candidates_.end(), is_last))
    candidates_.push_back({*last, "this host's memory of the last session"});
  while (index_ < candidates_.size()) {
    const HubCandidate candidate = candidates_[index_++];
    if (candidate.endpoint == silence_->home || candidate.endpoint == turn.shown.endpoint ||
        !may_set(turn, candidate))
      continue;
    if (!turn.scene.limit.admit(turn.now(), turn.key(), candidate.endpoint)) {
      --index_;
      return false;
    }
    return move(turn, candidate, keepalive);
  }
  return rest(turn, keepalive);
}

bool HubSearch::may_set(Turn& turn, const HubCandidate& candidate) {
  const auto family = turn.settings.of(turn.key()).endpoint_family;
  if (family && candidate.endpoint.address.family() != *family) return false;
  const auto reason = refuse_endpoint(candidate.endpoint, turn.scene.device, turn.scene.host);
  if (!reason) return true;
  std::string told = fmt::format("{}, from {}, is refused: {}", candidate.endpoint.to_string(),
                                 candidate.source, *reason);
  if (std::find(refused_.begin(), refused_.end(), told) == refused_.end()) {
    turn.tell(Note::Level::trouble, told);
    if (refused_.size() >= max_refused_places) refused_.erase(refused_.begin());
    refused_.push_back(std::move(told));
  }
  return false;
}

bool HubSearch::move(Turn& turn, const HubCandidate& candidate, seconds keepalive) {
  const SteadyTime now = turn.now();
  const std::string before =
      turn.shown.endpoint
          ? fmt::format("the public host does not answer at {} for {} s",
                        turn.shown.endpoint->to_string(),
                        whole_seconds_between(tried_ ? moved_at_ : silence_->since, now))
          : "the public host has no endpoint";
  auto updates = make_move(turn.shown, candidate.endpoint);
  append(updates, make_kick(turn.key(), keepalive));
  endpoint_ = candidate.endpoint;
  tried_ = candidate;
  has_tried_ = true;
  moved_at_ = kicked_at_ = now;
  kicks_ = 1;
  next_ = now + hub_kick_check;
  turn.write(std::move(updates), fmt::format("{}; this is from {}", before, candidate.source),
             rounds_ == 0 ? Note::Level::change : Note::Level::detail);
  return true;
}

/// Nobody answered in this round, or there is no place to try: back to where the hub was, because
/// it may only be down, and to the next round after a pause.
bool HubSearch::rest(Turn& turn, seconds keepalive) {
  const seconds pause = round_pauses.at(std::min<std::size_t>(rounds_, round_pauses.size() - 1));
  lookup_at_ = turn.now() + jittered(pause, turn.scene.random);
  next_ = lookup_at_;
  is_trying_ = false;
  tried_.reset();
  ++rounds_;
  if (!std::exchange(is_told_, true))
    turn.tell(Note::Level::trouble, "the public host is not found: " + describe(turn.now()));
  const auto back = silence_->home ? silence_->home : turn.memory.last_good;
  if (!has_tried_ || !back || back == turn.shown.endpoint) return false;
  auto updates = make_move(turn.shown, *back);
  append(updates, make_kick(turn.key(), keepalive));
  endpoint_ = back;
  turn.write(std::move(updates), "no other place answered: back to where the public host was",
             Note::Level::detail);
  return true;
}

std::string HubSearch::describe(SteadyTime now) const {
  if (!silence_) return "";
  const auto& at = silence_->home || tried_ ? silence_->home : endpoint_;
  std::string text = at ? fmt::format("it does not answer at {}, for {} s", at->to_string(),
                                      whole_seconds_between(silence_->since, now))
                        : "it has no endpoint";
  if (tried_)
    return text + fmt::format("; trying {}, from {}", tried_->endpoint.to_string(), tried_->source);
  if (is_pending_ || is_trying_) return text + "; asking where else it may be";
  text += has_tried_ ? "; no other place answers" : "; nobody names another place";
  return failures_.empty() ? text : fmt::format("{}; {}", text, fmt::join(failures_, "; "));
}

}  // namespace updater
