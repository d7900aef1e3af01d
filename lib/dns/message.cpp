#include "dns/message.hpp"

#include <memory>

#include "dns/ldns.hpp"

namespace dns {
namespace {

struct PacketDeleter {
  void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};

bool read_section(const ldns_rr_list* list, std::vector<ZoneRecord>& records) {
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i) {
    const ldns_rr* rr = ldns_rr_list_rr(list, i);
    const auto owner = parse_name_view(octets_of(ldns_rr_owner(rr)));
    if (!owner) return false;
    ZoneRecord record{.owner = Name(*owner),
                      .ttl = Ttl{ldns_rr_ttl(rr)},
                      .type = RrType{static_cast<std::uint16_t>(ldns_rr_get_type(rr))},
                      .rdata = {}};
    for (std::size_t field = 0; field < ldns_rr_rd_count(rr); ++field) {
      const base::Bytes octets = octets_of(ldns_rr_rdf(rr, field));
      record.rdata.insert(record.rdata.end(), octets.begin(), octets.end());
    }
    records.push_back(std::move(record));
  }
  return true;
}

std::optional<ExtendedError> read_extended_error(const ldns_pkt& packet) {
  const ldns_rdf* options = ldns_pkt_edns_data(&packet);
  if (options == nullptr) return std::nullopt;
  base::ByteReader reader(octets_of(options));
  while (reader.ok() && reader.remaining() > 0) {
    const EdnsOption code{reader.u16()};
    base::ByteReader data(reader.bytes(reader.u16()));
    if (code == EdnsOption::extended_error) return ExtendedError{data.u16()};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Message> read_own_message(base::Bytes packet) {
  ldns_pkt* raw = nullptr;
  const ldns_status status = ldns_wire2pkt(&raw, packet.data(), packet.size());
  const std::unique_ptr<ldns_pkt, PacketDeleter> read(raw);
  if (status != LDNS_STATUS_OK) return std::nullopt;
  Message message;
  message.rcode = Rcode{static_cast<std::uint16_t>(
      ldns_pkt_get_rcode(read.get()) | (ldns_pkt_edns_extended_rcode(read.get()) << 4U))};
  message.authoritative = ldns_pkt_aa(read.get());
  message.truncated = ldns_pkt_tc(read.get());
  message.extended_error = read_extended_error(*read);
  if (!read_section(ldns_pkt_answer(read.get()), message.sections[0]) ||
      !read_section(ldns_pkt_authority(read.get()), message.sections[1]) ||
      !read_section(ldns_pkt_additional(read.get()), message.sections[2])) {
    return std::nullopt;
  }
  return message;
}

}  // namespace dns
