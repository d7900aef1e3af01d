#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "dnsd/point/relay/relay_table.hpp"
#include "dnsd/point/relay/token_bucket.hpp"
#include "noise/mac_search.hpp"
#include "noise/message.hpp"
#include "noise/session.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// What the relay knows of a peer. What each packet needs is in one cache line.
struct alignas(64) RelayPeer {
  noise::Path place;
  bool is_placed = false;
  base::SteadyTime seen;  ///< at its place
  TokenBucket data;

  wg::PublicKey key;
  TokenBucket searches;
  RelayId next_key = 0;    ///< where its next search goes on
  std::uint32_t made = 0;  ///< of `pairs`, by its initiations
  std::optional<base::SteadyTime> asked_back;
  std::optional<base::SteadyTime> asked_on_trust;  ///< since it came to its place
  std::size_t strange_octets = 0;                  ///< from unknown places, not yet answered
  std::vector<RelayId> pairs;            ///< the one with the latest handshake is the first
  std::vector<RelayId> adoptions;        ///< pairs
  std::vector<base::SteadyTime> pauses;  ///< when those end that it asked for

  [[nodiscard]] bool has_place(base::SteadyTime now) const;
  [[nodiscard]] bool is_at(const base::Endpoint& remote, base::SteadyTime now) const {
    return place.remote == remote && has_place(now);
  }
};

/// The peers of a relay: which key, which place, which mac1. Pure; one thread.
class RelayPeers {
 public:
  /// \return no_relay_id: not a peer
  [[nodiscard]] RelayId find(const wg::PublicKey& key) const;
  /// The peer whose confirmed place this is, and was seen there lately.
  [[nodiscard]] RelayId at(const base::Endpoint& place, base::SteadyTime now) const;
  [[nodiscard]] RelayPeer& operator[](RelayId id) { return peers_[id]; }
  [[nodiscard]] const RelayPeer& operator[](RelayId id) const { return peers_[id]; }

  RelayId add(const wg::PublicKey& key);
  void remove(RelayId id);
  void set_place(RelayId id, const noise::Path& place, base::SteadyTime seen);
  void clear_place(RelayId id);

  [[nodiscard]] bool is_for(RelayId id, const noise::Macs& macs) const;
  /// Which of them a message is for. \param ids relay_rules::partners_tried at most
  [[nodiscard]] RelayId which(std::span<const RelayId> ids, const noise::Macs& macs) const;
  struct Search {
    RelayId found = no_relay_id;
    bool is_cut = false;  ///< by a budget, before all were tried
  };
  /// Who an initiation of this sender is for, by its mac1. Within the budgets of relay_rules.
  [[nodiscard]] Search search(RelayId sender, const noise::Macs& macs, base::SteadyTime now);

 private:
  struct EndpointHash {
    std::size_t operator()(const base::Endpoint& endpoint) const noexcept;
  };
  [[nodiscard]] RelayId try_keys(RelayId sender, const noise::Macs& macs, RelayId& next,
                                 std::size_t count) const;

  RelaySlab<RelayPeer> peers_;
  // By number, close together for searches.
  std::vector<noise::MacState> mac1_;
  std::vector<bool> placed_;
  std::unordered_map<wg::PublicKey, RelayId> keys_;
  RelayNumbers<base::Endpoint, EndpointHash> places_;
  TokenBucket keys_tried_;
  RelayId anywhere_ = 0;
};

}  // namespace dnsd
