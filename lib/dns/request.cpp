#include "dns/request.hpp"

#include "dns/compressed_name.hpp"

namespace dns {
namespace {

constexpr std::size_t client_cookie_octets = 8;  // RFC 7873 §4

struct Counts {
  std::uint16_t questions;
  std::uint16_t answers;
  std::uint16_t authorities;
  std::uint16_t additionals;
};

/// Everything of a record but its data.
struct RecordHead {
  std::size_t owner;  ///< where it begins in the packet
  bool owner_is_root;
  RrType type;
  std::uint16_t rr_class;
  std::uint32_t ttl;
  base::Bytes rdata;
};

/// Steps over an owner name. A compression pointer ends it (RFC 1035 §4.1.4); where it leads does
/// not matter here, but it must lead backwards.
bool skip_name(base::ByteReader& reader, bool& is_root) {
  is_root = true;
  std::size_t octets = 0;
  while (reader.ok()) {
    const std::size_t at = reader.offset();
    const std::uint8_t length = reader.u8();
    if (length == 0) return reader.ok();
    is_root = false;
    if (length >= 0xc0) {
      const std::size_t target = (static_cast<std::size_t>(length & 0x3fU) << 8U) | reader.u8();
      return reader.ok() && target >= header_octets && target < at;
    }
    octets += std::size_t{1} + length;
    if (length > max_label_octets || octets >= max_name_octets) return false;
    reader.skip(length);
  }
  return false;
}

bool read_record(base::ByteReader& reader, RecordHead& head) {
  head.owner = reader.offset();
  if (!skip_name(reader, head.owner_is_root)) return false;
  head.type = RrType{reader.u16()};
  head.rr_class = reader.u16();
  head.ttl = reader.u32();
  const std::uint16_t length = reader.u16();
  head.rdata = reader.bytes(length);
  return reader.ok();
}

/// RFC 7873 §5.2.2: 8 octets of the client's, alone or with 8 to 32 of the server's.
bool read_cookie(base::Bytes data, RequestEdns& edns) {
  const bool client_only = data.size() == client_cookie_octets;
  if (!client_only && (data.size() < 2 * client_cookie_octets || data.size() > 40)) return false;
  if (!edns.client_cookie.empty()) return true;  // §5.2: of several the first counts
  edns.client_cookie = data.first(client_cookie_octets);
  edns.server_cookie = data.subspan(client_cookie_octets);
  return true;
}

/// RFC 6891 §6.1.2: options are (code, length, data) and fill the record exactly. Unknown ones are
/// ignored.
bool read_options(base::Bytes rdata, RequestEdns& edns) {
  base::ByteReader options(rdata);
  while (options.remaining() > 0) {
    const EdnsOption code{options.u16()};
    const base::Bytes data = options.bytes(options.u16());
    if (!options.ok()) return false;
    if (code == EdnsOption::cookie && !read_cookie(data, edns)) return false;
    if (code == EdnsOption::nsid) edns.wants_nsid = true;
    if (code == EdnsOption::tcp_keepalive) edns.wants_tcp_keepalive = true;
  }
  return true;
}

/// RFC 6891 §6.1.1: at most one OPT, owned by the root. \return the rcode that follows from it.
Rcode read_opt(const RecordHead& head, Request& request) {
  if (request.edns || !head.owner_is_root) return Rcode::formerr;
  RequestEdns& edns = request.edns.emplace();
  edns.udp_size = head.rr_class;
  edns.dnssec_ok = (head.ttl & 0x8000U) != 0;
  const unsigned version = (head.ttl >> 16U) & 0xffU;
  if (version != 0)
    return Rcode::badvers;  // RFC 6891 §6.1.3, before the options of an unknown version are judged
  return read_options(head.rdata, edns) ? Rcode::noerror : Rcode::formerr;
}

/// RFC 8945 §4.2, §5.2. This server has no keys: all are unknown to it. \return the rcode that
/// follows from it.
Rcode read_tsig(const RecordHead& head, Request& request) {
  constexpr std::size_t times_octets = 8;  // Time Signed and Fudge
  base::ByteReader owner(request.packet);
  owner.skip(head.owner);
  const auto algorithm = parse_name_view(head.rdata);
  if (!read_name(request.packet, owner) || !algorithm || head.ttl != 0 ||
      RrClass{head.rr_class} != RrClass::any) {
    return Rcode::formerr;
  }
  RequestTsig tsig;
  tsig.owner = head.owner;
  base::ByteReader rdata(head.rdata);
  tsig.algorithm_and_times = rdata.bytes(algorithm->wire().size() + times_octets);
  rdata.skip(rdata.u16());  // MAC
  tsig.original_id = rdata.u16();
  (void)rdata.u16();        // error: of replies
  rdata.skip(rdata.u16());  // other data
  if (!rdata.ok() || rdata.remaining() != 0) return Rcode::formerr;
  request.tsig = tsig;
  return Rcode::notauth;  // RFC 8945 §5.2.1
}

bool read_question(base::ByteReader& reader, base::Bytes packet, Request& request) {
  const auto name = parse_name_view(packet.subspan(reader.offset()));
  if (!name) return false;
  const std::size_t start = reader.offset();
  reader.skip(name->wire().size());
  const RrType type{reader.u16()};
  const RrClass rr_class{reader.u16()};
  if (!reader.ok()) return false;
  request.name = *name;
  request.type = type;
  request.rr_class = rr_class;
  request.question = packet.subspan(start, reader.offset() - start);
  return true;
}

Rcode read_body(base::ByteReader& reader, base::Bytes packet, const Counts& counts,
                Request& request) {
  if (counts.questions > 1) return Rcode::formerr;  // RFC 9619 §4
  if (counts.questions == 1 && !read_question(reader, packet, request)) return Rcode::formerr;
  // RFC 1995 §3: only IXFR carries a record in the authority section, the client's SOA.
  const bool ixfr = request.type == RrType::ixfr;
  if (counts.answers != 0 || counts.authorities > (ixfr ? 1 : 0)) return Rcode::formerr;
  RecordHead head{};
  for (unsigned i = 0; i < counts.authorities; ++i) {
    if (!read_record(reader, head)) return Rcode::formerr;
  }
  Rcode rcode = Rcode::noerror;
  for (unsigned i = 0; i < counts.additionals; ++i) {
    if (!read_record(reader, head)) return Rcode::formerr;
    if (head.type != RrType::opt && head.type != RrType::tsig) continue;
    const bool is_last = i + 1 == counts.additionals;
    if (head.type == RrType::tsig && !is_last) return Rcode::formerr;  // RFC 8945 §5.1
    // TSIG is judged before what the message asks for, and so before the version of EDNS.
    const Rcode verdict =
        head.type == RrType::tsig ? read_tsig(head, request) : read_opt(head, request);
    if (verdict == Rcode::formerr) return verdict;
    if (verdict != Rcode::noerror) rcode = verdict;
  }
  if (reader.remaining() != 0) return Rcode::formerr;
  // RFC 7873 §5.4: without a question only the cookie can have been asked for.
  if (rcode == Rcode::noerror && counts.questions == 0 &&
      (!request.edns || request.edns->client_cookie.empty())) {
    return Rcode::formerr;
  }
  return rcode;
}

}  // namespace

std::optional<Request> parse_request(base::Bytes packet) {
  base::ByteReader reader(packet);
  const std::uint16_t id = reader.u16();
  const unsigned flags = reader.u16();
  Counts counts{};
  counts.questions = reader.u16();
  counts.answers = reader.u16();
  counts.authorities = reader.u16();
  counts.additionals = reader.u16();
  std::optional<Request> result;
  if (!reader.ok() || (flags & flag_response) != 0) return result;  // never answer an answer

  Request& request = result.emplace();
  request.packet = packet;
  request.id = id;
  request.opcode = static_cast<std::uint8_t>((flags >> opcode_shift) & opcode_mask);
  request.recursion_desired = (flags & flag_recursion_desired) != 0;
  request.checking_disabled = (flags & flag_checking_disabled) != 0;
  if (request.opcode == static_cast<std::uint8_t>(Opcode::query)) {
    request.rcode = read_body(reader, packet, counts, request);
  } else {
    // The body of other operations has other rules: it is not looked at (RFC 1996 for NOTIFY,
    // RFC 2136 for UPDATE). An UPDATE is granted only inside a tunnel, where the sender's WireGuard
    // key is proven.
    const Opcode opcode{request.opcode};
    const bool is_known = opcode == Opcode::notify || opcode == Opcode::update;
    request.rcode = is_known ? Rcode::refused : Rcode::notimp;
    // What RD and CD ask for is said of a query alone: a reply to what we do not know promises
    // nothing (as BIND answers).
    request.recursion_desired = request.recursion_desired && is_known;
    request.checking_disabled = request.checking_disabled && is_known;
  }
  return result;
}

}  // namespace dns
