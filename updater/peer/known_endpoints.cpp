#include "updater/peer/known_endpoints.hpp"

#include <fmt/format.h>

#include <algorithm>

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

std::vector<Candidate> KnownEndpoints::find_candidates(Turn& turn, RelayPlace place) {
  const CandidateSources sources = find_sources(turn);
  std::vector<Candidate> relays;
  if (place != RelayPlace::none) relays = find_relays(turn);
  if (place == RelayPlace::only && !relays.empty()) return relays;
  std::vector<Candidate> candidates;
  for (const base::Endpoint& endpoint : order_candidates(sources)) candidates.push_back({endpoint});
  const auto is_in = [](const std::vector<base::Endpoint>& endpoints, const Candidate& one) {
    return std::find(endpoints.begin(), endpoints.end(), one.endpoint) != endpoints.end();
  };
  auto where = candidates.begin();
  if (place == RelayPlace::after)
    where = std::find_if_not(candidates.begin(), candidates.end(), [&](const Candidate& one) {
      return is_in(sources.near_lan, one) || is_in(sources.published, one);
    });
  candidates.insert(where, relays.begin(), relays.end());
  return candidates;
}

std::vector<Candidate> KnownEndpoints::find_relays(const Turn& turn) const {
  std::vector<Candidate> found;
  if (turn.settings.relay_of(turn.key()) == RelayUse::never || dns_.endpoints().empty())
    return found;
  for (const wg::PublicKey& key : dns_.relays()) {
    const RelayHub* hub = turn.scene.find_relay(key);
    if (hub != nullptr && hub->answers) found.push_back({hub->endpoint, key});
  }
  return found;
}

std::vector<base::Endpoint> KnownEndpoints::find_near(Turn& turn) {
  if (!may_be_near(turn.scene)) return {};
  return find_sources(turn).near_lan;
}

CandidateSources KnownEndpoints::find_sources(Turn& turn) {
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
  return sources;
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

std::string KnownEndpoints::describe_origin(const PeerMemory& memory) const {
  if (!dns_.endpoints().empty()) return "DNS says where it is";
  return memory.last_good ? "DNS says nothing, but a place that worked is known"
                          : "DNS says nothing but a place on its own network";
}

std::chrono::seconds KnownEndpoints::wanted_keepalive(const Turn& turn) const {
  const std::chrono::seconds user = turn.memory.keepalive.user();
  return user == 0s && is_managed(turn.memory) ? turn.settings.direct_keepalive_of(turn.key())
                                               : user;
}

}  // namespace updater
