#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/response.hpp"
#include "dns/types.hpp"
#include "dns/zone_file.hpp"
#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/settings/view.hpp"
#include "dnsd/zone/peer_records.hpp"
#include "dnsd/zone/static_records.hpp"
#include "dnsd/zone/zone_names.hpp"
#include "dnsd/zone/zone_options.hpp"
#include "schema/owner_name.hpp"

/// From a question to a finding. `Zone` decides what exists at a name, and in which order records
/// are written; the records themselves come from `StaticRecords` (the operator's) and `PeerRecords`
/// (those of a peer in a view), which know nothing of each other.
namespace dnsd {

/// The result of a lookup. It decides rcode, AA and what the authority section holds.
enum class Outcome : std::uint8_t {
  hit,       ///< NOERROR, the answer section holds what was asked for (perhaps behind CNAMEs)
  nodata,    ///< NOERROR, the name exists without that type; SOA
  nxdomain,  ///< NXDOMAIN; SOA
  referral,  ///< NOERROR, AA clear; NS of the child and its glue
  /// NOERROR, the chain ends outside what we serve: another zone, a delegated child, a name that is
  /// in it already, or more than max_cname_hops (through wildcards).
  cname,
  failed,   ///< SERVFAIL: not every source was read yet, so the key may exist
  refused,  ///< REFUSED: not our zone
};

/// The result of a lookup, apart from the records that it wrote.
struct Finding {
  Outcome outcome{};
  /// The answer holds an endpoint that has not been confirmed lately, and this view is told so.
  bool is_stale = false;
  /// Any name there would get the same: from a wildcard, or below a delegation.
  bool is_for_any_name = false;

  friend bool operator==(const Finding&, const Finding&) = default;
};

/// The zone as it is served: static records and the records of peers. Immutable, except for what it
/// reads from the table and the live state, which both outlive it. Any thread may ask. A reload
/// makes another zone.
class Zone {
 public:
  using Names = ZoneNames::PeerLabels;
  using Visit = StaticRecords::Visit;

  /// \param records static part; exactly one SOA and at least one NS at the apex.
  /// \error those of StaticRecords::make(); the apex is too long for the names of peers.
  [[nodiscard]] static base::Expected<Zone, ZoneError> make(const ZoneOptions& options,
                                                            std::vector<dns::ZoneRecord> records,
                                                            const Names& names,
                                                            const PeerTable& peers,
                                                            const LiveState& live);

  /// A name that is asked for, and all that the name alone says.
  struct Question {
    dns::NameView name;
    bool is_ours = false;                    ///< at or below the apex
    std::optional<schema::PeerName> peer{};  ///< the peer whose name it is, registered or not
    PeerTable::KeyHash hash{};               ///< of that peer's key
  };
  /// \param name borrowed for as long as the question.
  [[nodiscard]] Question read(dns::NameView name) const;
  /// The table that lookup() reads: for prefetching.
  [[nodiscard]] const PeerTable& peers() const { return peers_; }

  /// One question of class IN. Writes everything that the reply's sections hold. \param type ANY
  /// gives one RRset (RFC 8482 §4.1); AXFR and IXFR are not for here.
  [[nodiscard]] Finding lookup(const Question& question, dns::RrType type, View view,
                               dns::RecordSink& sink) const;

  /// Every record of the view, the SOA first: what `wg-dnsd zone` prints. From the control thread
  /// only.
  void for_each_record(View view, const Visit& visit) const;
  /// The same in parts, for views that are too large to write at once. First everything that does
  /// not belong to one peer:
  void for_each_common_record(View view, const Visit& visit) const;
  /// then the records of each peer; none if it is not registered (any more). Any thread.
  void for_each_peer_record(const wg::PublicKey& key, View view, const Visit& visit) const;

  [[nodiscard]] const ZoneOptions& options() const { return options_; }
  /// Things to tell the operator once.
  [[nodiscard]] const std::vector<dns::ZoneNote>& warnings() const { return statics_.warnings(); }

 private:
  /// What exists at one name in one view, static and dynamic together.
  struct Node {
    /// What the server makes there.
    enum class Dynamic : std::uint8_t {
      none,
      empty,         ///< an empty non-terminal above names that the server makes
      peer,          ///< a name of a registered peer
      alias,         ///< a CNAME to a name of a configured peer
      tunnel,        ///< the addresses of a named peer inside the tunnel
      service_root,  ///< _wireguard._udp.Z
      service_types  ///< _services._dns-sd._udp.Z
    };
    Dynamic dynamic = Dynamic::none;
    const StaticNode* statics = nullptr;
    const schema::PeerName* name = nullptr;  ///< of `peer`; borrowed from the question
    VisiblePeer peer{};                      ///< of `peer` and `tunnel`
    ZoneNames::Alias alias{};                ///< of `alias`

    [[nodiscard]] bool exists() const { return statics != nullptr || dynamic != Dynamic::none; }
  };

  Zone(const ZoneOptions& options, ZoneNames names, StaticRecords statics, const PeerTable& peers,
       const LiveState& live);

  // What is at a name. \param node fresh.
  // \param type ANY, TXT, or any other type: a peer's TXT says more than the other types need.
  void find_node(const Question& question, dns::RrType type, View view, Node& node) const;
  [[nodiscard]] bool find_peer(const Question& question, dns::RrType type, View view,
                               VisiblePeer& peer) const;
  [[nodiscard]] Node::Dynamic find_fixed(dns::NameView name, View view, Node& node) const;
  [[nodiscard]] const StaticNode* find_wildcard(dns::NameView name, View view) const;
  [[nodiscard]] Finding look_up_one(const Question& question, dns::RrType type, View view,
                                    dns::RecordSink& sink, dns::Name& next) const;
  [[nodiscard]] Finding follow(const Question& question, const dns::Name& first, dns::RrType type,
                               View view, dns::RecordSink& sink) const;
  [[nodiscard]] dns::Name cname_target(const Node& node) const;

  // Writing records. The result says whether there were any.
  [[nodiscard]] bool emit(const Node& node, dns::RrType type, View view, const Emission& to) const;
  [[nodiscard]] bool emit_static(const Node& node, dns::RrType type, const Emission& to) const;
  [[nodiscard]] bool emit_any(const Node& node, View view, const Emission& to) const;
  void emit_additional(const Node& node, dns::NameView owner, dns::RrType type, View view,
                       dns::RecordSink& sink) const;
  void emit_target_addresses(dns::NameView target, View view, dns::RecordSink& sink) const;
  void emit_referral(dns::NameView cut, View view, dns::RecordSink& sink) const;
  void emit_soa(dns::Section section, dns::RecordSink& sink) const;

  void visit_peer(const wg::PublicKey& key, const PeerRecord& record, View view,
                  const Visit& visit) const;

  ZoneOptions options_;
  ZoneNames names_;
  StaticRecords statics_;
  PeerRecords peer_records_;
  const PeerTable& peers_;
  const LiveState& live_;
  /// MINIMUM is lowered already; the serial is put in when it is sent.
  std::vector<std::uint8_t> soa_;
  dns::Ttl soa_ttl_;
  std::size_t deepest_;  ///< labels below the apex of the deepest name that there can be
};

}  // namespace dnsd
