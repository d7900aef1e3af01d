#pragma once

#include <chrono>

#include "base/clock.hpp"
#include "wg/public_key.hpp"

namespace dnsd {

/// What a peer may ask of the relay of the point that it speaks to, inside its tunnel
/// (doc/protocol.md §3.2). On the point's thread, during the call of InnerHandler.
class RelayRequests {
 public:
  /// The peer now sends here what is for `other`: for relay_rules::adoption_life, sessions between
  /// both that the relay does not know are found out, and adopted.
  /// \return false: they are not two peers whose packets are passed on, or too many others were
  /// moved just now.
  virtual bool adopt(const wg::PublicKey& peer, const wg::PublicKey& other,
                     base::SteadyTime now) = 0;

  /// No data shall pass between the peer and `other`, in either direction and in no session, from
  /// now on and for `length`, within the bounds of relay_rules. Handshakes and cookies pass. Asked
  /// again meanwhile by the same peer, it is the same pause.
  /// \return false: they have no session through the relay, or had a pause just now, or the peer
  /// asked for too many others.
  virtual bool pause(const wg::PublicKey& peer, const wg::PublicKey& other,
                     std::chrono::milliseconds length, base::SteadyTime now) = 0;

 protected:
  ~RelayRequests() = default;
};

}  // namespace dnsd
