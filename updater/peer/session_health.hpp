#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "wg/device.hpp"

namespace updater {

/// What successive readings of one peer tell about its session. Pure; readings about once a second.
///
/// Counters only: a keepalive has 32 octets, a handshake initiation 148, a response 92, everything
/// else is data. Data is answered within 10 s and a round trip by any WireGuard, keepalives never.
/// One small packet each way between two readings is an exchange that is over: an echo, a TCP
/// keepalive. Without that, two updaters that probe each other would never come to rest.
class SessionHealth {
 public:
  /// A keepalive's size on the wire, without UDP and IP; likewise the handshake's. Source: the
  /// WireGuard protocol, "Messages".
  static constexpr std::uint64_t keepalive_octets = 32;
  static constexpr std::uint64_t initiation_octets = 148;
  static constexpr std::uint64_t response_octets = 92;

  /// The first reading. A handshake younger than `proving_age` has proved its endpoint.
  SessionHealth(const base::Now& now, const wg::DevicePeer& peer);

  /// A later reading of the same peer.
  void observe(const base::Now& now, const wg::DevicePeer& peer);
  /// Whether `peer` can be a later reading: counters never go back on one and the same peer.
  [[nodiscard]] bool continues(const wg::DevicePeer& peer) const {
    return peer.rx_bytes >= rx_bytes_ && peer.tx_bytes >= tx_bytes_;
  }

  enum class Session : std::uint8_t {
    none,      ///< never had a handshake
    works,     ///< nothing speaks against it
    doubtful,  ///< it may have stopped
    dead,      ///< it has
  };
  struct Verdict {
    Session session{};
    std::string reason;    ///< of a doubtful or dead one: "its data stopped 2 s ago"
    bool is_weak = false;  ///< doubtful after a single exchange, as most conversations end
  };
  /// \param keepalive the peer's persistent keepalive; 0: off. \param round_trip to the peer and
  /// back; none: not known.
  [[nodiscard]] Verdict judge(base::SteadyTime now, std::chrono::seconds keepalive,
                              std::optional<std::chrono::microseconds> round_trip = {}) const;
  /// We are about to send an echo request: neither it nor its reply is anybody's traffic.
  void expect_echo(base::SteadyTime now) { echo_sent_ = now; }

  /// The last packet of a session, which proves the peer; none: not seen by us.
  [[nodiscard]] std::optional<base::SteadyTime> last_received() const { return last_received_; }
  /// The last growth of received bytes, initiations included, which prove nothing yet.
  [[nodiscard]] std::optional<base::SteadyTime> last_heard() const { return last_heard_; }
  [[nodiscard]] std::optional<base::SteadyTime> last_sent() const { return last_sent_; }
  /// An initiation of ours, seen where there is no session.
  [[nodiscard]] std::optional<base::SteadyTime> last_initiation() const { return last_initiation_; }
  [[nodiscard]] std::optional<base::SteadyTime> last_handshake() const { return last_handshake_; }

 private:
  void receive(base::SteadyTime now, bool sent_data, bool same_endpoint);

  std::uint64_t rx_bytes_;
  std::uint64_t tx_bytes_;
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> handshake_;
  std::optional<base::Endpoint> endpoint_;
  std::optional<base::SteadyTime> last_handshake_;
  std::optional<base::SteadyTime> last_received_;
  std::optional<base::SteadyTime> last_heard_;
  std::optional<base::SteadyTime> last_sent_;
  std::optional<base::SteadyTime> last_initiation_;
  base::SteadyTime flow_start_;                       ///< of receiving without a pause
  std::optional<base::SteadyTime> unanswered_since_;  ///< data that nothing came back for
  bool answers_promptly_ = false;                     ///< the last data was
  bool may_await_answer_ = false;              ///< data went out in the reading of the last packet
  std::optional<base::SteadyTime> echo_sent_;  ///< our own request
  std::chrono::steady_clock::duration
      longest_quiet_{};  ///< it was silent for so long and came back
};

}  // namespace updater
