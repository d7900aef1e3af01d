#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "noise/engine.hpp"
#include "noise/message.hpp"

/// For the targets that attack a WireGuard engine: a real message that the input changes, with a
/// correct mac1. Any sender that knows the public key can make one.
namespace wg_fuzz {

using Octets = std::vector<std::uint8_t>;

class Recorder : public noise::Engine::Handler {
 public:
  void send(const noise::Path& /*path*/, base::Bytes datagram) override {
    sent.assign(datagram.begin(), datagram.end());
  }
  void received(const wg::PublicKey& /*peer*/, const noise::Received& /*received*/) override {
    ++received_count;
  }
  void inner(const wg::PublicKey& /*peer*/, base::Bytes /*packet*/) override {}
  void unknown_session(const noise::Path& /*path*/) override {}
  void clock_behind(const wg::PublicKey& /*peer*/, std::chrono::seconds /*by*/) override {}

  Octets sent;  ///< the last packet
  int received_count = 0;
};

/// Two engines that know each other. Each input gets new ones, so that inputs are independent.
struct Pair {
  Pair() {
    server.add_peer(client.public_key(), {});
    client.add_peer(server.public_key(), {});
  }
  void to_server(Octets datagram) { server.receive(datagram, path, now); }
  void to_client(Octets datagram) { client.receive(datagram, path, now); }
  Octets initiation() {
    (void)client.initiate(server.public_key(), path, 1, now);
    return client_out.sent;
  }
  void connect() {
    to_server(initiation());
    to_client(server_out.sent);
    to_server(client_out.sent);
  }

  static noise::KeyPair fixed_key(std::uint8_t octet) {
    wg::PrivateKey key;
    std::fill(key.span().begin(), key.span().end(), octet);
    return noise::KeyPair(key);
  }

  const noise::Path path{*base::Endpoint::parse("203.0.113.10:4711"), {}};
  const base::Now now{base::SteadyTime{} + std::chrono::hours(24),
                      base::WallTime{std::chrono::seconds(1'800'000'000)}};
  Recorder server_out;
  Recorder client_out;
  noise::Engine server{fixed_key(1), server_out, {}};
  noise::Engine client{fixed_key(2), client_out, {.answers_keepalives = false}};
};

/// The input says where to write, and which octets. A write over the end makes the message longer.
inline Octets changed(Octets message, const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return Octets(message.begin(),
                  message.begin() + static_cast<long>(std::min(size == 0 ? 0 : std::size_t{data[0]},
                                                               message.size())));
  const std::size_t place = data[0];
  if (message.size() < place + size - 1) message.resize(place + size - 1);
  std::copy(data + 1, data + size, message.begin() + static_cast<long>(place));
  return message;
}

/// Gives a handshake message for `receiver` a correct mac1.
inline void repair_mac1(Octets& message, const wg::PublicKey& receiver) {
  if (message.size() != noise::initiation_octets && message.size() != noise::response_octets)
    return;
  noise::MacWriter writer;
  const Octets mac2(message.end() - 16, message.end());
  writer.write(receiver, {}, message);
  std::copy(mac2.begin(), mac2.end(), message.end() - 16);
}

inline void expect(bool holds) {
  if (!holds) std::abort();
}

}  // namespace wg_fuzz
