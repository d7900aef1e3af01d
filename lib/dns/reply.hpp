#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/endpoint.hpp"
#include "base/expected.hpp"
#include "dns/name.hpp"
#include "dns/types.hpp"

/// Reading the replies of a resolver: the updater's side of DNS. No octet is trusted, so every
/// access is checked, in code of our own: ldns fails an assertion or leaks memory on some malformed
/// replies, and a filter that keeps all of them from it would have to be this parser.
namespace dns {

struct SrvRecord {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  base::Port port{};
  Name target;
};

struct TxtRecord {
  std::vector<std::string> strings;  ///< each 0–255 octets, any octet
};

struct SoaRecord {
  Name primary;
  std::uint32_t serial = 0;
};

/// One record of a reply, of the types that our clients understand; others are skipped.
struct ReplyRecord {
  Name owner;
  Ttl ttl;
  std::variant<SrvRecord, TxtRecord, base::IpAddress, Name, SoaRecord>
      data;  ///< Name: target of a CNAME, PTR or NS, see `type`
  RrType type{};
};

struct Reply {
  Rcode rcode{};
  bool authoritative = false;  ///< AA
  bool truncated = false;      ///< then there are no records here: ask again over TCP
  std::vector<ReplyRecord> answer = {};
  std::vector<ReplyRecord> authority = {};
  std::vector<ReplyRecord> additional = {};
};

enum class ReplyError : std::uint8_t {
  too_short,       ///< less than a header
  not_a_reply,     ///< QR clear, or an opcode other than QUERY
  wrong_question,  ///< not exactly the question that was asked (name in any case, type, class)
  malformed,       ///< cut short, octets behind the end, a broken name, data or OPT record
};

/// \param packet as received. \param name, type what was asked; the transport checks the id.
[[nodiscard]] base::Expected<Reply, ReplyError> parse_reply(base::Bytes packet, const Name& name,
                                                            RrType type);

}  // namespace dns
