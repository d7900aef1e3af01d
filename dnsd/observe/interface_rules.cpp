#include "dnsd/observe/interface_rules.hpp"

#include <algorithm>

namespace dnsd {
namespace {

/// Octets of a handshake initiation, the only message whose sender proves nothing about its
/// address. Source: WireGuard whitepaper §5.4.2, message type 1.
constexpr std::uint64_t initiation_octets = 148;

/// boringtun tells a handshake's age, from which its time comes out differently by up to a second.
/// Ignoring such a difference loses nothing: a real handshake brings octets of other messages with
/// it.
constexpr std::chrono::seconds handshake_jitter{1};

base::Endpoint unmapped(const base::Endpoint& endpoint) {
  return {endpoint.address.unmapped(), endpoint.port};
}

}  // namespace

void InterfaceRules::restore(const SavedPeer& peer, base::Now now) {
  Track& track = tracks_[peer.key];
  track.allowed_ips = peer.allowed_ips;
  if (!peer.sighting) return;
  const auto& [endpoint, since, last_seen] = *peer.sighting;
  track.confirmed = Observation{endpoint, since, last_seen, to_steady(last_seen, now)};
}

InterfaceRules::Update InterfaceRules::update(const wg::Device& device, base::Now now) {
  Update result;
  result.own_key = device.public_key;
  result.listen_port = device.listen_port;
  ++poll_;
  for (const wg::DevicePeer& peer : device.peers) {
    Track& track = tracks_[peer.public_key];
    const bool first = track.poll == 0;
    track.poll = poll_;
    if (first || track.allowed_ips != peer.allowed_ips) {
      track.allowed_ips = peer.allowed_ips;
      result.listed.push_back({peer.public_key, peer.allowed_ips});
    }
    const bool recreated = peer.rx_bytes < track.last_rx_bytes;
    const bool seen =
        first || recreated ? see_first(track, peer, now) : see_again(track, peer, now);
    track.last_rx_bytes = peer.rx_bytes;
    if (seen) result.seen.push_back({peer.public_key, *track.confirmed});
  }
  if (tracks_.size() == device.peers.size()) return result;  // the usual case: nobody left
  for (auto it = tracks_.begin(); it != tracks_.end();) {
    if (it->second.poll == poll_) {
      ++it;
      continue;
    }
    result.gone.push_back(it->first);
    it = tracks_.erase(it);
  }
  return result;
}

/// No earlier poll to compare with: the handshake is the only evidence, and the saved record takes
/// the place of the poll that last showed its endpoint. \return whether `confirmed` is new or
/// renewed.
bool InterfaceRules::see_first(Track& track, const wg::DevicePeer& peer, base::Now now) {
  take_baseline(track, peer);
  if (!peer.endpoint || !peer.latest_handshake) return false;
  const base::Endpoint endpoint = unmapped(*peer.endpoint);
  const auto handshake =
      std::min(std::chrono::floor<std::chrono::seconds>(*peer.latest_handshake), now.wall);
  // Whole seconds on both sides: a handshake near the saved sighting may be the one that it saw.
  if (track.confirmed && handshake <= track.confirmed->last_seen + handshake_jitter) return false;
  const bool moved = !track.confirmed || track.confirmed->endpoint != endpoint;
  track.confirmed = Observation{endpoint, moved ? handshake : track.confirmed->since, handshake,
                                to_steady(handshake, now)};
  return true;
}

/// \return whether `confirmed` is new or renewed.
bool InterfaceRules::see_again(Track& track, const wg::DevicePeer& peer, base::Now now) {
  if (!peer.endpoint || !peer.latest_handshake) {
    take_baseline(track, peer);
    return false;
  }
  const base::Endpoint endpoint = unmapped(*peer.endpoint);
  if (track.confirmed && track.confirmed->endpoint == endpoint) {
    const bool grown = peer.rx_bytes > track.last_rx_bytes;
    take_baseline(track, peer);
    if (!grown) return false;
    track.confirmed->last_seen = now.wall;
    track.confirmed->seen = now.steady;
    return true;
  }
  const bool advanced =
      !track.handshake || *peer.latest_handshake > *track.handshake + handshake_jitter;
  const bool more_than_initiations = (peer.rx_bytes - track.rx_bytes) % initiation_octets != 0;
  if (!advanced && !more_than_initiations) return false;  // the baseline stays: it still waits
  take_baseline(track, peer);
  track.confirmed = Observation{endpoint, now.wall, now.wall, now.steady};
  return true;
}

void InterfaceRules::take_baseline(Track& track, const wg::DevicePeer& peer) {
  track.handshake = peer.latest_handshake;
  track.rx_bytes = peer.rx_bytes;
}

}  // namespace dnsd
