#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "noise/mac_checker.hpp"
#include "tests/simulation/events.hpp"
#include "tests/simulation/packet.hpp"
#include "wg/device.hpp"

namespace model {

/// One peer of one device, timed as wireguard-go does it: one handshake slot; 5 s between own
/// initiations, in which responses and attempts without an endpoint count; own repetitions every
/// 5.0–5.33 s, 18 times; a keepalive turned on that sends at once, and stays unarmed if nothing may
/// be sent; the passive keepalive after 10 s; a new handshake 15 s after data that nothing
/// answered; rekeying at 120 s; roaming on every authenticated packet; a responder that is sure
/// only after the first packet of the session; a cookie that goes into the next handshake message.
class WireGuard {
 public:
  using Send = std::function<void(const base::Endpoint& to, const Packet& packet)>;

  WireGuard(Events& events, Send send) : events_(events), send_(std::move(send)) {}
  WireGuard(const WireGuard&) = delete;
  WireGuard& operator=(const WireGuard&) = delete;

  /// The values that a reading shows. The owner sets the key and the allowed-ips.
  wg::DevicePeer shown;
  /// Of the device. The owner sets it.
  wg::PublicKey own_key;

  /// Applies one section of a transaction.
  void set(const wg::PeerUpdate& update);
  /// Sends data, or a keepalive, from inside.
  void send(Kind kind, std::uint32_t number = 0);
  /// \return whether it was authentic.
  bool receive(const base::Endpoint& from, const Packet& packet);

  /// The host loses the source address of packets to the peer: they no longer leave the host.
  void lose_source() { is_mute_ = true; }
  [[nodiscard]] bool is_mute() const { return is_mute_; }
  [[nodiscard]] bool has_session() const { return is_alive(current_); }
  [[nodiscard]] bool is_initiator() const { return current_ && current_->is_initiator; }
  /// Whether this side can decrypt a packet that the other side sends in its session.
  [[nodiscard]] bool understands(const WireGuard& other) const;
  /// The index under which this side sends now; none: no session.
  [[nodiscard]] std::optional<noise::SessionIndex> sends_under() const;
  [[nodiscard]] std::uint64_t handshakes_begun() const { return initiations_; }

 private:
  struct Session {
    std::uint64_t handshake = 0;
    Time begun = 0;
    bool is_initiator = false;
    noise::SessionIndex own_index = 0;
    noise::SessionIndex other_index = 0;
    std::uint64_t sent = 0;
  };
  /// An initiation that waits for its response.
  struct Handshake {
    std::uint64_t number = 0;
    noise::SessionIndex index = 0;
  };
  struct Staged {
    Kind kind{};
    std::uint32_t number = 0;
  };
  /// A timer that can be set again or stopped; earlier settings then have no effect.
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
  [[nodiscard]] Packet make(Kind kind) const;
  void transmit(Packet packet);
  void send_in(Session& session, const Staged& staged);
  void complete_handshake();
  void take_initiation(const Packet& packet);
  void take_response(const Packet& packet);
  void take_data(const Packet& packet);
  void take_cookie(const Packet& packet);
  void arm_keepalive();

  Events& events_;
  Send send_;
  Time last_handshake_sent_ = -1e9;
  std::optional<Handshake> own_handshake_;  ///< the slot of the initiator
  Time newest_timestamp_ = -1;              ///< of the accepted initiations
  std::optional<Session> current_, previous_, next_;
  std::vector<Staged> staged_;
  noise::MacWriter macs_;
  unsigned attempts_ = 0;
  bool needs_another_keepalive_ = false;
  bool is_mute_ = false;
  std::uint64_t initiations_ = 0;
  Timer retry_, new_handshake_, passive_keepalive_, persistent_keepalive_;
};

}  // namespace model
