#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "dns/response.hpp"
#include "dns/types.hpp"
#include "dnsd/peers/peer.hpp"
#include "dnsd/settings/view.hpp"
#include "dnsd/zone/zone_options.hpp"
#include "schema/lan_text.hpp"
#include "schema/nat_mapping.hpp"
#include "schema/owner_name.hpp"
#include "schema/path_text.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// What one view is told of one peer. Everything in it may be sent there; an absent value is not
/// known, or not for this view.
struct VisiblePeer {
  PeerEndpoints endpoints;
  /// The endpoint is a host name; set only while `endpoints` is empty. Points into `detail`.
  const HostTarget* host_target = nullptr;
  std::optional<base::WallTime> since;        ///< of the endpoints, as in PeerRecord
  std::optional<base::WallTime> stale;        ///< of the endpoints, as in PeerRecord
  std::span<const base::Prefix> allowed_ips;  ///< points into `detail`
  std::optional<base::Prefix> allowed_ip;     ///< the only one, if there is no `detail`
  std::string_view name;                      ///< points into `detail`; empty: none
  bool is_hub = false;                        ///< role=hub
  std::optional<schema::NatMapping> mapping;
  bool is_relayed = false;  ///< by configuration
  /// The strings `relay=`; null: no point relays, or not this peer.
  std::shared_ptr<const std::vector<std::string>> relays;
  std::shared_ptr<const schema::LanEndpoints> lan;  ///< null: the peer announces nothing
  std::shared_ptr<const schema::PeerPaths> paths;   ///< null: the peer tells no ways
  /// Keeps alive what points into it. Do not read it: it holds more than this view may be told.
  std::shared_ptr<const PeerDetail> detail;

  [[nodiscard]] bool has_endpoint() const { return endpoints.ipv4 || endpoints.ipv6; }
};

/// Where the records of one name are written.
struct Emission {
  dns::NameView owner;
  dns::RecordSink& sink;
  dns::Section section = dns::Section::answer;
  /// SRV records of endpoints are followed by their addresses; those of a host target and of static
  /// records are written by Zone::emit_additional().
  bool with_targets = false;

  void add(dns::RrType type, dns::Ttl ttl, base::Bytes rdata) const {
    sink.add(section, owner, type, ttl, rdata);
  }
};

/// The types at one name of a peer, in the order in which a dump lists them.
class PeerTypes {
 public:
  void add(dns::RrType type) { types_[count_++] = type; }
  [[nodiscard]] const dns::RrType* begin() const { return types_.data(); }
  [[nodiscard]] const dns::RrType* end() const { return types_.data() + count_; }

 private:
  std::array<dns::RrType, 4> types_{};  // SRV, TXT, A, AAAA
  std::size_t count_ = 0;
};

/// The records of peers. First show() reduces a peer to what a view is told of it (VisiblePeer);
/// every record is then made of that alone. Pure: nothing is looked up here. Any thread.
class PeerRecords {
 public:
  explicit PeerRecords(const ZoneOptions& options) : options_(options) {}

  /// Whether a view is told more of a peer than its endpoints.
  [[nodiscard]] bool needs_snapshot(View view) const;
  /// For views that need no snapshot. Nearly all answers are made of the endpoints alone; reading
  /// the rest costs another cache line. \param peer fresh.
  /// \return false, and nothing changed: the view is shown no endpoint. Call show().
  [[nodiscard]] bool show_endpoints(const PeerEndpoints& known, View view, VisiblePeer& peer) const;
  /// Sets everything that a view is told, except `lan`, `paths` and `relays`. \param peer fresh.
  void show(PeerSnapshot known, View view, VisiblePeer& peer) const;

  /// Whether a registered peer can have this name.
  [[nodiscard]] bool is_possible(const schema::PeerName& name) const {
    return name.form != schema::PeerName::Form::other && (!name.padded || options_.padded_names);
  }
  /// Whether an answer with the SRV at this name has the peer's TXT in its additional section.
  [[nodiscard]] bool brings_text(const schema::PeerName& name, dns::RrType type) const {
    return is_as_wgsd(name) && type == dns::RrType::srv;
  }
  /// Whether the name exists. \param name of that peer, and possible.
  [[nodiscard]] bool exists(const schema::PeerName& name, const VisiblePeer& peer) const;
  /// The types for which emit() writes records. \param name exists.
  [[nodiscard]] PeerTypes types_at(const schema::PeerName& name, const VisiblePeer& peer) const;
  /// Writes the RRset of one type, at a name that exists. \return false: there is none.
  [[nodiscard]] bool emit(const schema::PeerName& name, const VisiblePeer& peer, dns::RrType type,
                          const Emission& to) const;
  /// Writes the PTR list of the service. \return false: it is empty.
  [[nodiscard]] bool emit_list(std::span<const wg::PublicKey> keys, const Emission& to) const;

 private:
  [[nodiscard]] bool is_as_wgsd(const schema::PeerName& name) const {
    return options_.wgsd && name.padded;
  }
  [[nodiscard]] bool shows(const std::optional<base::Endpoint>& endpoint, View view) const;
  [[nodiscard]] bool emit_address(const VisiblePeer& peer, dns::RrType type,
                                  const Emission& to) const;
  [[nodiscard]] bool emit_srv(const schema::PeerName& name, const VisiblePeer& peer,
                              const Emission& to) const;
  [[nodiscard]] bool emit_host_srv(const VisiblePeer& peer, const Emission& to) const;
  void emit_text(const schema::PeerName& name, const VisiblePeer& peer, const Emission& to) const;
  void emit_lan(const schema::LanEndpoints& lan, const Emission& to) const;
  void emit_paths(const schema::PeerPaths& paths, const Emission& to) const;

  ZoneOptions options_;
};

}  // namespace dnsd
