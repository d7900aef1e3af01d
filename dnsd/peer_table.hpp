#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dns/name.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// A fixed endpoint that is a host name: an SRV with that target, and nothing is resolved.
struct HostTarget {
  dns::Name name;
  base::Port port{};

  friend bool operator==(const HostTarget&, const HostTarget&) = default;
};

/// What is known of a peer beside its endpoints. Changes only by configuration; shared, never
/// modified.
struct PeerDetail {
  std::string name;                       ///< one LDH label; empty: none
  std::vector<base::Prefix> allowed_ips;  ///< published in private TXT
  bool is_hub = false;                    ///< a key of this host: role=hub
  std::optional<HostTarget> host_target;  ///< published while no address is

  friend bool operator==(const PeerDetail&, const PeerDetail&) = default;
};

/// One registered peer as answers see it. A value: what find() returned stays as it was.
struct PeerRecord {
  std::optional<base::Endpoint> ipv4;  ///< the published endpoint of that family
  std::optional<base::Endpoint> ipv6;
  base::WallTime since{};  ///< the newest of the published endpoints was first confirmed then
  std::optional<base::WallTime> stale;  ///< last seen; set while every published endpoint is stale
  std::shared_ptr<const PeerDetail> detail;  ///< never null

  friend bool operator==(const PeerRecord&, const PeerRecord&) = default;
};

struct PeerChange {
  wg::PublicKey key;
  std::optional<PeerRecord> record;  ///< none: the peer is no longer registered
};

/// key → record. find() from any thread, at any time; apply() from one thread at a time. There is
/// no copy of the whole table: it may hold a million peers.
class PeerTable {
 public:
  [[nodiscard]] std::optional<PeerRecord> find(const wg::PublicKey& key) const;
  [[nodiscard]] std::size_t size() const;

  /// Each change becomes visible on its own, whole.
  void apply(std::span<const PeerChange> changes);

  /// Calls `visit` for each peer, in no order. From the thread of apply() only, so that nothing
  /// changes meanwhile.
  void for_each(const std::function<void(const wg::PublicKey&, const PeerRecord&)>& visit) const;

 private:
  struct Shard {
    mutable std::shared_mutex mutex;
    std::unordered_map<wg::PublicKey, PeerRecord> peers;  // guarded by mutex
  };
  static constexpr std::size_t shard_count = 64;
  [[nodiscard]] const Shard& shard(const wg::PublicKey& key) const;
  [[nodiscard]] Shard& shard(const wg::PublicKey& key);

  std::array<Shard, shard_count> shards_;
};

}  // namespace dnsd
