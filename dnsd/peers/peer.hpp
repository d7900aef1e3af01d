#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "schema/nat_mapping.hpp"
#include "wg/public_key.hpp"

/// A registered peer, in the forms in which it is stored, read and changed. Plain values.
namespace dnsd {

/// A fixed endpoint that is a host name. Published as an SRV with that target; never resolved here.
struct HostTarget {
  dns::Name name;
  base::Port port{};

  friend bool operator==(const HostTarget&, const HostTarget&) = default;
};

/// What is known of a peer apart from its endpoints. Shared between threads and never modified: a
/// change makes another one.
struct PeerDetail {
  std::string name;                                ///< one LDH label; empty: none
  std::vector<base::Prefix> allowed_ips;           ///< published in private TXT
  bool is_hub = false;                             ///< a key of this host: role=hub
  std::optional<HostTarget> host_target;           ///< published if no address is
  std::optional<schema::NatMapping> mapping = {};  ///< map=, where built-in points can be compared
  /// Built-in points pass packets on to it, where they do that: relay=.
  bool is_relayed = false;

  friend bool operator==(const PeerDetail&, const PeerDetail&) = default;
};

/// One registered peer, as a value: later changes of the table do not reach it.
struct PeerRecord {
  std::optional<base::Endpoint> ipv4;  ///< the published endpoint of that family; its port is not 0
  std::optional<base::Endpoint> ipv6;
  base::WallTime since{};  ///< when the newest of the published endpoints was first confirmed
  std::optional<base::WallTime> stale;       ///< last seen then; set while all of them are stale
  std::shared_ptr<const PeerDetail> detail;  ///< never null

  /// Details are compared by their content, not by their address.
  friend bool operator==(const PeerRecord& a, const PeerRecord& b);
};

/// The published endpoints of a peer: all that nearly every answer needs.
struct PeerEndpoints {
  std::optional<base::Endpoint> ipv4;
  std::optional<base::Endpoint> ipv6;
};

/// The same content as a PeerRecord, read without allocating: a detail that is nothing but one
/// prefix, or empty, comes without a PeerDetail, whether the peer is relayed or not.
struct PeerSnapshot {
  PeerEndpoints endpoints;
  base::WallTime since{};
  std::optional<base::WallTime> stale;
  bool is_relayed = false;                   ///< as in the detail
  std::optional<base::Prefix> allowed_ip;    ///< the only one; set only while `detail` is null
  std::shared_ptr<const PeerDetail> detail;  ///< null: the detail is `allowed_ip` alone, or empty
};

/// One change of the table.
struct PeerChange {
  wg::PublicKey key;
  std::optional<PeerRecord> record;  ///< none: the peer is no longer registered
};

}  // namespace dnsd
