// When this host tells its ways, and which. First the two calls of a message, tell_if_due() and
// learn(); then what is kept of each peer: follow() smooths its round trip. The message itself is
// made in lib/schema/path_text, and sent by PathExchange.
#include "updater/tunnel/path_teller.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "updater/plan/plan.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using schema::PathEdit;
using std::chrono::milliseconds;
using Kind = schema::PathEdit::Kind;

/// The server refuses more (doc/protocol.md §3.3). It is counted from its reply: the message may
/// have arrived late.
constexpr milliseconds message_interval = 10s;
/// So that a start tells where it leads, and not each step to there.
constexpr milliseconds first_pause = 5s;
/// Looking costs a report of all peers.
constexpr milliseconds look_interval = 2s;
constexpr milliseconds repeat_interval = 120s;
/// After messages that got no reply.
constexpr std::array<milliseconds, 4> failure_pauses = {12s, 15s, 30s, 60s};
/// A server that took messages and refuses one: a peer was removed from the zone, and the next
/// look-up says so.
constexpr milliseconds refused_pause = 60s;
/// One that never took any is older than these messages, or an interface.
constexpr milliseconds unknown_pause = 10min;
/// How long a round trip has to be another one to be told.
constexpr auto settling = 30s;

/// Whether a round trip is one of this power of two, with a quarter to spare at both ends.
bool fits(std::chrono::microseconds round_trip, std::uint32_t rtt) {
  const std::chrono::microseconds upper = milliseconds(rtt);
  const bool is_low = rtt > 1 && round_trip <= upper / 2 * 3 / 4;
  const bool is_high = rtt < schema::max_path_rtt && round_trip > upper * 5 / 4;
  return !is_low && !is_high;
}

}  // namespace

bool PathTeller::is_due(SteadyTime now) {
  if (!next_) next_ = now + first_pause;
  if (pending_ || now < *next_ || now < look_) return false;
  look_ = now + look_interval;
  return true;
}

std::vector<PathEdit> PathTeller::tell_if_due(SteadyTime now, std::span<const SeenWay> ways,
                                              std::minstd_rand& random) {
  if (pending_) return {};
  take(now, ways);
  if (begins_) forget_told();
  if (begins_ || (now >= repeat_ && !is_any_due())) {
    for (auto& [key, known] : peers_) known.is_due = true;
    repeat_ = now + jittered(repeat_interval, random);
  }
  sent_.clear();
  const auto add_if = [&](const auto& is_wanted) {
    for (const auto& [key, known] : peers_) {
      if (sent_.size() == schema::max_path_edits) return;
      if (!is_wanted(known)) continue;
      if (known.is_gone) {
        sent_.push_back({Kind::remove, *known.told});
      } else {
        sent_.push_back({Kind::add, known.path});
      }
    }
  };
  const auto is_news = [](const Known& known) { return known.is_gone || known.told != known.path; };
  add_if(is_news);
  add_if([&](const Known& known) { return !is_news(known) && known.is_due; });
  if (sent_.empty()) return {};
  if (begins_) sent_.insert(sent_.begin(), {Kind::remove_all});
  pending_ = true;
  return sent_;
}

void PathTeller::learn(SteadyTime now, const base::Expected<dns::Rcode, LookupError>& rcode,
                       std::minstd_rand& random) {
  pending_ = false;
  if (rcode && *rcode == dns::Rcode::noerror) {
    for (const PathEdit& edit : sent_) {
      if (edit.kind == Kind::remove_all) begins_ = false;
      if (edit.kind == Kind::remove) peers_.erase(edit.path.peer);
      const auto known = peers_.find(edit.path.peer);
      if (edit.kind != Kind::add || known == peers_.end()) continue;
      known->second.told = edit.path;
      known->second.is_due = known->second.is_uncertain = false;
    }
    failures_ = 0;
    was_taken_ = true;
    trouble_.reset();
    next_ = now + message_interval;
    return;
  }
  if (rcode && *rcode == dns::Rcode::refused) {
    trouble_ = fmt::format("it answers {}", dns::to_string(*rcode));
    begins_ = true;
    const bool was_taken = std::exchange(was_taken_, false);
    next_ = now + jittered(was_taken ? refused_pause : unknown_pause, random);
    return;
  }
  trouble_ = rcode ? fmt::format("it answers {}", dns::to_string(*rcode))
                   : std::string(to_string(rcode.error()));
  for (const PathEdit& edit : sent_) {
    const auto known = peers_.find(edit.path.peer);
    if (edit.kind != Kind::add || known == peers_.end()) continue;
    known->second.is_due = known->second.is_uncertain = true;
  }
  next_ =
      now + jittered(failure_pauses.at(std::min<std::size_t>(failures_, failure_pauses.size() - 1)),
                     random);
  ++failures_;
}

void PathTeller::take(SteadyTime now, std::span<const SeenWay> ways) {
  std::vector<const SeenWay*> told;
  for (const SeenWay& seen : ways) told.push_back(&seen);
  if (told.size() > schema::max_paths) {
    std::sort(told.begin(), told.end(), [](const SeenWay* one, const SeenWay* other) {
      return std::pair(one->way == schema::Way::none, one->peer) <
             std::pair(other->way == schema::Way::none, other->peer);
    });
    told.resize(schema::max_paths);
  }
  for (auto& [key, known] : peers_) known.is_gone = true;
  for (const SeenWay* seen : told) {
    const auto [one, is_new] = peers_.try_emplace(seen->peer);
    Known& known = one->second;
    known.is_gone = false;
    if (is_new) known.path.peer = seen->peer;
    follow(now, *seen, known);
  }
  for (auto one = peers_.begin(); one != peers_.end();) lose(one);
}

/// Goes on to the next; forgets one that is gone and was not told.
void PathTeller::lose(All::iterator& one) {
  const Known& known = one->second;
  // Only a record that is known to the last letter can be removed alone.
  begins_ = begins_ || (known.is_gone && known.is_uncertain);
  one = known.is_gone && !known.told ? peers_.erase(one) : std::next(one);
}

void PathTeller::follow(SteadyTime now, const SeenWay& seen, Known& known) {
  schema::PeerPath& path = known.path;
  const auto round_trip = seen.way == schema::Way::none ? std::nullopt : seen.round_trip;
  const bool is_other_way = path.way != seen.way;
  const bool is_first = round_trip.has_value() != path.rtt.has_value();
  path.way = seen.way;
  if (!round_trip) path.rtt.reset();
  if (!round_trip || (!is_other_way && !is_first && fits(*round_trip, *path.rtt))) {
    known.strays_since.reset();
    return;
  }
  if (!known.strays_since) known.strays_since = now;
  if (!is_other_way && !is_first && now - *known.strays_since < settling) return;
  path.rtt = schema::round_up_rtt(*round_trip);
  known.strays_since.reset();
}

/// The message removes everything, so nothing is told, and nothing need be removed.
void PathTeller::forget_told() {
  std::erase_if(peers_, [](const auto& one) { return one.second.is_gone; });
  for (auto& [key, known] : peers_) {
    known.told.reset();
    known.is_uncertain = false;
  }
}

bool PathTeller::is_any_due() const {
  return std::any_of(peers_.begin(), peers_.end(),
                     [](const auto& one) { return one.second.is_due; });
}

}  // namespace updater
