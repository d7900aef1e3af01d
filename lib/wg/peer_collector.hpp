#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include "wg/device.hpp"

namespace wg {

/// Gathers the peers of a device that arrive in pieces, so that each public key is listed once,
/// even if its data is split: the kernel splits a peer with many allowed-ips over several messages.
class PeerCollector {
 public:
  /// The peer of this key, appended when it is new. Valid until the next call.
  DevicePeer& get(const PublicKey& key) {
    const auto [place, is_new] = places_.try_emplace(key, peers_.size());
    if (is_new) peers_.emplace_back().public_key = key;
    return peers_[place->second];
  }
  [[nodiscard]] std::vector<DevicePeer> take() && { return std::move(peers_); }

 private:
  std::vector<DevicePeer> peers_;
  std::unordered_map<PublicKey, std::size_t> places_;
};

}  // namespace wg
