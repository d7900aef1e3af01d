#pragma once

#include <cstdint>
#include <vector>

#include "noise/message.hpp"
#include "tests/simulation/events.hpp"
#include "wg/public_key.hpp"

namespace model {

enum class Kind : std::uint8_t {
  initiation,
  response,
  keepalive,
  request,
  reply,
  flow,
  echo,
  echo_reply,
  cookie,
  update,  ///< to the hub: a DNS UPDATE of `_relay`
  update_reply,
};

/// One datagram: what an observer sees of it, then what is sealed.
struct Packet {
  Kind kind{};
  std::uint64_t handshake = 0;       ///< the one that begins, is answered, or made the session
  Time timestamp = 0;                ///< of an initiation: TAI64N; of others the time of sending
  noise::SessionIndex sender = 0;    ///< of initiations and responses
  noise::SessionIndex receiver = 0;  ///< of all but initiations
  std::uint64_t counter = 0;         ///< of data
  std::vector<std::uint8_t> octets;  ///< of initiations, responses and cookies: the real ones
  wg::PublicKey from;
  wg::PublicKey to;
  std::uint32_t number = 0;  ///< inside: tells one echo or update from another
};

/// The octets of transport data as the network sees them: the real header and length, zeros sealed.
[[nodiscard]] std::vector<std::uint8_t> data_octets(const Packet& packet);

/// The indices on the wire are 32 bits that say nothing. \param number Events::next_number()
[[nodiscard]] noise::SessionIndex index_of(std::uint32_t number);
[[nodiscard]] std::uint64_t octets_of(Kind kind);
[[nodiscard]] bool is_data(Kind kind);

}  // namespace model
