#pragma once

// The one place that includes ldns. <stdbool.h> first: ldns.h defines bool by itself when it is
// missing, which breaks clang++. Its headers are C and full of casts that our warnings would
// report: they are SYSTEM includes.
// clang-format off
#include <stdbool.h>  // NOLINT(modernize-deprecated-headers): see above
#include <ldns/ldns.h>
// clang-format on

#include <memory>

#include "base/bytes.hpp"

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

}  // namespace dns
