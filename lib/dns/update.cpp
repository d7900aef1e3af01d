#include "dns/update.hpp"

#include "dns/compressed_name.hpp"
#include "dns/header.hpp"

namespace dns {
namespace {

struct UpdateCounts {
  std::uint16_t zones;
  std::uint16_t prerequisites;
  std::uint16_t updates;
  std::uint16_t additionals;
};

bool read_zone(base::ByteReader& reader, base::Bytes packet, Request& head) {
  const std::size_t start = reader.offset();
  const auto name = parse_name_view(packet.subspan(start));
  if (!name) return false;
  reader.skip(name->wire().size());
  const RrType type{reader.u16()};
  const RrClass rr_class{reader.u16()};
  if (!reader.ok() || type != RrType::soa) return false;  // §2.3
  head.name = *name;
  head.type = type;
  head.rr_class = rr_class;
  head.question = packet.subspan(start, reader.offset() - start);
  return true;
}

bool read_record(base::ByteReader& reader, base::Bytes packet, UpdateRecord& record) {
  const auto owner = read_name(packet, reader);
  if (!owner) return false;
  record.owner = *owner;
  record.type = RrType{reader.u16()};
  record.rr_class = RrClass{reader.u16()};
  record.ttl = reader.u32();
  const std::uint16_t length = reader.u16();
  record.rdata = reader.bytes(length);
  return reader.ok();
}

/// Reads from OPT only what decides the reply. None of its options changes the reply to an update.
Rcode read_opt(const UpdateRecord& record, Request& head) {
  if (head.edns || !record.owner.view().is_root()) return Rcode::formerr;  // RFC 6891 §6.1.1
  RequestEdns edns;
  edns.udp_size = static_cast<std::uint16_t>(record.rr_class);
  edns.dnssec_ok = (record.ttl & 0x8000U) != 0;
  head.edns = edns;
  return ((record.ttl >> 16U) & 0xffU) == 0 ? Rcode::noerror : Rcode::badvers;
}

Rcode read_body(base::ByteReader& reader, base::Bytes packet, const UpdateCounts& counts,
                Update& update) {
  if (counts.zones != 1 || !read_zone(reader, packet, update.head)) return Rcode::formerr;
  update.prerequisites = counts.prerequisites;
  UpdateRecord record;
  for (unsigned i = 0; i < counts.prerequisites; ++i) {
    if (!read_record(reader, packet, record)) return Rcode::formerr;
  }
  Rcode rcode = Rcode::noerror;
  for (unsigned i = 0; i < counts.updates; ++i) {
    if (!read_record(reader, packet, record)) return Rcode::formerr;
    if (update.records.size() < max_update_records) {
      update.records.push_back(record);
    } else {
      rcode = Rcode::refused;
    }
  }
  for (unsigned i = 0; i < counts.additionals; ++i) {
    if (!read_record(reader, packet, record)) return Rcode::formerr;
    if (record.type == RrType::tsig) update.is_signed = true;
    if (record.type != RrType::opt) continue;
    const Rcode verdict = read_opt(record, update.head);
    if (verdict == Rcode::formerr) return verdict;
    if (verdict != Rcode::noerror) rcode = verdict;
  }
  return reader.remaining() == 0 ? rcode : Rcode::formerr;
}

}  // namespace

std::optional<Update> parse_update(base::Bytes packet) {
  base::ByteReader reader(packet);
  Update update;
  update.head.id = reader.u16();
  const unsigned flags = reader.u16();
  const UpdateCounts counts{reader.u16(), reader.u16(), reader.u16(), reader.u16()};
  const unsigned opcode = (flags >> opcode_shift) & opcode_mask;
  if (!reader.ok() || (flags & flag_response) != 0 ||
      opcode != static_cast<unsigned>(Opcode::update))
    return std::nullopt;
  update.head.opcode = static_cast<std::uint8_t>(opcode);
  update.head.rcode = read_body(reader, packet, counts, update);
  return update;
}

std::optional<Rcode> parse_update_reply(base::Bytes packet, std::uint16_t id, NameView zone) {
  base::ByteReader reader(packet);
  const std::uint16_t id_of_reply = reader.u16();
  const unsigned flags = reader.u16();
  const UpdateCounts counts{reader.u16(), reader.u16(), reader.u16(), reader.u16()};
  if (!reader.ok() || id_of_reply != id || (flags & flag_response) == 0 ||
      ((flags >> opcode_shift) & opcode_mask) != static_cast<unsigned>(Opcode::update) ||
      (flags & flag_truncated) != 0 || counts.zones > 1)
    return std::nullopt;
  // §3.8: the sections may be left out, so the id alone ties such a reply to its update.
  Request head;
  if (counts.zones == 1 &&
      (!read_zone(reader, packet, head) || !head.name.equals(zone) || head.rr_class != RrClass::in))
    return std::nullopt;
  unsigned rcode = flags & 0xfU;
  const unsigned records =
      unsigned{counts.prerequisites} + unsigned{counts.updates} + unsigned{counts.additionals};
  bool has_opt = false;
  UpdateRecord record;
  for (unsigned i = 0; i < records; ++i) {
    if (!read_record(reader, packet, record)) return std::nullopt;
    if (record.type != RrType::opt) continue;
    if (has_opt || !record.owner.view().is_root()) return std::nullopt;  // RFC 6891 §6.1.1
    has_opt = true;
    rcode |= (record.ttl >> 24U) << 4U;  // RFC 6891 §6.1.3
  }
  if (reader.remaining() != 0) return std::nullopt;
  return Rcode{static_cast<std::uint16_t>(rcode)};
}

}  // namespace dns
