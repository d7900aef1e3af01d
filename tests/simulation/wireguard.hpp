#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "tests/simulation/events.hpp"
#include "wg/device.hpp"

namespace model {

enum class Kind : std::uint8_t {
  initiation,
  response,
  keepalive,
  request,
  reply,
  flow,
  echo,
  echo_reply
};

struct Packet {
  Kind kind{};
  std::uint64_t handshake = 0;  ///< which one it begins, answers or stands on
  Time timestamp = 0;           ///< of an initiation
};

/// One peer of one device, timed as wireguard-go does it: one handshake slot; 5 s between own
/// initiations, in which responses and attempts without an endpoint count; own repetitions every
/// 5.0–5.33 s, 18 times; a keepalive turned on that sends at once, and stays unarmed if nothing may
/// be sent; the passive keepalive after 10 s; a new handshake 15 s after data that nothing
/// answered; rekeying at 120 s; roaming on every authenticated packet; a responder that is sure
/// only after the first packet of the session.
class WireGuard {
 public:
  using Send = std::function<void(const base::Endpoint& to, const Packet& packet)>;

  WireGuard(Events& events, Send send) : events_(events), send_(std::move(send)) {}
  WireGuard(const WireGuard&) = delete;
  WireGuard& operator=(const WireGuard&) = delete;

  /// What a reading shows. Key and allowed-ips are the owner's to set.
  wg::DevicePeer shown;

  /// One section of a transaction.
  void set(const wg::PeerUpdate& update);
  /// Data, or a keepalive, from inside.
  void send(Kind kind);
  /// \return whether it was authentic.
  bool receive(const base::Endpoint& from, const Packet& packet);

  /// The host loses the address that packets to the peer leave from: they do not leave any more.
  void lose_source() { is_mute_ = true; }
  [[nodiscard]] bool is_mute() const { return is_mute_; }
  [[nodiscard]] bool has_session() const { return is_alive(current_); }
  /// Whether a packet that the other one sends in its session is understood here.
  [[nodiscard]] bool understands(const WireGuard& other) const;
  [[nodiscard]] std::uint64_t handshakes_begun() const { return initiations_; }

 private:
  struct Session {
    std::uint64_t handshake = 0;
    Time begun = 0;
    bool is_initiator = false;
  };
  /// A timer that can be set again or stopped; older settings then do nothing.
  struct Timer {
    std::uint64_t valid = 0;
    bool is_pending = false;
  };

  [[nodiscard]] bool is_alive(const std::optional<Session>& session) const;
  void start(Timer& timer, Time delay, std::function<void()> expired);
  static void stop(Timer& timer);

  void send_keepalive();
  void flush();
  void initiate(bool is_retry);
  void retry();
  void transmit(Kind kind, std::uint64_t handshake);
  void complete_handshake();
  void take_initiation(const Packet& packet);
  void take_response(const Packet& packet);
  void take_data(const Packet& packet);
  void arm_keepalive();

  Events& events_;
  Send send_;
  Time last_handshake_sent_ = -1e9;
  std::optional<std::uint64_t> own_handshake_;  ///< the slot, as initiator
  Time newest_timestamp_ = -1;                  ///< of the initiations taken
  std::optional<Session> current_, previous_, next_;
  std::vector<Kind> staged_;
  unsigned attempts_ = 0;
  bool needs_another_keepalive_ = false;
  bool is_mute_ = false;
  std::uint64_t initiations_ = 0;
  Timer retry_, new_handshake_, passive_keepalive_, persistent_keepalive_;
};

[[nodiscard]] std::uint64_t octets_of(Kind kind);
[[nodiscard]] bool is_data(Kind kind);

}  // namespace model
