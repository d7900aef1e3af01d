#include "updater/peer/known_endpoints.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "updater/peer/candidates.hpp"

namespace updater {
namespace {

using namespace std::chrono_literals;

/// Length of the list of reported refusals: all endpoints of DNS and of the peer's own network.
constexpr std::size_t max_refused = max_published + schema::max_lan_endpoints;

}  // namespace

bool KnownEndpoints::learn(const base::Now& now, LookupResult result, DnsView::Pace pace,
                           std::minstd_rand& random) {
  if (result.endpoints)
    std::erase_if(result.endpoints->endpoints,
                  [&](const base::Endpoint& endpoint) { return !is_wanted(endpoint); });
  return dns_.learn(now, result, pace, random);
}

std::vector<base::Endpoint> KnownEndpoints::find_candidates(Turn& turn) {
  const Scene& scene = turn.scene;
  CandidateSources sources;
  for (const base::Endpoint& endpoint : dns_.endpoints()) {
    if (may_set(turn, endpoint)) sources.published.push_back(endpoint);
  }
  const auto error = dns_.error();
  const bool is_registered = error != LookupError::no_such_name && error != LookupError::foreign;
  const auto& last_good = turn.memory.last_good;
  if (is_registered && last_good && is_wanted(*last_good) && may_set(turn, *last_good))
    sources.last_good = last_good;
  const bool is_near = may_be_near(scene);
  for (const LanCandidate& candidate : lan_.candidates()) {
    if (!is_wanted(candidate.endpoint)) continue;
    const auto reason =
        refuse_lan_endpoint(candidate.endpoint, scene.device, scene.host, scene.hubs);
    if (reason) {
      tell_refused(turn, candidate.endpoint, *reason);
    } else if (may_set(turn, candidate.endpoint)) {
      (candidate.answers && is_near ? sources.near_lan : sources.far_lan)
          .push_back(candidate.endpoint);
    }
  }
  return order_candidates(sources);
}

bool KnownEndpoints::may_set(Turn& turn, const base::Endpoint& endpoint) {
  const auto reason = refuse_endpoint(endpoint, turn.scene.device, turn.scene.host);
  if (reason) tell_refused(turn, endpoint, *reason);
  return !reason;
}

void KnownEndpoints::tell_refused(Turn& turn, const base::Endpoint& endpoint,
                                  const std::string& reason) {
  std::pair<base::Endpoint, std::string> item(endpoint, reason);
  if (std::find(refused_.begin(), refused_.end(), item) != refused_.end()) return;
  turn.tell(Note::Level::trouble, fmt::format("{} is refused: {}", endpoint.to_string(), reason));
  if (refused_.size() >= max_refused) refused_.erase(refused_.begin());
  refused_.push_back(std::move(item));
}

bool KnownEndpoints::may_be_near(const Scene& scene) const {
  return !scene.own || dns_.endpoints().empty() || share_address(*scene.own, dns_.endpoints());
}

std::chrono::seconds KnownEndpoints::wanted_keepalive(const Turn& turn) const {
  const std::chrono::seconds user = turn.memory.keepalive.user();
  return user == 0s && is_managed(turn.memory) ? turn.settings.direct_keepalive_of(turn.key())
                                               : user;
}

}  // namespace updater
