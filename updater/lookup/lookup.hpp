#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/reply.hpp"
#include "dns/resolver.hpp"
#include "schema/nat_mapping.hpp"
#include "wg/public_key.hpp"

/// One peer's records (doc/protocol.md §1) as endpoints. Pure: the resolver is a function.
namespace updater {

/// Why a look-up gave no endpoint. None of them changes anything (doc/protocol.md §4.6).
enum class LookupError : std::uint8_t {
  no_such_name,    ///< NXDOMAIN: nobody registered the key
  no_endpoint,     ///< NODATA: registered, but not seen
  server_failure,  ///< SERVFAIL, or another response code that does not say why
  refused,         ///< REFUSED
  timeout,         ///< no server answered
  unreachable,     ///< no server could be asked
  malformed,       ///< the reply, or the records in it, are not well-formed
  foreign,         ///< records of another owner: another peer's, or nobody's
};

/// The look-up error for a question that failed in this way.
[[nodiscard]] LookupError to_lookup_error(dns::ResolverError error);
/// One clause for the log: "the name does not exist (NXDOMAIN)".
[[nodiscard]] std::string_view to_string(LookupError error);
/// Whether the error is about the peer, and not about the way to the zone.
[[nodiscard]] bool is_about_peer(LookupError error);

/// Where a peer was seen, the preferred one first.
struct PublishedEndpoints {
  std::vector<base::Endpoint> endpoints;  ///< 1 to max_published, each once
  dns::Ttl ttl;                           ///< the shortest of the records used

  friend bool operator==(const PublishedEndpoints&, const PublishedEndpoints&) = default;
};

inline constexpr std::size_t max_published = 8;

/// What the peer's TXT record says. Unless the operator opens it, only the private view has it:
/// look_up_peer() reads the public view, parse_text_answer() an answer of the private one.
struct PublishedText {
  bool is_hub = false;                        ///< role=hub
  std::optional<schema::NatMapping> mapping;  ///< map=
  /// relay=, which is public: the hosts that pass packets on to the peer, the preferred one first.
  std::vector<wg::PublicKey> relays = {};
  std::string name = {};  ///< name=: one label, or empty

  friend bool operator==(const PublishedText&, const PublishedText&) = default;
};

struct LookupResult {
  wg::PublicKey peer;
  base::Expected<PublishedEndpoints, LookupError> endpoints;
  /// None: not asked, or not answered. Without a record all its members are empty.
  std::optional<PublishedText> text;
};

/// Asks one question. \return the whole reply. \error why there is none. May block.
using Ask = std::function<base::Expected<dns::Reply, LookupError>(const dns::Name&, dns::RrType)>;

/// SRV at the peer's service name, then the address of each target where the additional section
/// lacks it, because resolvers drop it. A target named after an address (A.K.Z) has to have that
/// address and to be this peer's; any other name in the peers' part of the zone is foreign.
/// \param zone at most schema::max_zone_octets. \param with_text whether to ask for TXT, too.
[[nodiscard]] LookupResult look_up_peer(const Ask& ask, const wg::PublicKey& peer,
                                        const dns::Name& zone, bool with_text);

/// The answer to the TXT question at the peer's service name, from a server in the tunnel.
/// \param packet as received. \return nullopt: the packet is no whole answer. Without a record all
/// members are empty.
[[nodiscard]] std::optional<PublishedText> parse_text_answer(base::Bytes packet,
                                                             const wg::PublicKey& peer,
                                                             const dns::Name& zone);

}  // namespace updater
