#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "dnsd/registry/observation.hpp"
#include "wg/device.hpp"

namespace dnsd {

/// The rules of doc/protocol.md §2.2 for one WireGuard interface: polls in, what they prove out.
/// Pure: no device, no clock. One thread.
///
///     first sight ── handshake ──▶ confirmed ── device shows another endpoint ──▶ waiting
///          ▲                           ▲  ▲                                          │
///          │ counters went back        │  └────── proof: handshake advanced, ────────┤
///          └───────────────────────────┤          or received bytes grew by          │
///                                      │          more than initiations              │
///                                      └───────── the old endpoint is back ──────────┘
class InterfaceRules {
 public:
  /// What one poll changed.
  struct Update {
    struct Listed {
      wg::PublicKey key;
      std::vector<base::Prefix> allowed_ips;
    };
    struct Seen {
      wg::PublicKey key;
      Observation observation;  ///< confirmed for the first time, moved, or seen again
    };
    std::optional<wg::PublicKey> own_key;  ///< the interface's own, in every update
    base::Port listen_port{};              ///< as in wg::Device, in every update
    std::vector<Listed> listed;            ///< peers that are new, or have other allowed-ips
    std::vector<Seen> seen;
    std::vector<wg::PublicKey> gone;  ///< peers that the device does not have any more
  };

  /// Takes what an earlier run knew: a record that says where the peer was when it was last polled.
  /// Call it before the first update().
  void restore(const SavedPeer& peer, base::Now now);

  /// One poll of the whole device.
  [[nodiscard]] Update update(const wg::Device& device, base::Now now);

 private:
  using Handshake = decltype(wg::DevicePeer::latest_handshake);

  struct Track {
    std::optional<Observation> confirmed;
    Handshake handshake;         // baseline: at the last poll that did not wait
    std::uint64_t rx_bytes = 0;  // baseline
    std::uint64_t last_rx_bytes = 0;
    std::vector<base::Prefix> allowed_ips;
    std::uint64_t poll = 0;  // the last one that listed the peer; 0: known from an earlier run only
  };

  static bool see_first(Track& track, const wg::DevicePeer& peer, base::Now now);
  static bool see_again(Track& track, const wg::DevicePeer& peer, base::Now now);
  static void take_baseline(Track& track, const wg::DevicePeer& peer);

  std::unordered_map<wg::PublicKey, Track> tracks_;
  std::uint64_t poll_ = 0;
};

}  // namespace dnsd
