#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.hpp"
#include "dns/header.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"

namespace dns {

inline constexpr std::size_t plain_udp_octets = 512;      // RFC 1035 §2.3.4
inline constexpr std::size_t max_message_octets = 65535;  // RFC 1035 §4.2.2

/// The OPT record of a request (RFC 6891 §6.1.2).
struct RequestEdns {
  std::uint16_t udp_size = plain_udp_octets;  ///< as sent; below 512 means 512 (§6.2.3)
  bool dnssec_ok = false;                     ///< DO, echoed (RFC 3225 §3)
  base::Bytes client_cookie;                  ///< 8 octets, or empty: no COOKIE (RFC 7873 §4)
  base::Bytes server_cookie;                  ///< 8–32 octets, or empty: the client has none yet
  bool wants_nsid = false;                    ///< RFC 5001 §2.1
  bool wants_tcp_keepalive = false;           ///< RFC 7828 §3.2.1
};

/// The TSIG record of a request (RFC 8945 §4.2): what a server that has no key must return.
struct RequestTsig {
  std::size_t owner = 0;            ///< where the key's name begins in the packet
  base::Bytes algorithm_and_times;  ///< its data up to Fudge
  std::uint16_t original_id = 0;
};

/// A request as far as it could be read. Borrows from the packet: valid as long as that is.
struct Request {
  std::uint16_t id = 0;
  std::uint8_t opcode = 0;  ///< 0–15, echoed
  bool recursion_desired = false;
  bool checking_disabled = false;
  /// NOERROR: a well-formed question, to be looked up. Everything else is the answer already.
  Rcode rcode = Rcode::noerror;
  /// The question section as sent, to be echoed; empty when it could not be read, and in a request
  /// that only asks for a cookie (RFC 7873 §5.4).
  base::Bytes question;
  NameView name;
  RrType type{};
  RrClass rr_class{};
  std::optional<RequestEdns> edns;
  std::optional<RequestTsig> tsig;  ///< well-formed and last
  base::Bytes packet;               ///< the whole request
};

/// Judges a packet in the order of cost: bare header, opcode, counts, question, records (OPT,
/// TSIG). Pure; never throws. \return nullopt: send no reply (shorter than a header, or itself an
/// answer).
[[nodiscard]] std::optional<Request> parse_request(base::Bytes packet);

}  // namespace dns
