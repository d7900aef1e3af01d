#include "noise/handshake.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace noise {
namespace {

constexpr std::string_view construction = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";  // §5.4
constexpr std::string_view identifier = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/// Before the first message: both know the responder's key.
NoiseState start(const wg::PublicKey& responder) {
  static const Hash chaining_key = hash(base::as_bytes(construction));
  static const Hash named = hash(chaining_key, base::as_bytes(identifier));
  return {SharedKey(chaining_key), hash(named, responder.octets())};
}

void mix_hash(NoiseState& state, base::Bytes data) {
  state.hash = hash(state.hash, data);
}
void mix_key(NoiseState& state, base::Bytes data) {
  state.chaining_key = kdf<1>(state.chaining_key, data)[0];
}
/// \return the key of the AEAD that follows.
SharedKey mix_cipher_key(NoiseState& state, const SharedKey& data) {
  const auto keys = kdf<2>(state.chaining_key, data.bytes());
  state.chaining_key = keys[0];
  return keys[1];
}
/// \return the key of the AEAD that follows.
SharedKey mix_preshared_key(NoiseState& state, const wg::PresharedKey& psk) {
  const auto keys = kdf<3>(state.chaining_key, psk.bytes());
  state.chaining_key = keys[0];
  mix_hash(state, keys[1].bytes());
  return keys[2];
}
void mix_ephemeral(NoiseState& state, const wg::PublicKey& ephemeral) {
  mix_key(state, ephemeral.octets());
  mix_hash(state, ephemeral.octets());
}

/// \return sent by the initiator, sent by the responder (§5.4.5).
std::array<SharedKey, 2> split(const NoiseState& state) {
  return kdf<2>(state.chaining_key, {});
}

}  // namespace

std::optional<IncomingHandshake> IncomingHandshake::open(const KeyPair& own,
                                                         const Initiation& initiation) {
  IncomingHandshake result;
  NoiseState& state = result.state_;
  state = start(own.public_key());
  mix_ephemeral(state, initiation.ephemeral);
  const auto shared = own.agree(initiation.ephemeral);
  if (!shared) return std::nullopt;
  const SharedKey key = mix_cipher_key(state, *shared);
  base::Octets32 peer{};
  if (!noise::open(key, 0, initiation.sealed_static, state.hash, peer)) return std::nullopt;
  mix_hash(state, initiation.sealed_static);
  result.peer_ = wg::PublicKey(peer);
  result.peer_ephemeral_ = initiation.ephemeral;
  result.peer_index_ = initiation.sender;
  return result;
}

std::optional<Tai64n> IncomingHandshake::open_timestamp(const SharedKey& static_static,
                                                        const Initiation& initiation) {
  const SharedKey key = mix_cipher_key(state_, static_static);
  Tai64n::Octets timestamp{};
  if (!noise::open(key, 0, initiation.sealed_timestamp, state_.hash, timestamp))
    return std::nullopt;
  mix_hash(state_, initiation.sealed_timestamp);
  return Tai64n(timestamp);
}

std::optional<TransportKeys> IncomingHandshake::respond(const wg::PresharedKey& psk,
                                                        SessionIndex own_index,
                                                        const KeyPair& ephemeral,
                                                        base::MutableBytes out) {
  const auto both_ephemeral = ephemeral.agree(peer_ephemeral_);
  const auto with_static = ephemeral.agree(peer_);
  if (!both_ephemeral || !with_static) return std::nullopt;
  mix_ephemeral(state_, ephemeral.public_key());
  mix_key(state_, both_ephemeral->bytes());
  mix_key(state_, with_static->bytes());
  const SharedKey key = mix_preshared_key(state_, psk);
  std::array<std::uint8_t, tag_octets> sealed{};
  seal(key, 0, {}, state_.hash, sealed);
  write_response(own_index, peer_index_, ephemeral.public_key(), sealed, out);
  auto keys = split(state_);
  return TransportKeys{.send = keys[1], .receive = keys[0]};
}

std::optional<OutgoingHandshake> OutgoingHandshake::begin(
    const KeyPair& own, const wg::PublicKey& peer, const SharedKey& static_static,
    const Tai64n& timestamp, SessionIndex own_index, KeyPair ephemeral, base::MutableBytes out) {
  OutgoingHandshake result(std::move(ephemeral));
  NoiseState& state = result.state_;
  state = start(peer);
  mix_ephemeral(state, result.ephemeral_.public_key());
  const auto shared = result.ephemeral_.agree(peer);
  if (!shared) return std::nullopt;
  const SharedKey static_key = mix_cipher_key(state, *shared);
  std::array<std::uint8_t, wg::PrivateKey::size + tag_octets> sealed_static{};
  seal(static_key, 0, own.public_key().octets(), state.hash, sealed_static);
  mix_hash(state, sealed_static);
  const SharedKey timestamp_key = mix_cipher_key(state, static_static);
  std::array<std::uint8_t, Tai64n::size + tag_octets> sealed_timestamp{};
  seal(timestamp_key, 0, timestamp.octets(), state.hash, sealed_timestamp);
  mix_hash(state, sealed_timestamp);
  write_initiation(own_index, result.ephemeral_.public_key(), sealed_static, sealed_timestamp, out);
  return result;
}

std::optional<TransportKeys> OutgoingHandshake::finish(const KeyPair& own,
                                                       const wg::PresharedKey& psk,
                                                       const Response& response) const {
  const auto both_ephemeral = ephemeral_.agree(response.ephemeral);
  const auto with_static = own.agree(response.ephemeral);
  if (!both_ephemeral || !with_static) return std::nullopt;
  NoiseState state = state_;
  mix_ephemeral(state, response.ephemeral);
  mix_key(state, both_ephemeral->bytes());
  mix_key(state, with_static->bytes());
  const SharedKey key = mix_preshared_key(state, psk);
  if (!noise::open(key, 0, response.sealed_nothing, state.hash, {})) return std::nullopt;
  auto keys = split(state);
  return TransportKeys{.send = keys[0], .receive = keys[1]};
}

}  // namespace noise
