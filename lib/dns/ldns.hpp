#pragma once

// The one place that includes ldns. <stdbool.h> first: ldns.h defines bool by itself when it is
// missing, which breaks clang++. Its headers are C and full of casts that our warnings would
// report: they are SYSTEM includes.
// clang-format off
#include <stdbool.h>  // NOLINT(modernize-deprecated-headers): see above
#include <ldns/ldns.h>
// clang-format on

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.hpp"
#include "dns/types.hpp"

namespace dns {

struct RrDeleter {
  void operator()(ldns_rr* rr) const { ldns_rr_free(rr); }
};
struct RdfDeleter {
  void operator()(ldns_rdf* rdf) const { ldns_rdf_deep_free(rdf); }
};
using RrPointer = std::unique_ptr<ldns_rr, RrDeleter>;
using RdfPointer = std::unique_ptr<ldns_rdf, RdfDeleter>;

/// Borrowed from `rdf`.
[[nodiscard]] inline base::Bytes octets_of(const ldns_rdf* rdf) {
  return {ldns_rdf_data(rdf), ldns_rdf_size(rdf)};
}

/// Takes data apart into the fields of its type. \param rdata wire form, uncompressed, at most
/// 65535 octets \param fields set where it succeeds
[[nodiscard]] inline ldns_status read_fields(RrType type, base::Bytes rdata, RrPointer& fields) {
  std::vector<std::uint8_t> wire(11 + rdata.size());  // RFC 1035 §4.1.3, of the root
  base::ByteWriter writer(wire);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>(type));
  writer.u16(static_cast<std::uint16_t>(RrClass::in));
  writer.u32(0);
  writer.u16(static_cast<std::uint16_t>(rdata.size()));
  writer.bytes(rdata);
  ldns_rr* raw = nullptr;
  std::size_t position = 0;
  const ldns_status status =
      ldns_wire2rr(&raw, wire.data(), wire.size(), &position, LDNS_SECTION_ANSWER);
  fields.reset(raw);
  return status;
}

}  // namespace dns
