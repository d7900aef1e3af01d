#include "schema/peer_update.hpp"

#include "dns/header.hpp"

namespace schema {

void write_update_head(base::ByteWriter& writer, std::uint16_t id, dns::NameView zone,
                       std::uint16_t records) {
  writer.u16(id);
  writer.u16(
      static_cast<std::uint16_t>(static_cast<unsigned>(dns::Opcode::update) << dns::opcode_shift));
  writer.u16(1);        // zone
  writer.u16(0);        // prerequisites
  writer.u16(records);  // updates
  writer.u16(0);        // additional
  writer.bytes(zone.wire());
  writer.u16(static_cast<std::uint16_t>(dns::RrType::soa));
  writer.u16(static_cast<std::uint16_t>(dns::RrClass::in));
}

void write_update_record(base::ByteWriter& writer, dns::NameView owner, dns::RrClass rr_class,
                         std::uint32_t ttl, base::Bytes rdata) {
  write_update_record_at(writer, owner.wire(), rr_class, ttl, rdata);
}

void write_update_record_at(base::ByteWriter& writer, base::Bytes owner, dns::RrClass rr_class,
                            std::uint32_t ttl, base::Bytes rdata) {
  writer.bytes(owner);
  writer.u16(static_cast<std::uint16_t>(dns::RrType::txt));
  writer.u16(static_cast<std::uint16_t>(rr_class));
  writer.u32(ttl);
  writer.u16(static_cast<std::uint16_t>(rdata.size()));
  writer.bytes(rdata);
}

void write_text_string(base::ByteWriter& writer, std::string_view prefix, std::string_view value) {
  writer.u8(static_cast<std::uint8_t>(prefix.size() + value.size()));
  writer.bytes(base::as_bytes(prefix));
  writer.bytes(base::as_bytes(value));
}

}  // namespace schema
