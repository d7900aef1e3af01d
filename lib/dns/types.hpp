#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dns {

/// RFC 1035 §3.2.2 and the registry; any 16-bit value is a type (RFC 3597).
enum class RrType : std::uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
  dname = 39,
  opt = 41,
  ds = 43,
  rrsig = 46,
  nsec = 47,
  nsec3 = 50,
  tsig = 250,
  ixfr = 251,
  axfr = 252,
  any = 255,
};

enum class RrClass : std::uint16_t { in = 1, chaos = 3, none = 254, any = 255 };

/// RFC 1035 §4.1.1, RFC 6895 §2.3; values above 15 need an OPT record (RFC 6891 §6.1.3).
enum class Rcode : std::uint16_t {
  noerror = 0,
  formerr = 1,
  servfail = 2,
  nxdomain = 3,
  notimp = 4,
  refused = 5,
  notauth = 9,
  badvers = 16,
  badcookie = 23,
};

enum class Opcode : std::uint8_t { query = 0, notify = 4, update = 5 };

/// Options of OPT: RFC 5001, RFC 7873, RFC 7828, RFC 8914.
enum class EdnsOption : std::uint16_t {
  nsid = 3,
  cookie = 10,
  tcp_keepalive = 11,
  extended_error = 15
};

/// RFC 8914 §4.
enum class ExtendedError : std::uint16_t {
  stale_answer = 3,
  not_ready = 14,
  prohibited = 18,
  not_authoritative = 20
};

/// Where the target begins in the data of an SRV record (RFC 2782): behind priority, weight, port.
inline constexpr std::size_t srv_target_offset = 6;

/// Seconds that a record may be cached. Not a duration: at most 2^31-1, and compared only with
/// others of its kind (RFC 2181 §8).
struct Ttl {
  std::uint32_t seconds = 0;
  friend auto operator<=>(const Ttl&, const Ttl&) = default;
};

/// `SRV`, `TXT`, … or `TYPE65280` (RFC 3597 §5).
[[nodiscard]] std::string to_string(RrType type);
/// Any case; also `TYPE65280`. nullopt: no such type.
[[nodiscard]] std::optional<RrType> parse_rr_type(std::string_view text);
[[nodiscard]] std::string to_string(Rcode rcode);

}  // namespace dns
