#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/response.hpp"
#include "dns/types.hpp"
#include "dns/zone_file.hpp"
#include "dnsd/peers/live_state.hpp"
#include "dnsd/peers/peer_table.hpp"
#include "dnsd/settings/view.hpp"
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

/// What a lookup came to, beside the records that it wrote.
struct Finding {
  Outcome outcome{};
  /// The answer holds an endpoint that has not been confirmed lately, and this view is told so.
  bool is_stale = false;
  /// Any name there would get the same: from a wildcard, or below a delegation.
  bool is_for_any_name = false;

  friend bool operator==(const Finding&, const Finding&) = default;
};

/// The zone: static records merged with the peers' (design §2). Immutable but for what it reads
/// from the table and the live state, both of which outlive it; any thread may ask. Replaced as a
/// whole at reload.
class Zone {
 public:
  /// Label of a configured peer, in any case → its key.
  using Names = std::map<std::string, wg::PublicKey, std::less<>>;
  using Visit = std::function<void(dns::NameView owner, dns::RrType, dns::Ttl, base::Bytes rdata)>;

  /// \param records static part; exactly one SOA and at least one NS at the apex.
  /// \error a record at a reserved name, a cut or DNAME above one, CNAME beside other data, data
  /// below a cut that is
  ///        not glue, a second SOA: with the line.
  [[nodiscard]] static base::Expected<Zone, ZoneError> make(const ZoneOptions& options,
                                                            std::vector<dns::ZoneRecord> records,
                                                            const Names& names,
                                                            const PeerTable& peers,
                                                            const LiveState& live);

  /// A name that is asked for, and all that can be said of it without looking anything up.
  struct Question {
    dns::NameView name;
    bool is_ours = false;                    ///< at or below the apex
    std::optional<schema::PeerName> peer{};  ///< whose name it is, registered or not
    PeerTable::KeyHash hash{};               ///< of that peer's key
  };
  /// \param name borrowed for as long as the question.
  [[nodiscard]] Question read(dns::NameView name) const;
  /// Where the answers to many questions will be read from.
  [[nodiscard]] const PeerTable& peers() const { return peers_; }

  /// One question of class IN. Writes everything that the reply's sections hold. \param type ANY
  /// gives one RRset (RFC 8482 §4.1); AXFR and IXFR are not for here.
  [[nodiscard]] Finding lookup(const Question& question, dns::RrType type, View view,
                               dns::RecordSink& sink) const;

  /// Every record of the view, the SOA first: what `wg-dnsd zone` prints. From the control thread
  /// only.
  void for_each_record(View view, const Visit& visit) const;
  /// The same in parts, for views that are too large to write at once. First what is not a peer's:
  void for_each_common_record(View view, const Visit& visit) const;
  /// then what one peer has; nothing when it is not registered (any more). Any thread.
  void for_each_peer_record(const wg::PublicKey& key, View view, const Visit& visit) const;

  [[nodiscard]] const ZoneOptions& options() const { return options_; }
  /// Things to tell the operator once: wildcards that answer for unregistered keys.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Rrset {
    dns::RrType type{};
    dns::Ttl ttl;
    std::vector<std::vector<std::uint8_t>> rdata;
  };

  /// What the static part has at one name; without RRsets it is an empty non-terminal.
  struct StaticNode {
    std::vector<Rrset> rrsets;
    [[nodiscard]] const Rrset* find(dns::RrType type) const;
  };

  /// What exists at one name in one view, static and dynamic together.
  struct Node {
    enum class Dynamic : std::uint8_t {
      none,
      empty,         ///< an empty non-terminal above dynamic names
      host,          ///< K.Z
      service,       ///< _wireguard._udp.K.Z
      instance,      ///< K._wireguard._udp.Z, padded or not
      address,       ///< A.K.Z
      lan,           ///< _lan.K.Z
      alias,         ///< a named peer's form of one of those: a CNAME to that
      service_root,  ///< _wireguard._udp.Z
      service_types  ///< _services._dns-sd._udp.Z
    };
    const StaticNode* statics = nullptr;
    Dynamic dynamic = Dynamic::none;
    /// Of host, service, instance, address, lan; borrowed from the question.
    const schema::PeerName* name = nullptr;
    /// Of alias: which name of which peer it stands for.
    schema::PeerName::Form alias_form{};
    const wg::PublicKey* alias_key = nullptr;
    /// Of a peer. Beside the endpoints it is known where the view is told of it, or no
    /// endpoint is shown.
    PeerSnapshot peer{};
    std::shared_ptr<const schema::LanEndpoints> lan{};  ///< of lan

    /// Whether the name is one of a registered peer; then `name` and `peer` are set.
    [[nodiscard]] bool is_peer() const { return name != nullptr && dynamic != Dynamic::none; }
  };

  using StaticNodes = std::unordered_map<dns::Name, StaticNode, dns::NameHash, dns::NameEqual>;

  /// Where records go while one node is written.
  struct Emission {
    dns::NameView owner;
    View view;
    dns::RecordSink& sink;
    dns::Section section = dns::Section::answer;
    bool with_targets = false;  ///< behind SRV records of peers the addresses that they point to

    void add(dns::RrType type, dns::Ttl ttl, base::Bytes rdata) const {
      sink.add(section, owner, type, ttl, rdata);
    }
  };

  Zone(const ZoneOptions& options, const Names& names, const PeerTable& peers,
       const LiveState& live);
  [[nodiscard]] std::optional<ZoneError> add_static(dns::ZoneRecord record);
  [[nodiscard]] std::optional<ZoneError> check_static(
      const std::map<dns::Name, std::size_t>& lines);
  [[nodiscard]] std::optional<std::string> check_reserved(dns::NameView owner) const;

  [[nodiscard]] bool find_node(const Question& question, View view, Node& node) const;
  [[nodiscard]] Node::Dynamic find_peer(PeerTable::KeyHash hash, View view, Node& node) const;
  [[nodiscard]] dns::Name alias_target(const Node& node) const;
  [[nodiscard]] Node::Dynamic find_fixed(dns::NameView name, View view, Node& node) const;
  [[nodiscard]] const StaticNode* find_static(dns::NameView name) const;
  [[nodiscard]] bool find_wildcard(dns::NameView name, View view, Node& node) const;
  [[nodiscard]] std::optional<dns::NameView> find_cut(dns::NameView name) const;

  [[nodiscard]] Finding look_up_one(const Question& question, dns::RrType type, View view,
                                    dns::RecordSink& sink, dns::Name& next) const;
  void emit_peer(const wg::PublicKey& key, const PeerRecord& record, View view,
                 const Visit& visit) const;
  [[nodiscard]] bool emit(const Node& node, dns::RrType type, const Emission& to) const;
  [[nodiscard]] bool emit_static(const Node& node, dns::RrType type, const Emission& to) const;
  [[nodiscard]] bool emit_any(const Node& node, const Emission& to) const;
  [[nodiscard]] bool emit_addresses(const Node& node, dns::RrType type, const Emission& to) const;
  [[nodiscard]] bool emit_srv(const Node& node, const Emission& to) const;
  [[nodiscard]] bool emit_host_srv(const Node& node, const Emission& to) const;
  void emit_text(const Node& node, const Emission& to) const;
  void emit_lan(const Node& node, const Emission& to) const;
  [[nodiscard]] bool emit_list(const Emission& to) const;
  void emit_additional(const Node& node, dns::RrType type, const Emission& to) const;
  void emit_target_addresses(dns::NameView target, View view, dns::RecordSink& sink) const;
  void emit_soa(dns::Section section, dns::RecordSink& sink) const;
  void emit_referral(dns::NameView cut, View view, dns::RecordSink& sink) const;
  [[nodiscard]] bool shows(const base::Endpoint& endpoint, View view) const;
  [[nodiscard]] bool shows_any(const PeerEndpoints& endpoints, View view) const;
  [[nodiscard]] bool tells_more(View view) const;
  [[nodiscard]] bool tells_times(const PeerSnapshot& peer, View view) const;
  [[nodiscard]] bool opens(bool PublicParts::*part, View view) const;

  ZoneOptions options_;
  const PeerTable& peers_;
  const LiveState& live_;
  std::unordered_map<dns::Name, wg::PublicKey, dns::NameHash, dns::NameEqual>
      names_;  ///< label as a one-label name
  std::vector<std::string> warnings_;
  StaticNodes nodes_;
  std::vector<std::uint8_t>
      soa_;  ///< rdata with MINIMUM lowered; the serial is put in when it is sent
  dns::Ttl soa_ttl_;
  static constexpr int max_cname_hops = 16;  ///< longer chains are refused when the zone is made
  static constexpr std::size_t deepest_dynamic_name =
      3;                                        ///< labels below the apex: _wireguard._udp.K
  std::size_t deepest_ = deepest_dynamic_name;  ///< the same of all names that there can be
  bool has_cuts_ = false;
  bool has_wildcards_ = false;

  dns::Name protocol_root_;       ///< _udp.Z
  dns::Name service_root_;        ///< _wireguard._udp.Z
  dns::Name service_types_root_;  ///< _dns-sd._udp.Z
  dns::Name service_types_;       ///< _services._dns-sd._udp.Z
};

}  // namespace dnsd
