// How a record is written. Reading is in zone_file.cpp.

#include <memory>
#include <string>

#include "base/encoding.hpp"
#include "dns/ldns.hpp"
#include "dns/zone_file.hpp"

namespace dns {
namespace {

struct Freer {
  void operator()(char* text) const { LDNS_FREE(text); }
};
/// It writes the lists of SVCB and HTTPS with too few escapes, a name as a string in NSAP-PTR, in
/// WKS the names that this host has for the ports, and IPSECKEY without a key with a field that is
/// empty.
bool is_written_by_ldns(RrType type) {
  switch (static_cast<std::uint16_t>(type)) {
    case LDNS_RR_TYPE_SVCB:
    case LDNS_RR_TYPE_HTTPS:
    case LDNS_RR_TYPE_NSAP_PTR:
    case LDNS_RR_TYPE_WKS:
    case LDNS_RR_TYPE_IPSECKEY:
      return false;
    default:
      return true;
  }
}

}  // namespace

std::string to_zone_line(NameView owner, Ttl ttl, RrType type, base::Bytes rdata) {
  std::string line =
      owner.to_string() + '\t' + std::to_string(ttl.seconds) + "\tIN\t" + to_string(type) + '\t';
  const auto write_octets = [&] {  // RFC 3597 §5
    return line + "\\# " + std::to_string(rdata.size()) + (rdata.empty() ? "" : " ") +
           base::to_hex(rdata) + '\n';
  };
  if (!is_written_by_ldns(type) || rdata.empty()) return write_octets();
  // Only the data goes through ldns: our own names carry the escapes that every zone parser takes.
  RrPointer rr;
  if (read_fields(type, rdata, rr) != LDNS_STATUS_OK)
    return write_octets();  // not of its type's form
  for (std::size_t i = 0; i < ldns_rr_rd_count(rr.get()); ++i) {
    const ldns_rdf* field = ldns_rr_rdf(rr.get(), i);
    if (i > 0) line += ' ';
    const auto name = ldns_rdf_get_type(field) == LDNS_RDF_TYPE_DNAME
                          ? parse_name_view(octets_of(field))
                          : std::nullopt;
    if (name) {
      line += name->to_string();
    } else if (const std::unique_ptr<char, Freer> text(ldns_rdf2str(field)); text) {
      line += text.get();
    }
  }
  return line + '\n';
}

}  // namespace dns
