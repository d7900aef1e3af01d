#include "updater/lookup/dns_view.hpp"

#include <algorithm>
#include <chrono>

#include "updater/plan/plan.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;
using base::SteadyTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Pace::urgent. The intervals end with these look-ups, counted since the last hurry().
constexpr unsigned quick_lookups = 6;
constexpr unsigned brisk_lookups = 12;
constexpr milliseconds quick_interval = 1100ms;
constexpr milliseconds brisk_interval = 2200ms;
/// Including 20 % of jitter and the public host's own reading of its interface, a peer that comes
/// after a long time is reached within 12 s.
constexpr milliseconds waiting_interval = 9s;
/// Pace::calm, and also for a key that is not registered.
constexpr milliseconds calm_interval = 60s;
/// Percent. Spreads the look-ups of peers that became direct at the same moment.
constexpr int calm_jitter = 50;
/// A longer TTL is a mistake in the zone, and would hide a peer that moved.
constexpr auto longest_trusted_ttl = 60s;
constexpr auto text_interval = 8s;

}  // namespace

bool DnsView::learn(const base::Now& now, const LookupResult& result, Pace pace,
                    std::minstd_rand& random) {
  pending_ = false;
  asked_ = true;
  bool is_news = false;
  if (!result.endpoints) {
    error_ = result.endpoints.error();
  } else {
    error_.reset();
    const auto& found = result.endpoints->endpoints;
    const auto news = std::find_if(found.begin(), found.end(), [&](const auto& endpoint) {
      return std::find(endpoints_.begin(), endpoints_.end(), endpoint) == endpoints_.end();
    });
    is_news = news != found.end();
    // The first answer is new, but not a change.
    if (is_news && !endpoints_.empty()) change_ = Change{*news, now.steady, answered_};
    endpoints_ = found;
    answered_ = now.steady;
    until_ =
        now.steady + std::min<seconds>(seconds(result.endpoints->ttl.seconds), longest_trusted_ttl);
  }
  // Where it was asked and not answered, too: wants_text().
  is_public_hub_ = result.text && result.text->is_hub;
  if (result.text) mapping_ = result.text->mapping;
  if (result.text) relays_ = result.text->relays;
  if (result.text) text_due_ = now.steady + text_interval;
  if (is_news) text_due_ = now.steady;
  ++lookups_;
  const milliseconds interval = lookups_ < quick_lookups   ? quick_interval
                                : lookups_ < brisk_lookups ? brisk_interval
                                                           : waiting_interval;
  const bool is_unknown = error_ == LookupError::no_such_name && lookups_ >= quick_lookups;
  const bool is_calm = pace == Pace::calm || is_unknown;
  const auto wait =
      is_calm ? jittered(calm_interval, random, calm_jitter) : jittered(interval, random);
  next_ = std::max(now.steady + wait, until_);
  return is_news;
}

bool DnsView::ask_if_due(SteadyTime now) {
  if (pending_ || now < next_) return false;
  pending_ = true;
  return true;
}

std::optional<SteadyTime> DnsView::next() const {
  if (pending_) return std::nullopt;
  return next_;
}

void DnsView::hurry(SteadyTime now) {
  lookups_ = 0;
  next_ = std::max(now, until_);
}

void DnsView::calm_down(SteadyTime now, std::minstd_rand& random) {
  if (asked_) next_ = std::max(next_, now + jittered(calm_interval, random, calm_jitter));
}

}  // namespace updater
