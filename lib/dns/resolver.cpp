#include "dns/resolver.hpp"

#include <arpa/nameser.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace dns {
namespace {

constexpr std::size_t max_reply = 65535;
/// The longest reply over UDP. Source: the DNS flag day of 2020; no fragment on any usual path.
constexpr std::uint16_t edns_udp_size = 1232;

/// Appends the OPT record that res_nquery would add and res_nmkquery leaves out (RFC 6891 §6.1.2).
/// \param query with 11 octets of room behind its `size`. \return the new size.
std::size_t append_opt(base::MutableBytes query, std::size_t size) {
  base::ByteWriter opt(query.subspan(size));
  opt.u8(0);
  opt.u16(static_cast<std::uint16_t>(RrType::opt));
  opt.u16(edns_udp_size);
  opt.u32(0);
  opt.u16(0);
  query[11] = 1;  // ARCOUNT
  return size + opt.size();
}

/// The error that the last server reported before glibc gave up. glibc keeps that server's packet,
/// but not its length.
std::optional<ResolverError> last_word(base::Bytes query, base::Bytes answer) {
  base::ByteReader reader(answer);
  const bool same_id = reader.u16() == static_cast<std::uint16_t>((query[0] << 8U) | query[1]);
  const std::uint16_t flags = reader.u16();
  if (!same_id || (flags & 0x8000U) == 0) return std::nullopt;
  switch (Rcode{static_cast<std::uint16_t>(flags & 0xfU)}) {
    case Rcode::noerror:
    case Rcode::formerr:
      return ResolverError::malformed;
    case Rcode::refused:
      return ResolverError::refused;
    default:
      return ResolverError::server_failure;
  }
}

}  // namespace

std::string_view to_string(ResolverError error) {
  switch (error) {
    case ResolverError::server_failure:
      return "it fails (SERVFAIL)";
    case ResolverError::refused:
      return "it refuses (REFUSED)";
    case ResolverError::timeout:
      return "it does not answer in time";
    case ResolverError::unreachable:
      return "it cannot be reached";
    case ResolverError::malformed:
      break;
  }
  return "its reply is malformed";
}

Resolver::Resolver(const std::optional<base::Endpoint>& server) {
  ready_ = ::res_ninit(&state_) == 0;
  if (!ready_ || !server) return;
  state_.nscount = 1;
  sockaddr_storage address{};
  const socklen_t length = server->to_sockaddr(address);
  if (server->address.is_ipv4()) {
    std::memcpy(&state_.nsaddr_list[0], &address, length);
    return;
  }
  // glibc's way to say IPv6: no family in the old list, and a block of its own heap beside it,
  // which res_nclose frees.
  sockaddr_in6*& slot = state_._u._ext.nsaddrs[0];
  if (slot == nullptr) slot = static_cast<sockaddr_in6*>(std::malloc(sizeof(sockaddr_in6)));
  ready_ = slot != nullptr;
  if (!ready_) return;
  state_.nsaddr_list[0].sin_family = 0;
  std::memcpy(slot, &address, length);
}

Resolver::~Resolver() {
  ::res_nclose(&state_);
}

base::Expected<Reply, ResolverError> Resolver::ask(const Name& name, RrType type) {
  if (!ready_) return base::Unexpected(ResolverError::unreachable);
  std::vector<std::uint8_t> answer(max_reply);
  const std::string text = name.to_string();
  const bool edns = (state_.options & RES_USE_EDNS0) != 0;
  auto size = exchange(text, type, edns, answer);
  // A server that is older than EDNS answers FORMERR (RFC 6891 §7).
  if (!size && edns && size.error() == ResolverError::malformed)
    size = exchange(text, type, false, answer);
  if (!size) return base::Unexpected(size.error());
  auto reply = parse_reply(base::Bytes(answer).first(*size), name, type);
  if (!reply || reply->truncated) return base::Unexpected(ResolverError::malformed);
  return *std::move(reply);
}

base::Expected<std::size_t, ResolverError> Resolver::exchange(const std::string& name, RrType type,
                                                              bool edns,
                                                              base::MutableBytes answer) {
  std::array<std::uint8_t, NS_PACKETSZ> query{};
  const int made =
      ::res_nmkquery(&state_, ns_o_query, name.c_str(), ns_c_in, static_cast<int>(type), nullptr, 0,
                     nullptr, query.data(), static_cast<int>(query.size()));
  if (made < 0) return base::Unexpected(ResolverError::malformed);
  auto size = static_cast<std::size_t>(made);
  if (edns) size = append_opt(query, size);
  std::fill_n(answer.begin(), 12, std::uint8_t{0});
  const int received = ::res_nsend(&state_, query.data(), static_cast<int>(size), answer.data(),
                                   static_cast<int>(answer.size()));
  if (received >= 0) return std::min(static_cast<std::size_t>(received), answer.size());
  const int error = errno;
  if (const auto word = last_word(query, answer)) return base::Unexpected(*word);
  return base::Unexpected(error == ETIMEDOUT ? ResolverError::timeout : ResolverError::unreachable);
}

}  // namespace dns
