#include "dns/reply.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "dns/compressed_name.hpp"
#include "dns/header.hpp"

namespace dns {
namespace {

std::optional<TxtRecord> read_txt(base::Bytes rdata) {
  base::ByteReader reader(rdata);
  TxtRecord txt;
  while (reader.remaining() > 0) {
    const base::Bytes text = reader.bytes(reader.u8());
    if (!reader.ok()) return std::nullopt;
    txt.strings.emplace_back(text.begin(), text.end());
  }
  if (txt.strings.empty()) return std::nullopt;  // RFC 1035 §3.3.14: one or more
  return txt;
}

/// What one record turned out to be.
enum class Kind : std::uint8_t { understood, skipped, opt, malformed };

/// Reads one record; `record` is filled when it is understood. An OPT record leaves its upper eight
/// bits of the response code in `record.ttl`.
Kind read_record(base::Bytes packet, base::ByteReader& reader, ReplyRecord& record) {
  const auto owner = read_name(packet, reader);
  if (!owner) return Kind::malformed;
  record.owner = *owner;
  record.type = RrType{reader.u16()};
  const std::uint16_t rr_class = reader.u16();
  record.ttl = Ttl{reader.u32()};
  const std::uint16_t size = reader.u16();
  const std::size_t start = reader.offset();
  const base::Bytes rdata = reader.bytes(size);
  if (!reader.ok()) return Kind::malformed;
  if (record.type == RrType::opt) return owner->view().is_root() ? Kind::opt : Kind::malformed;
  if (record.ttl.seconds > 0x7fffffffU) record.ttl = Ttl{0};  // RFC 2181 §8
  if (RrClass{rr_class} != RrClass::in) return Kind::skipped;

  // Names inside data may be compressed, so they are read with access to the whole packet, and must
  // end where the data ends.
  base::ByteReader data(packet.first(start + size));
  data.skip(start);
  switch (record.type) {
    case RrType::a:
    case RrType::aaaa: {
      const auto address = base::IpAddress::from_bytes(rdata);
      if (!address || address->is_ipv4() != (record.type == RrType::a)) return Kind::malformed;
      record.data = *address;
      return Kind::understood;
    }
    case RrType::srv: {
      SrvRecord srv;
      srv.priority = data.u16();
      srv.weight = data.u16();
      srv.port = base::Port{data.u16()};
      // RFC 2782 forbids compression of the target, RFC 3597 §4 asks receivers to understand it.
      const auto target = read_name(packet, data);
      if (!target || data.remaining() != 0) return Kind::malformed;
      srv.target = *target;
      record.data = srv;
      return Kind::understood;
    }
    case RrType::soa: {
      const auto primary = read_name(packet, data);
      const auto mailbox = read_name(packet, data);
      SoaRecord soa;
      soa.serial = data.u32();
      data.skip(16);  // refresh, retry, expire, minimum
      if (!primary || !mailbox || !data.ok() || data.remaining() != 0) return Kind::malformed;
      soa.primary = *primary;
      record.data = soa;
      return Kind::understood;
    }
    case RrType::ns:
    case RrType::cname:
    case RrType::ptr: {
      const auto target = read_name(packet, data);
      if (!target || data.remaining() != 0) return Kind::malformed;
      record.data = *target;
      return Kind::understood;
    }
    case RrType::txt: {
      auto txt = read_txt(rdata);
      if (!txt) return Kind::malformed;
      record.data = *std::move(txt);
      return Kind::understood;
    }
    default:
      return Kind::skipped;
  }
}

bool read_question(base::Bytes packet, base::ByteReader& reader, const Name& name, RrType type) {
  const auto asked = read_name(packet, reader);
  const RrType asked_type{reader.u16()};
  const RrClass asked_class{reader.u16()};
  return reader.ok() && asked && *asked == name && asked_type == type && asked_class == RrClass::in;
}

}  // namespace

base::Expected<Reply, ReplyError> parse_reply(base::Bytes packet, const Name& name, RrType type) {
  base::ByteReader reader(packet);
  reader.skip(2);
  const std::uint16_t flags = reader.u16();
  const std::uint16_t questions = reader.u16();
  const std::array<std::uint16_t, 3> counts = {reader.u16(), reader.u16(), reader.u16()};
  if (!reader.ok()) return base::Unexpected(ReplyError::too_short);
  const bool is_reply = (flags & flag_response) != 0;
  if (!is_reply ||
      Opcode{static_cast<std::uint8_t>((flags >> opcode_shift) & opcode_mask)} != Opcode::query)
    return base::Unexpected(ReplyError::not_a_reply);
  if (questions != 1 || !read_question(packet, reader, name, type))
    return base::Unexpected(ReplyError::wrong_question);

  Reply reply;
  reply.authoritative = (flags & flag_authoritative) != 0;
  reply.truncated = (flags & flag_truncated) != 0;
  unsigned rcode = flags & 0xfU;
  if (reply.truncated) {  // RFC 2181 §9: a truncated reply is not used, but asked for again
    reply.rcode = Rcode{static_cast<std::uint16_t>(rcode)};
    return reply;
  }
  const std::array sections = {&reply.answer, &reply.authority, &reply.additional};
  bool has_opt = false;
  for (std::size_t section = 0; section < counts.size(); ++section) {
    for (unsigned i = 0; i < counts.at(section); ++i) {
      ReplyRecord record;
      switch (read_record(packet, reader, record)) {
        case Kind::malformed:
          return base::Unexpected(ReplyError::malformed);
        case Kind::skipped:
          break;
        case Kind::opt:
          // RFC 6891 §6.1.1: one, and in the additional section.
          if (has_opt || section != 2) return base::Unexpected(ReplyError::malformed);
          has_opt = true;
          rcode |= (record.ttl.seconds >> 24U) << 4U;  // RFC 6891 §6.1.3
          break;
        case Kind::understood:
          sections.at(section)->push_back(std::move(record));
          break;
      }
    }
  }
  if (reader.remaining() != 0) return base::Unexpected(ReplyError::malformed);
  reply.rcode = Rcode{static_cast<std::uint16_t>(rcode)};
  return reply;
}

}  // namespace dns
