#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "wg/device.hpp"

namespace updater {

/// Judges the session with one peer by successive readings of it, about one a second. Pure.
///
/// It sees counters only: a keepalive has 32 octets, a handshake initiation 148, a response 92;
/// everything else is data. Every WireGuard answers data within 10 s and a round trip, but never a
/// keepalive. One small packet each way between two readings is a finished exchange, such as an
/// echo or a TCP keepalive. Without this rule, two updaters that probe each other would never stop.
class SessionHealth {
 public:
  /// Sizes of a keepalive and of the handshake's messages, without UDP and IP headers. Source: the
  /// WireGuard protocol, "Messages".
  static constexpr std::uint64_t keepalive_octets = 32;
  static constexpr std::uint64_t initiation_octets = 148;
  static constexpr std::uint64_t response_octets = 92;

  /// \param peer the first reading. A handshake younger than 135 s counts as a packet received now.
  SessionHealth(const base::Now& now, const wg::DevicePeer& peer);

  /// Takes a later reading of the same peer (continues()).
  void observe(const base::Now& now, const wg::DevicePeer& peer);
  /// Whether `peer` can be a later reading: the counters of a peer never go back.
  [[nodiscard]] bool continues(const wg::DevicePeer& peer) const {
    return peer.rx_bytes >= rx_bytes_ && peer.tx_bytes >= tx_bytes_;
  }

  enum class Session : std::uint8_t {
    none,      ///< never had a handshake
    works,     ///< nothing speaks against it
    doubtful,  ///< it may have stopped
    dead,      ///< it has stopped
  };
  struct Verdict {
    Session session{};
    std::string reason;    ///< why it does not work, as a clause: "its data stopped 2 s ago"
    bool is_weak = false;  ///< doubtful, but only as after every exchange that ended
  };
  /// \param keepalive the peer's persistent keepalive, seconds; 0: off. \param round_trip to the
  /// peer and back; none: not measured.
  [[nodiscard]] Verdict judge(base::SteadyTime now, std::chrono::seconds keepalive,
                              std::optional<std::chrono::microseconds> round_trip = {}) const;
  /// The last handshake is younger than a session's life: what is sent leaves at once.
  [[nodiscard]] bool has_live_session(base::SteadyTime now) const;
  /// Call when an echo request is sent: neither it nor its reply is anybody's traffic.
  void expect_echo(base::SteadyTime now) { echo_sent_ = now; }

  // Times of readings; none: not seen by us.

  /// The last packet of a session. It proves who sent it.
  [[nodiscard]] std::optional<base::SteadyTime> last_received() const { return last_received_; }
  /// The last one with data.
  [[nodiscard]] std::optional<base::SteadyTime> last_data() const { return last_data_; }
  /// The last one with data other than a single echo request of an updater, or a reply to one.
  [[nodiscard]] std::optional<base::SteadyTime> last_traffic() const { return last_traffic_; }
  /// The last packet of any kind that was received. An initiation proves nothing yet.
  [[nodiscard]] std::optional<base::SteadyTime> last_heard() const { return last_heard_; }
  /// The last packet that was sent.
  [[nodiscard]] std::optional<base::SteadyTime> last_sent() const { return last_sent_; }
  /// The last initiation of ours that can be told from data: only responses were counted with it.
  [[nodiscard]] std::optional<base::SteadyTime> last_initiation() const { return last_initiation_; }
  /// Since when data of ours is unanswered; none: it is not. Two keepalives look like data.
  [[nodiscard]] std::optional<base::SteadyTime> unanswered_since() const {
    return unanswered_since_;
  }
  /// The last handshake. Its age at the first reading is limited to 24 h.
  [[nodiscard]] std::optional<base::SteadyTime> last_handshake() const { return last_handshake_; }

 private:
  void receive(base::SteadyTime now, bool sent_data, bool same_endpoint);

  std::uint64_t rx_bytes_;
  std::uint64_t tx_bytes_;
  std::optional<std::chrono::sys_time<std::chrono::nanoseconds>> handshake_;
  std::optional<base::Endpoint> endpoint_;
  std::optional<base::SteadyTime> last_handshake_;
  std::optional<base::SteadyTime> last_received_;
  std::optional<base::SteadyTime> last_data_;
  std::optional<base::SteadyTime> last_traffic_;
  std::optional<base::SteadyTime> last_heard_;
  std::optional<base::SteadyTime> last_sent_;
  std::optional<base::SteadyTime> last_initiation_;
  base::SteadyTime flow_start_;                       ///< of receiving without a pause
  std::optional<base::SteadyTime> unanswered_since_;  ///< data that was sent; nothing came since
  bool answers_promptly_ = false;                     ///< the last data was answered promptly
  bool may_await_answer_ = false;  ///< the last reading with a packet had data both ways
  std::optional<base::SteadyTime> echo_sent_;  ///< our own echo request
  /// The longest silence after which the peer was heard again at the same endpoint.
  std::chrono::steady_clock::duration longest_quiet_{};
};

}  // namespace updater
