#pragma once

#include <chrono>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "updater/lookup/dns_view.hpp"
#include "updater/lookup/lookup.hpp"
#include "updater/peer/candidates.hpp"
#include "updater/peer/turn.hpp"
#include "updater/tunnel/lan.hpp"

namespace updater {

/// Where one peer may be reached: what DNS says, what the peer says of its own network, and what
/// worked last. Notes once for each refused endpoint and reason why it is never set. Pure.
class KnownEndpoints {
 public:
  /// \param family the only one that the operator wants; none: any.
  KnownEndpoints(base::SteadyTime now, std::optional<base::Family> family)
      : family_(family), dns_(now) {}

  [[nodiscard]] DnsView& dns() { return dns_; }
  [[nodiscard]] const DnsView& dns() const { return dns_; }
  [[nodiscard]] LanView& lan() { return lan_; }
  [[nodiscard]] const LanView& lan() const { return lan_; }

  /// As DnsView::learn(), without the endpoints of a family that the operator does not want.
  bool learn(const base::Now& now, LookupResult result, DnsView::Pace pace,
             std::minstd_rand& random);

  /// What to try now, the best first (order_candidates()); empty: nothing is known. Appends a note
  /// for each endpoint that is newly refused.
  [[nodiscard]] std::vector<Candidate> find_candidates(Turn& turn, RelayPlace place);
  /// The hubs that pass packets on to the peer and answer now, the preferred one first; empty: none
  /// does, or the operator does not want it, or DNS knows no place of the peer.
  [[nodiscard]] std::vector<Candidate> find_relays(const Turn& turn) const;
  /// Endpoints of the peer's own network that answer on a link of this host.
  [[nodiscard]] std::vector<base::Endpoint> find_near(Turn& turn);
  /// Whether the endpoint may be set on the device (refuse_endpoint()). Appends a note if it is
  /// newly refused.
  [[nodiscard]] bool may_set(Turn& turn, const base::Endpoint& endpoint);
  /// Whether the peer may be behind the same NAT as this host: both are seen at one address, or one
  /// of the two is not known yet.
  [[nodiscard]] bool may_be_near(const Scene& scene) const;

  /// Whether we reach the peer for the user: DNS knows an endpoint, or one has worked before. All
  /// other peers keep the user's keepalive.
  [[nodiscard]] bool is_managed(const PeerMemory& memory) const {
    return !dns_.endpoints().empty() || memory.last_good.has_value();
  }
  /// Why there is something to try, for the log and for `why`: DNS may know nothing of the peer.
  [[nodiscard]] std::string describe_origin(const PeerMemory& memory) const;
  /// The keepalive of a direct tunnel to the peer, 0–65535 s; 0: off.
  [[nodiscard]] std::chrono::seconds wanted_keepalive(const Turn& turn) const;

 private:
  [[nodiscard]] bool is_wanted(const base::Endpoint& endpoint) const {
    return !family_ || endpoint.address.family() == *family_;
  }
  [[nodiscard]] CandidateSources find_sources(Turn& turn);
  void tell_refused(Turn& turn, const base::Endpoint& endpoint, const std::string& reason);

  std::optional<base::Family> family_;
  DnsView dns_;
  LanView lan_;
  std::vector<std::pair<base::Endpoint, std::string>> refused_;  ///< told; the oldest first
};

}  // namespace updater
