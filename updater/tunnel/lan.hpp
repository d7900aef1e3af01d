#pragma once

#include <optional>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/interfaces.hpp"
#include "dns/reply.hpp"
#include "schema/lan_text.hpp"
#include "updater/lookup/lookup.hpp"
#include "wg/device.hpp"

/// LAN announcements (doc/protocol.md §3.1): what this host tells of its own network and when, what
/// the other peers told, and which of their endpoints may be used. Pure.
namespace updater {

/// The endpoints that this host announces: its addresses with the device's port, private ones
/// first, at most schema::max_lan_endpoints. Addresses of the tunnel and those inside its
/// allowed-ips are left out. \return empty: there is none, or the device has no port yet.
[[nodiscard]] schema::LanEndpoints find_own_lan_endpoints(
    const wg::Device& device, std::span<const base::InterfaceAddress> host);

/// The interface index of the link on which the address lies, the tunnel excepted; nullopt: it lies
/// on none.
[[nodiscard]] std::optional<unsigned> find_link(const base::IpAddress& address,
                                                const std::string& tunnel,
                                                std::span<const base::InterfaceAddress> host);

/// Why an endpoint that a peer announced must not be set, besides the reasons of
/// refuse_endpoint(): it is a loopback or link-local address, a public one that is on no link of
/// this host, one of the tunnel, or the hub's. nullopt: it may be set.
/// \param hubs addresses of the hubs.
[[nodiscard]] std::optional<std::string> refuse_lan_endpoint(
    const base::Endpoint& endpoint, const wg::Device& device,
    std::span<const base::InterfaceAddress> host, std::span<const base::IpAddress> hubs);

/// The answer to `_lan.K.Z` TXT. The whole answer is malformed if it has more than
/// schema::max_lan_endpoints endpoints, a second record, or an endpoint that may not be announced.
/// \param packet as received.
[[nodiscard]] base::Expected<schema::LanEndpoints, LookupError> parse_lan_answer(
    base::Bytes packet, const wg::PublicKey& peer, const dns::Name& zone);

/// One endpoint that a peer announced.
struct LanCandidate {
  base::Endpoint endpoint;
  bool answers = false;  ///< it is on a link of this host, and a host there has the address

  friend bool operator==(const LanCandidate&, const LanCandidate&) = default;
};

struct LanResult {
  wg::PublicKey peer;
  base::Expected<std::vector<LanCandidate>, LookupError> candidates;
};

/// What one peer told of its own network, and when to ask it again.
class LanView {
 public:
  /// Whether to ask now. If so, the answer is awaited from now on. \param may_be_near the peer may
  /// be behind the same NAT: ask at every call. Otherwise once a minute.
  [[nodiscard]] bool ask_if_due(base::SteadyTime now, bool may_be_near);
  /// Takes an answer. "There is none" removes the old candidates; other failures change nothing.
  /// \return whether this answer was refused and the one before it was not.
  bool learn(const LanResult& result);
  /// \return whether a candidate answers that did not answer before. A second call says false.
  [[nodiscard]] bool take_news();

  [[nodiscard]] const std::vector<LanCandidate>& candidates() const { return candidates_; }
  /// The answer is awaited, or the last one said that the peer has announced nothing yet.
  [[nodiscard]] bool may_come() const { return may_come_; }
  [[nodiscard]] bool has_told(const base::Endpoint& endpoint) const;

 private:
  std::vector<LanCandidate> candidates_;
  std::optional<base::SteadyTime> asked_;
  bool pending_ = false;
  bool may_come_ = true;
  bool news_ = false;
  bool refused_ = false;
};

/// When this host sends its announcement: at once when its addresses change, every 100 s as a
/// renewal, and after a failure in growing pauses.
class LanAnnouncer {
 public:
  /// \param own of find_own_lan_endpoints(). \return what to announce now; empty: withdraw it;
  /// nullopt: nothing is due. After an announcement nothing is due until learn() is called.
  [[nodiscard]] std::optional<schema::LanEndpoints> announce_if_due(
      base::SteadyTime now, const schema::LanEndpoints& own);
  /// \param rcode of the reply; an error: no reply came.
  void learn(base::SteadyTime now, const base::Expected<dns::Rcode, LookupError>& rcode,
             std::minstd_rand& random);
  /// Call when the server or the device is another one, which has no announcement yet.
  void forget();

  /// Why the server did not take the last announcement; none: it did.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }
  /// Whether the server has taken one: an interface in place of a point takes none.
  [[nodiscard]] bool was_taken() const { return was_taken_; }

 private:
  std::optional<schema::LanEndpoints>
      told_;  ///< what the server has; none: nothing, as far as is known
  std::optional<schema::LanEndpoints> sent_;  ///< the last announcement, taken or not
  bool pending_ = false;
  bool was_taken_ = false;
  unsigned failures_ = 0;
  base::SteadyTime next_;  ///< when to send the same again
  std::optional<std::string> trouble_;
};

}  // namespace updater
