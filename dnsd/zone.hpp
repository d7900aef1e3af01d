#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"
#include "dns/zone_file.hpp"
#include "dnsd/live_state.hpp"
#include "dnsd/peer_table.hpp"
#include "dnsd/view.hpp"
#include "schema/owner_name.hpp"

namespace dnsd {

struct ZoneOptions {
  dns::Name apex;
  dns::Ttl endpoint_ttl{1};      ///< SRV, TXT, A, AAAA, PTR of peers
  dns::Ttl cname_ttl{60};        ///< CNAMEs of named peers
  dns::Ttl negative_ttl{1};      ///< lowers the MINIMUM of the SOA, never raises it
  bool padded_names = true;      ///< K====._wireguard._udp.Z as well
  bool publish_private = false;  ///< RFC 1918, 100.64/10 and ULA endpoints in the public view too
  PublicParts public_parts;
};

/// A static record that the zone cannot hold, with the line of its file.
struct ZoneError {
  std::size_t line = 0;
  std::string message;
};

/// Receives records, section by section, in the order in which they are to be written.
class RecordSink {
 public:
  enum class Section : std::uint8_t { answer, authority, additional };

  virtual ~RecordSink() = default;
  /// The spans are valid during the call only.
  virtual void add(Section section, dns::NameView owner, dns::RrType type, dns::Ttl ttl,
                   base::Bytes rdata) = 0;
};

/// What a lookup came to. One value decides rcode, AA and what the authority section holds.
enum class Outcome : std::uint8_t {
  hit,       ///< NOERROR, the answer section holds what was asked for (perhaps behind CNAMEs)
  nodata,    ///< NOERROR, the name exists without that type; SOA
  nxdomain,  ///< NXDOMAIN; SOA
  referral,  ///< NOERROR, AA clear; NS of the child and its glue
  cname,     ///< NOERROR, the chain leaves the zone
  failed,    ///< SERVFAIL: no source has told yet whether the key exists, or a CNAME loop
  refused,   ///< REFUSED: not our zone
};

/// The zone: static records merged with the peers' (design §2). Immutable but for what it reads
/// from the table and the live state, both of which outlive it; any thread may ask. Replaced as a
/// whole at reload.
class Zone {
 public:
  /// Label of a configured peer → its key.
  using Names = std::map<std::string, wg::PublicKey, std::less<>>;

  /// \param records static part; exactly one SOA and at least one NS at the apex.
  /// \error a record at a reserved name, a cut or DNAME above one, CNAME beside other data, data
  /// below a cut that is
  ///        not glue, a second SOA: with the line.
  [[nodiscard]] static base::Expected<Zone, ZoneError> make(ZoneOptions options,
                                                            std::vector<dns::ZoneRecord> records,
                                                            Names names, const PeerTable& peers,
                                                            const LiveState& live);

  /// One question of class IN. Writes everything that the reply's sections hold. \param type ANY
  /// gives one RRset (RFC 8482 §4.1); AXFR and IXFR are not for here.
  [[nodiscard]] Outcome lookup(dns::NameView name, dns::RrType type, View view,
                               RecordSink& sink) const;

  /// Every record of the view, the SOA first: what `wg-dnsd zone` prints. From the control thread
  /// only.
  void for_each_record(View view, const std::function<void(dns::NameView owner, dns::RrType,
                                                           dns::Ttl, base::Bytes)>& visit) const;

  [[nodiscard]] const ZoneOptions& options() const { return options_; }
  /// Things to tell the operator once: wildcards that answer for unregistered keys.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
};

/// Whether an endpoint is told to this view (design §3.5).
[[nodiscard]] bool is_published(const base::Endpoint& endpoint, View view, bool publish_private);

}  // namespace dnsd
