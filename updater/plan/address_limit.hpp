#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "wg/device.hpp"

namespace updater {

/// Bounds what this host sends to an address that has never answered (doc/protocol.md §4.10): at
/// most 2 packets per second, however many peers are said to be there. DNS, and what peers say of
/// their own networks, may lie; this host must not flood a stranger for them. Pure.
///
/// WireGuard sends to a peer without a session at most once in 5 s. So at most two peers may be
/// pointed at such an address at a time. If more want to, they take turns: a turn ends when one
/// packet was sent and its answer could have come. That packet has opened this host's NAT for the
/// peer, whose own next initiation is then let in. An address is that of a host, or IPv6's /64. It
/// has answered once it was the endpoint of a peer before and after a handshake, or when an echo
/// request went there and its reply came; then it is free of all this. A packet alone proves
/// nothing: a peer can write any source address on it.
class AddressLimit {
 public:
  /// \param one_round the program ends after one round, so nobody can take turns: five peers may be
  /// pointed at an address, one per second, and no more.
  explicit AddressLimit(bool one_round) : one_round_(one_round) {}

  /// Takes the reading of one peer. Call for each peer before the first decision of a step.
  void observe(const base::Now& now, const wg::DevicePeer& shown);
  /// The address has answered an earlier run.
  void trust(const base::IpAddress& address);
  /// The peer left the device.
  void forget(const wg::PublicKey& peer);

  /// Whether the peer may be pointed at the endpoint, or kicked there, now. If so, its turn there
  /// begins or goes on, and it has to be done at once. If not, the peer is in the queue as long as
  /// it asks at least every 3 s.
  [[nodiscard]] bool admit(base::SteadyTime now, const wg::PublicKey& peer,
                           const base::Endpoint& endpoint);
  /// Whether the peer has to be pointed elsewhere now, because others wait. \param last_sent when
  /// something was sent to it; none: never.
  [[nodiscard]] bool is_over(base::SteadyTime now, const wg::PublicKey& peer,
                             std::optional<base::SteadyTime> last_sent) const;
  /// An echo request goes to the peer, at the endpoint of its last reading or admission.
  void send_echo(const wg::PublicKey& peer);
  /// Its reply came.
  void take_reply(const wg::PublicKey& peer);
  /// It is pointed elsewhere.
  void leave(const wg::PublicKey& peer);
  /// Whether so many peers of the device have an endpoint at this address, which never answered,
  /// that even an echo request each would be too much.
  [[nodiscard]] bool is_crowded(const base::Endpoint& endpoint) const;
  /// One round only: whether nobody else may be pointed there.
  [[nodiscard]] bool is_full(const base::Endpoint& endpoint) const;

 private:
  /// A peer that is, or lately was, pointed at the address by us.
  struct Turn {
    base::SteadyTime begun;
    std::optional<base::SteadyTime> left;  ///< without leave(): it may have sent just before
  };
  struct Place {
    std::map<wg::PublicKey, Turn> turns;
    std::set<std::pair<base::SteadyTime, wg::PublicKey>> queue;  ///< by the last turn's beginning
    std::optional<base::SteadyTime> last_start;
  };
  struct Peer {
    std::optional<base::Endpoint> endpoint;  ///< as read, or as admitted since
    std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> handshake;
    std::optional<base::Endpoint> echo_at;  ///< where the last echo request went
    std::optional<base::Prefix> turn_at;
    std::optional<base::Prefix> waits_at;
    base::SteadyTime asked;      ///< the last time that it was not admitted
    base::SteadyTime last_turn;  ///< its beginning
  };

  [[nodiscard]] bool has_answered(const base::Prefix& place) const {
    return answered_.count(place) != 0;
  }
  void point(Peer& peer, const std::optional<base::Endpoint>& endpoint);
  void stop_waiting(const wg::PublicKey& key, Peer& peer);
  void end_turn(base::SteadyTime now, const wg::PublicKey& key, Peer& peer);
  void drop_if_empty(const base::Prefix& place);
  [[nodiscard]] std::size_t max_turns() const;

  bool one_round_;
  std::set<base::Prefix> answered_;
  std::map<base::Prefix, Place> places_;      ///< that have not answered
  std::map<base::Prefix, unsigned> present_;  ///< how many peers have an endpoint there
  std::map<wg::PublicKey, Peer> peers_;
};

}  // namespace updater
