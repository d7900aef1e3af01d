// Writing one reply: the constructor copies the question and sets room for OPT aside, add() writes
// one record, and finish() writes OPT, TSIG and the header. Allocates nothing, and runs on the
// caller's thread. The caller decides which records a reply has. Requests are read in request.cpp.

#include "dns/response.hpp"

#include <algorithm>

#include "base/encoding.hpp"
#include "dns/compressed_name.hpp"
#include "dns/header.hpp"

namespace dns {
namespace {

constexpr std::uint32_t flag_dnssec_ok = 0x8000;      // in the TTL of OPT, RFC 6891 §6.1.3
constexpr std::size_t option_head_octets = 4;         // code and length
constexpr std::size_t max_server_cookie_octets = 32;  // RFC 7873 §4
constexpr std::size_t opt_octets = 11;     // root owner, type, class, TTL, length: RFC 6891 §6.1.2
constexpr unsigned pointer_mark = 0xc000;  // RFC 1035 §4.1.4
constexpr std::size_t max_pointer = 0x3fff;
constexpr std::size_t soa_numbers_octets = 20;
constexpr std::uint16_t tsig_bad_key = 17;  // RFC 8945 §3

/// \return nullopt: it is no name, or something stands behind it.
std::optional<NameView> parse_whole_name(base::Bytes rdata) {
  const auto name = parse_name_view(rdata);
  return name && name->wire().size() == rdata.size() ? name : std::nullopt;
}

std::size_t reserved_octets(const Request& request) {
  if (!request.edns) return 0;
  std::size_t octets = opt_octets + option_head_octets + 2;  // with an extended error
  if (!request.edns->client_cookie.empty()) {
    octets += option_head_octets + request.edns->client_cookie.size() + max_server_cookie_octets;
  }
  if (request.edns->wants_nsid) octets += option_head_octets + max_nsid_octets;
  if (request.edns->wants_tcp_keepalive) octets += option_head_octets + 2;
  return octets;
}

}  // namespace

ResponseWriter::ResponseWriter(const Request& request, std::size_t limit, base::MutableBytes out)
    : request_(request),
      out_(out.first(std::min(limit, out.size()))),
      budget_(std::min(limit, out.size()) - reserved_octets(request)) {
  std::array<std::uint8_t, header_octets> header{};  // flags and counts are known in finish()
  header[0] = static_cast<std::uint8_t>(request.id >> 8U);
  header[1] = static_cast<std::uint8_t>(request.id);
  out_.bytes(header);
  out_.bytes(request.question);
  body_start_ = out_.size();
}

void ResponseWriter::add(Section section, NameView owner, RrType type, Ttl ttl, base::Bytes rdata) {
  if (truncated_) return;
  if (section == Section::additional) {
    begin_additional_record(owner, type);
    if (rrset_.dropped) return;
  }
  write_name(owner);
  out_.u16(static_cast<std::uint16_t>(type));
  out_.u16(static_cast<std::uint16_t>(request_.rr_class));
  out_.u32(ttl.seconds);
  const std::size_t length_at = out_.size();
  out_.u16(0);
  write_rdata(type, rdata);
  if (!out_.ok() || out_.size() > budget_) {
    if (section == Section::additional) {
      drop_additional_rrset();
    } else {
      truncated_ = true;
    }
    return;
  }
  out_.patch_u16(length_at, static_cast<std::uint16_t>(out_.size() - length_at - 2));
  ++counts_[static_cast<std::size_t>(section)];
  if (section == Section::additional) ++rrset_.count;
}

std::size_t ResponseWriter::finish(const ResponseHead& head) {
  bool truncated = truncated_ || (head.glue_required && additional_incomplete_) ||
                   (head.withhold && head.rcode != Rcode::badcookie);
  if (truncated || head.withhold) {
    out_.rewind(body_start_);
    counts_ = {};
  }
  if (request_.edns) {
    write_opt(head);
    ++counts_[static_cast<std::size_t>(Section::additional)];
  }
  if (request_.tsig && head.rcode == Rcode::notauth && !truncated) {
    // Only a very long key name leaves no room here; over TCP there is enough.
    truncated = !write_tsig();
    if (!truncated) ++counts_[static_cast<std::size_t>(Section::additional)];
  }
  unsigned flags = flag_response | (static_cast<unsigned>(request_.opcode) << opcode_shift) |
                   (static_cast<unsigned>(head.rcode) & 0x0fU);
  if (head.authoritative) flags |= flag_authoritative;
  if (truncated) flags |= flag_truncated;
  if (request_.recursion_desired) flags |= flag_recursion_desired;
  if (request_.checking_disabled) flags |= flag_checking_disabled;
  out_.patch_u16(2, static_cast<std::uint16_t>(flags));
  out_.patch_u16(4, request_.question.empty() ? 0 : 1);
  for (std::size_t i = 0; i < counts_.size(); ++i) out_.patch_u16(6 + 2 * i, counts_[i]);
  return out_.size();
}

void ResponseWriter::write_opt(const ResponseHead& head) {
  const RequestEdns& edns = *request_.edns;
  const std::uint32_t extended_rcode = static_cast<std::uint32_t>(head.rcode) >> 4U;
  out_.u8(0);
  out_.u16(static_cast<std::uint16_t>(RrType::opt));
  out_.u16(our_udp_octets);
  out_.u32((extended_rcode << 24U) | (edns.dnssec_ok ? flag_dnssec_ok : 0));
  const std::size_t length_at = out_.size();
  out_.u16(0);
  const auto begin_option = [&](EdnsOption code, std::size_t length) {
    out_.u16(static_cast<std::uint16_t>(code));
    out_.u16(static_cast<std::uint16_t>(length));
  };
  if (!edns.client_cookie.empty() && !head.server_cookie.empty()) {
    begin_option(EdnsOption::cookie, edns.client_cookie.size() + head.server_cookie.size());
    out_.bytes(edns.client_cookie);
    out_.bytes(head.server_cookie);
  }
  if (edns.wants_nsid && !head.nsid.empty()) {
    begin_option(EdnsOption::nsid, head.nsid.size());
    out_.bytes(base::as_bytes(head.nsid));
  }
  if (edns.wants_tcp_keepalive && head.tcp_keepalive) {
    begin_option(EdnsOption::tcp_keepalive, 2);
    out_.u16(*head.tcp_keepalive);
  }
  if (head.extended_error) {
    begin_option(EdnsOption::extended_error, 2);
    out_.u16(static_cast<std::uint16_t>(*head.extended_error));
  }
  out_.patch_u16(length_at, static_cast<std::uint16_t>(out_.size() - length_at - 2));
}

/// RFC 8945 §5.3.2: the key is not known here, so nothing can be signed. \return false: it did not
/// fit, and nothing was written.
bool ResponseWriter::write_tsig() {
  const std::size_t start = out_.size();
  base::ByteReader at_owner(request_.packet);
  at_owner.skip(request_.tsig->owner);
  const auto owner = read_name(request_.packet, at_owner);
  if (!owner) return false;
  out_.bytes(owner->view().wire());
  out_.u16(static_cast<std::uint16_t>(RrType::tsig));
  out_.u16(static_cast<std::uint16_t>(RrClass::any));
  out_.u32(0);
  const std::size_t length_at = out_.size();
  out_.u16(0);
  out_.bytes(request_.tsig->algorithm_and_times);
  out_.u16(0);  // no MAC
  out_.u16(request_.tsig->original_id);
  out_.u16(tsig_bad_key);
  out_.u16(0);  // no other data
  if (!out_.ok()) {
    out_.rewind(start);
    return false;
  }
  out_.patch_u16(length_at, static_cast<std::uint16_t>(out_.size() - length_at - 2));
  return true;
}

/// The owner of most records is the question itself: nothing has to be compared.
bool ResponseWriter::is_question(NameView name) const {
  return !request_.question.empty() && name.wire().data() == request_.name.wire().data() &&
         name.wire().size() == request_.name.wire().size() && !name.is_root();
}

/// RFC 1035 §4.1.4: the longest part that the reply already holds becomes a pointer.
void ResponseWriter::write_name(NameView name) {
  if (is_question(name)) return out_.u16(pointer_mark | header_octets);
  for (std::size_t i = 0; i < target_count_; ++i) {
    const auto [offset, octets] = targets_[i];
    if (octets == name.wire().size() &&
        base::equals_ignoring_case(out_.written().subspan(offset, octets), name.wire()))
      return out_.u16(static_cast<std::uint16_t>(pointer_mark | offset));
  }
  const NameView question = request_.name;
  const std::size_t question_octets = question.wire().size();
  for (NameView rest = name; !rest.is_root(); rest = rest.parent()) {
    NameView candidate = question;
    while (candidate.wire().size() > rest.wire().size()) candidate = candidate.parent();
    if (!request_.question.empty() && candidate.equals(rest)) {
      const std::size_t offset = header_octets + question_octets - candidate.wire().size();
      out_.bytes(name.wire().first(name.wire().size() - rest.wire().size()));
      out_.u16(static_cast<std::uint16_t>(pointer_mark | offset));
      return;
    }
  }
  out_.bytes(name.wire());
}

/// RFC 3597 §4: only names in the data of RFC 1035's types may be compressed.
void ResponseWriter::write_rdata(RrType type, base::Bytes rdata) {
  switch (type) {
    case RrType::ns:
    case RrType::cname:
    case RrType::ptr:
      if (const auto name = parse_whole_name(rdata)) return write_name(*name);
      break;
    case RrType::mx:
      if (rdata.size() < 2) break;
      if (const auto name = parse_whole_name(rdata.subspan(2))) {
        out_.bytes(rdata.first(2));
        return write_name(*name);
      }
      break;
    case RrType::soa: {
      const auto primary = parse_name_view(rdata);
      if (!primary) break;
      const base::Bytes behind = rdata.subspan(primary->wire().size());
      const auto mailbox = parse_name_view(behind);
      if (!mailbox || behind.size() != mailbox->wire().size() + soa_numbers_octets) break;
      write_name(*primary);
      write_name(*mailbox);
      return out_.bytes(behind.last(soa_numbers_octets));
    }
    case RrType::srv: {
      const std::size_t target_at = out_.size() + srv_target_offset;
      if (target_count_ < targets_.size() && target_at <= max_pointer &&
          rdata.size() > srv_target_offset) {
        targets_[target_count_++] = {static_cast<std::uint16_t>(target_at),
                                     static_cast<std::uint16_t>(rdata.size() - srv_target_offset)};
      }
      break;
    }
    default:
      break;
  }
  out_.bytes(rdata);
}

void ResponseWriter::begin_additional_record(NameView owner, RrType type) {
  if (rrset_.count > 0 || rrset_.dropped) {
    const base::Bytes before = base::Bytes(rrset_.owner).first(rrset_.owner_octets);
    if (rrset_.type == type && base::equals_ignoring_case(before, owner.wire())) return;
  }
  std::copy(owner.wire().begin(), owner.wire().end(), rrset_.owner.begin());
  rrset_.owner_octets = owner.wire().size();
  rrset_.type = type;
  rrset_.start = out_.size();
  rrset_.count = 0;
  rrset_.dropped = false;
}

void ResponseWriter::drop_additional_rrset() {
  out_.rewind(rrset_.start);
  counts_[static_cast<std::size_t>(Section::additional)] = static_cast<std::uint16_t>(
      counts_[static_cast<std::size_t>(Section::additional)] - rrset_.count);
  rrset_.count = 0;
  rrset_.dropped = true;
  additional_incomplete_ = true;
}

}  // namespace dns
