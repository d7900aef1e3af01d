#pragma once

#include <optional>

#include "base/bytes.hpp"
#include "noise/crypto.hpp"
#include "noise/message.hpp"
#include "noise/tai64n.hpp"

/// Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it (paper §5.4.2–5.4.5): both roles, one
/// handshake per object. No clock, no randomness: the caller draws the ephemeral key. The caller
/// checks macs, the order of timestamps and whether the peer is registered.
namespace noise {

/// The two keys of a session, each for one direction.
struct TransportKeys {
  SharedKey send;
  SharedKey receive;

  friend bool operator==(const TransportKeys&, const TransportKeys&) = default;
};

/// What both sides hash and derive during the handshake.
struct NoiseState {
  SharedKey chaining_key;
  Hash hash{};
};

/// The responder's side, the cheapest step first: open() finds out which peer the sender claims to
/// be (one Diffie-Hellman), open_timestamp() proves it (none: `static_static` is kept), respond()
/// makes the session (two, and the ephemeral key).
class IncomingHandshake {
 public:
  /// \return nullopt: not made for our key.
  [[nodiscard]] static std::optional<IncomingHandshake> open(const KeyPair& own,
                                                             const Initiation& initiation);
  /// The peer that the sender claims to be; not proven before open_timestamp().
  [[nodiscard]] const wg::PublicKey& peer() const { return peer_; }
  /// \param static_static Dh(own key, peer()). \return nullopt: not made by that peer. Once.
  [[nodiscard]] std::optional<Tai64n> open_timestamp(const SharedKey& static_static,
                                                     const Initiation& initiation);
  /// After open_timestamp() only. \param own_index new, ours. \param out 92 octets; the macs are
  /// left zero. \return nullopt: the peer's ephemeral key is of small order.
  [[nodiscard]] std::optional<TransportKeys> respond(const wg::PresharedKey& psk,
                                                     SessionIndex own_index,
                                                     const KeyPair& ephemeral,
                                                     base::MutableBytes out);

 private:
  NoiseState state_;
  wg::PublicKey peer_;
  wg::PublicKey peer_ephemeral_;
  SessionIndex peer_index_{};
};

/// The initiator's side.
class OutgoingHandshake {
 public:
  /// Writes the initiation. \param static_static Dh(own, peer). \param timestamp later than that of
  /// any initiation that `own` ever sent to this peer. \param out 148 octets; the macs are left
  /// zero. \return nullopt: the peer's key is of small order.
  [[nodiscard]] static std::optional<OutgoingHandshake> begin(
      const KeyPair& own, const wg::PublicKey& peer, const SharedKey& static_static,
      const Tai64n& timestamp, SessionIndex own_index, KeyPair ephemeral, base::MutableBytes out);
  /// \return nullopt: not an answer to our initiation by that peer with that preshared key; the
  /// handshake keeps waiting.
  [[nodiscard]] std::optional<TransportKeys> finish(const KeyPair& own, const wg::PresharedKey& psk,
                                                    const Response& response) const;

 private:
  explicit OutgoingHandshake(KeyPair ephemeral) : ephemeral_(std::move(ephemeral)) {}

  NoiseState state_;
  KeyPair ephemeral_;
};

}  // namespace noise
