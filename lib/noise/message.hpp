#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "base/bytes.hpp"
#include "noise/crypto.hpp"

/// The four messages of WireGuard as octets (paper §5.4). Numbers are little-endian; a message
/// begins with its type and three zero octets. What is parsed borrows from the datagram.
namespace noise {

/// The session that a message is for: a number that its receiver chose at random.
using SessionIndex = std::uint32_t;

inline constexpr std::size_t initiation_octets = 148;   // §5.4.2
inline constexpr std::size_t response_octets = 92;      // §5.4.3
inline constexpr std::size_t cookie_reply_octets = 64;  // §5.4.7
inline constexpr std::size_t data_header_octets = 16;   // §5.4.6
inline constexpr std::size_t keepalive_octets = data_header_octets + tag_octets;
inline constexpr std::uint32_t transport_data_type = 4;  // §5.4.6, with three zero octets

/// The two authenticators at the end of both handshake messages (§5.4.4).
struct Macs {
  base::Bytes before_mac1;  ///< what mac1 covers
  base::Bytes mac1;         ///< 16 octets
  base::Bytes before_mac2;  ///< what mac2 covers: mac1 too
  base::Bytes mac2;         ///< 16 octets; all zero: the sender has no cookie
};

struct Initiation {
  SessionIndex sender{};
  wg::PublicKey ephemeral;
  base::Bytes sealed_static;     ///< 48 octets
  base::Bytes sealed_timestamp;  ///< 28 octets
  Macs macs;
};

struct Response {
  SessionIndex sender{};
  SessionIndex receiver{};
  wg::PublicKey ephemeral;
  base::Bytes sealed_nothing;  ///< 16 octets
  Macs macs;
};

struct CookieReply {
  SessionIndex receiver{};
  Nonce24 nonce{};
  base::Bytes sealed_cookie;  ///< 32 octets
};

struct TransportData {
  SessionIndex receiver{};
  std::uint64_t counter{};
  base::Bytes sealed;  ///< at least 16 octets; 16: a keepalive
};

using Message = std::variant<Initiation, Response, CookieReply, TransportData>;

/// \return nullopt: not a WireGuard message, or not of the length that its type has.
[[nodiscard]] std::optional<Message> parse_message(base::Bytes datagram);

/// What parse_message() finds in transport data, for who only passes it on. Inline, because each
/// datagram passes here.
/// \return nullopt: it is something else
[[nodiscard]] inline std::optional<SessionIndex> data_receiver(base::Bytes datagram) {
  if (datagram.size() < keepalive_octets) return std::nullopt;
  const auto number = [&](std::size_t at) {
    return std::uint32_t{datagram[at]} | std::uint32_t{datagram[at + 1]} << 8U |
           std::uint32_t{datagram[at + 2]} << 16U | std::uint32_t{datagram[at + 3]} << 24U;
  };
  if (number(0) != transport_data_type) return std::nullopt;
  return number(4);
}

/// Each writes one message into `out`, which has exactly its length, and leaves both macs zero.
/// \param sealed_static 48, \param sealed_timestamp 28, \param sealed_nothing 16 octets
void write_initiation(SessionIndex sender, const wg::PublicKey& ephemeral,
                      base::Bytes sealed_static, base::Bytes sealed_timestamp,
                      base::MutableBytes out);
void write_response(SessionIndex sender, SessionIndex receiver, const wg::PublicKey& ephemeral,
                    base::Bytes sealed_nothing, base::MutableBytes out);
/// \param sealed_cookie 32 octets
void write_cookie_reply(SessionIndex receiver, const Nonce24& nonce, base::Bytes sealed_cookie,
                        base::MutableBytes out);
/// The header alone, 16 octets; what is sealed follows it.
void write_data_header(SessionIndex receiver, std::uint64_t counter, base::MutableBytes out);

/// Inner packets are padded with zeros to a multiple of 16 octets (§5.4.6).
[[nodiscard]] constexpr std::size_t padded_size(std::size_t size) {
  return (size + 15) / 16 * 16;
}

}  // namespace noise
