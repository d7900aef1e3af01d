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

/// What peers tell each other of their own networks (doc/protocol.md, "LAN announcements"): what
/// this host says and when, what the others said, and what of it is believed. Pure.
namespace updater {

/// This host's own addresses with the device's port, for the other peers: at most
/// schema::max_lan_endpoints, private ones first. Not those of the tunnel, nor any inside its
/// allowed-ips. \return empty: nothing to tell, or the device has no port yet.
[[nodiscard]] schema::LanEndpoints find_own_lan_endpoints(
    const wg::Device& device, std::span<const base::InterfaceAddress> host);

/// The link of this host, the tunnel excepted, on which the address lies; nullopt: on none.
[[nodiscard]] std::optional<unsigned> find_link(const base::IpAddress& address,
                                                const std::string& tunnel,
                                                std::span<const base::InterfaceAddress> host);

/// Why an endpoint that a peer claims on its own network is never set, besides the reasons of
/// refuse_endpoint(): loopback and link-local addresses, public ones that are on no link of this
/// host, those of the tunnel, and those of the hub. nullopt: it may be.
/// \param hubs where the hubs are.
[[nodiscard]] std::optional<std::string> refuse_lan_endpoint(
    const base::Endpoint& endpoint, const wg::Device& device,
    std::span<const base::InterfaceAddress> host, std::span<const base::IpAddress> hubs);

/// The answer to `_lan.K.Z` TXT. More than schema::max_lan_endpoints, a second record or an
/// endpoint that nobody may announce make the whole of it malformed. \param packet as received.
[[nodiscard]] base::Expected<schema::LanEndpoints, LookupError> parse_lan_answer(
    base::Bytes packet, const wg::PublicKey& peer, const dns::Name& zone);

/// What a peer says, and the link says about it.
struct LanCandidate {
  base::Endpoint endpoint;
  bool answers = false;  ///< on a link of this host, where somebody has the address

  friend bool operator==(const LanCandidate&, const LanCandidate&) = default;
};

struct LanResult {
  wg::PublicKey peer;
  base::Expected<std::vector<LanCandidate>, LookupError> candidates;
};

/// What one peer told of its own network, and when to ask again.
class LanView {
 public:
  /// Whether to ask now; then the answer is awaited. \param may_be_near the peer may be behind the
  /// same NAT: as often as called, else once a minute.
  [[nodiscard]] bool ask_if_due(base::SteadyTime now, bool may_be_near);
  /// A failed question changes nothing, but for "there is none", which takes the old ones away.
  /// \return whether the answer was refused, and the one before was not.
  bool learn(const LanResult& result);
  /// \return whether a candidate answers now that did not before; once.
  [[nodiscard]] bool take_news();

  [[nodiscard]] const std::vector<LanCandidate>& candidates() const { return candidates_; }
  /// The answer is awaited, or said that the peer has told nothing yet.
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

/// When this host's announcement is sent: at once when its addresses change, again each 100 s, and
/// after a failure in growing pauses.
class LanAnnouncer {
 public:
  /// \param own of find_own_lan_endpoints(). \return what to announce now, after which learn() is
  /// awaited; empty: withdraw; nullopt: nothing is due.
  [[nodiscard]] std::optional<schema::LanEndpoints> announce_if_due(
      base::SteadyTime now, const schema::LanEndpoints& own);
  /// \param rcode of the reply; an error: there was none.
  void learn(base::SteadyTime now, const base::Expected<dns::Rcode, LookupError>& rcode,
             std::minstd_rand& random);
  /// Another server, or another device: nobody was told.
  void forget();

  /// Why the last one was not taken; none: it was.
  [[nodiscard]] const std::optional<std::string>& trouble() const { return trouble_; }

 private:
  std::optional<schema::LanEndpoints>
      told_;  ///< what the server has; none: nothing, for all we know
  std::optional<schema::LanEndpoints> sent_;  ///< the last, taken or not
  bool pending_ = false;
  unsigned failures_ = 0;
  base::SteadyTime next_;  ///< of the same again
  std::optional<std::string> trouble_;
};

}  // namespace updater
