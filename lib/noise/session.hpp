#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/clock.hpp"
#include "base/endpoint.hpp"
#include "noise/handshake.hpp"
#include "noise/replay_window.hpp"

/// One session: what two peers derived from one handshake, and how long it may be used (WireGuard
/// paper §6). No clock: `now` is a parameter.
namespace noise {

inline constexpr std::chrono::seconds rekey_after{120};       // Rekey-After-Time
inline constexpr std::chrono::seconds reject_after{180};      // Reject-After-Time
inline constexpr std::chrono::seconds rekey_attempt{90};      // Rekey-Attempt-Time
inline constexpr std::chrono::seconds rekey_timeout{5};       // Rekey-Timeout
inline constexpr std::chrono::seconds keepalive_timeout{10};  // Keepalive-Timeout
inline constexpr std::uint64_t rekey_after_messages = std::uint64_t{1} << 60U;
inline constexpr std::uint64_t reject_after_messages =
    std::numeric_limits<std::uint64_t>::max() - (std::uint64_t{1} << 13U);

/// A way to a peer: its address, and the one of ours that it reached and expects replies from.
struct Path {
  base::Endpoint remote;
  base::IpAddress local;  ///< unspecified: the route decides

  friend bool operator==(const Path&, const Path&) = default;
};

class Session {
 public:
  enum class Role : std::uint8_t { initiator, responder };

  /// \param path where the handshake was answered: the peer received something there, or answered
  /// from there what was sent there. All packets of this session are sent there.
  Session(const TransportKeys& keys, Role role, SessionIndex own_index, SessionIndex peer_index,
          const Path& path, base::SteadyTime now)
      : keys_(keys),
        path_(path),
        born_(now),
        own_index_(own_index),
        peer_index_(peer_index),
        role_(role) {}

  [[nodiscard]] SessionIndex own_index() const { return own_index_; }
  [[nodiscard]] const Path& path() const { return path_; }

  [[nodiscard]] bool is_usable(base::SteadyTime now) const {
    return now - born_ < reject_after && sent_ < reject_after_messages;
  }
  /// §6.2: only the initiator replaces a session because of its age, so that not both ends do.
  /// Either end may because of the number of messages.
  [[nodiscard]] bool wants_rekey_after_sending(base::SteadyTime now) const {
    return (role_ == Role::initiator && now - born_ >= rekey_after) ||
           sent_ >= rekey_after_messages;
  }
  [[nodiscard]] bool wants_rekey_after_receiving(base::SteadyTime now) const {
    return role_ == Role::initiator &&
           now - born_ >= reject_after - keepalive_timeout - rekey_timeout;
  }

  /// Encrypts one inner packet, padded; empty: a keepalive. \param out exactly
  /// data_header_octets + padded_size(inner.size()) + tag_octets
  void seal(base::Bytes inner, base::MutableBytes out);

  struct Opened {
    std::size_t size;  ///< of the inner packet with its padding; 0: a keepalive
    bool is_highest;   ///< no authentic packet of this session had a higher counter
  };
  /// Decrypts and marks the counter as seen. \param out exactly data.sealed.size() - tag_octets;
  /// may begin where `data.sealed` does. \return nullopt: not authentic, a replay, or too late.
  [[nodiscard]] std::optional<Opened> open(const TransportData& data, base::SteadyTime now,
                                           base::MutableBytes out);

 private:
  TransportKeys keys_;
  ReplayWindow received_;
  std::uint64_t sent_ = 0;  // counter of the next packet
  Path path_;
  base::SteadyTime born_;
  SessionIndex own_index_;
  SessionIndex peer_index_;
  Role role_;
};

}  // namespace noise
